/** What is broken, and the buttons that break it. */
import { poll } from "./server.js";
import { $, button, icon, list, make, put, set } from "./tools.js";
import { view } from "./view.js";
import { WORDS, words } from "./words.js";

const HARMED_WITHIN_MS = 95_000; // A server that comes back has half a minute, after as long for its end.
const HARM_ICONS = { redeliver: "again", kill_worker: "bolt", redis: "power", postgres: "power", slow_model: "snail", fail_model: "bolt" };
let refusal = null; // Why a button did nothing, in both languages, until another one is pressed.
export function renderHarms({ harms, services: { redis, postgres, worker } }) {
  list($("harms"), harms, ({ id }) => id, ({ id }) => button("", () => harm(id), icon(HARM_ICONS[id]), make("span")), (node, { id, on, why }) => {
    const [off, undo] = words.harm[id];
    put(node.lastChild, on && undo ? undo : off);
    if (on !== null) set(node, "aria-pressed", String(on));
    set(node, "aria-disabled", String(Boolean(why)));
    set(node, "title", why ? why[view.language] : words.harmTitle[id]);
  });
  const lines = redis === "stopped" && postgres === "stopped" ? ["both"]
    : [redis === "stopped" ? "redis" : redis === "silent" ? "redisSilent" : "", postgres === "stopped" ? "postgres" : postgres === "silent" ? "postgresSilent" : ""];
  if (worker === "stopped") lines.push("worker");
  if (refusal) lines.push("no");
  list($("away"), lines.filter(Boolean), (id) => id, () => make("p", "", make("strong"), " ", make("span")), (node, id) => {
    const [what, held] = id === "no" ? ["", refusal[view.language]] : words.away[id];
    put(node.firstChild, what);
    put(node.lastChild, held);
    node.lastChild.className = id === "no" ? "no" : "";
  });
  $("away").hidden = !lines.some(Boolean);
}
async function harm(id) {
  const node = $("harms").querySelector(`[data-key="${id}"]`), { on, why } = view.state.harms.find((one) => one.id === id);
  if (node.matches("[aria-busy=true]")) return;
  refusal = why;
  if (!why) {
    set(node, "aria-busy", "true");
    try {
      const body = JSON.stringify({ provider: view.provider, harm: id, on: !on });
      const answer = await fetch("/api/harm", { method: "POST", headers: { "content-type": "application/json" }, body,
        signal: AbortSignal.timeout(HARMED_WITHIN_MS) });
      if (!answer.ok) refusal = (await answer.json()).error;
    } catch {
      refusal = { fr: WORDS.unanswered[0], en: WORDS.unanswered[1] };
    }
    set(node, "aria-busy", "false");
    if (id === "redeliver") view.chosen = ""; // Its story is the one to watch.
  }
  poll();
}
