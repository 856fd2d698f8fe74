/** What is broken, the buttons that break it, and those that move money. */
import { ask, poll } from "./server.js";
import { $, button, icon, list, make, put, set } from "./tools.js";
import { view } from "./view.js";
import { WORDS, words } from "./words.js";

const HARMED_WITHIN_MS = 95_000; // A server that comes back has half a minute, after as long for its end.
const ICONS = { redeliver: "again", kill_worker: "bolt", redis: "power", postgres: "power", slow_model: "snail", fail_model: "bolt",
  empty: "drop", refund: "return", dispute: "flag" };
let refusal = null; // Why a button did nothing, in both languages, until another one is pressed.
function renderButtons(group, press) {
  list($(group), view.state[group], ({ id }) => id, ({ id }) => button("", () => press(id), icon(ICONS[id]), make("span")), (node, { id, on, why }) => {
    const [off, undo] = words.deed[id];
    put(node.lastChild, on && undo ? undo : off);
    if (on !== null) set(node, "aria-pressed", String(on));
    set(node, "aria-disabled", String(Boolean(why)));
    set(node, "title", why ? why[view.language] : words.deedTitle[id]);
  });
}
export function renderHarms({ services: { redis, postgres, worker } }) {
  renderButtons("harms", (id) => press("harms", id, (on) => ["/api/harm", { harm: id, on: !on }]));
  renderButtons("purse", (id) => press("purse", id, () => ["/api/purse", { deed: id }]));
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
async function press(group, id, request) {
  const node = $(group).querySelector(`[data-key="${id}"]`), { on, why } = view.state[group].find((one) => one.id === id);
  if (node.matches("[aria-busy=true]")) return;
  refusal = why;
  if (!why) {
    set(node, "aria-busy", "true");
    refusal = await ask(...request(on), HARMED_WITHIN_MS, WORDS.unanswered);
    set(node, "aria-busy", "false");
    // The story of what it was done to is the one to watch: a payment may have moved since that message.
    if (id === "redeliver") view.chosen = view.state.messages.findLast((message) => message.from === "me")?.id ?? "";
    if (group === "purse") view.chosen = "";
  }
  poll();
}
