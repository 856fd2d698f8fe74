/** All that is kept of somebody, as a file. A link would save it as well, and could not tell why there is none. */
import { file } from "./server.js";
import { $, busy, complain, make } from "./tools.js";

/** For browsers that read what they save a little later. */
const KEEP_MS = 60_000;

$("export").addEventListener("click", () => {
  busy($("export"), async () => {
    complain($("export-failed"), "");
    try {
      const { blob, name } = await file("/api/portal/export");
      const url = URL.createObjectURL(blob);
      make("a", { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), KEEP_MS);
    } catch (refusal) {
      complain($("export-failed"), refusal.message);
    }
  });
});
