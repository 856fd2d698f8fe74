/** To be forgotten: asked once, and the page is left. */
import { post } from "./server.js";
import { $, busy, complain, show, sure } from "./tools.js";
import { say } from "./words.js";

/** What is to happen when it is on its way. */
export const onErased = (then) => {
  $("erase").addEventListener("click", async () => {
    if (!await sure(say("erase.sure"), say("erase.erasing"), say("erase.yes"))) return;
    await busy($("erase"), async () => {
      complain($("erase-failed"), "");
      try {
        const { receipt } = await post("/api/portal/erase");
        then();
        $("banner").textContent = say("erase.done", { receipt });
        show($("banner"));
      } catch (refusal) {
        complain($("erase-failed"), refusal.message);
      }
    });
  });
};
