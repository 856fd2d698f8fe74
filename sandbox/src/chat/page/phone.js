/** The phone: the conversation as the person sees it. */
import { formatted, isJumbo } from "./format.js";
import { poll } from "./server.js";
import { $, aloud, atEnd, button, icon, label, list, make, put, set } from "./tools.js";
import { view } from "./view.js";
import { clock, date, words } from "./words.js";

/** Messages with the days between them; `first` opens a group and carries the tail. A quote appears only where the
    answer does not follow its question directly: elsewhere it would repeat the line above. */
function conversation({ messages, typing }) {
  const rows = [];
  let day = "", from = "", asked = null;
  for (const message of messages) {
    const itsDay = new Date(message.at).toDateString(), opens = itsDay !== day;
    if (opens) rows.push({ id: `day ${itsDay}`, kind: "day", at: message.at });
    const quote = message.replyTo && message.replyTo !== asked && messages.find((other) => other.id === message.replyTo);
    rows.push({ ...message, kind: "message", first: opens || message.from !== from, quote: quote ? quote.text : "" });
    [day, from] = [itsDay, message.from];
    if (from === "me") asked = message.id;
  }
  if (typing) rows.push({ id: "typing", kind: "typing" });
  return rows;
}
function createRow(row) {
  if (row.kind === "day") return make("li", "day");
  if (row.kind === "typing") return make("li", "msg postly first new", make("div", "bubble dots", make("i"), make("i"), make("i")));
  const body = make("span", "body", formatted(row.text));
  const bubble = make("div", `bubble ${isJumbo(row.text) ? "jumbo" : ""}`, make("span", "sr"), make("span", "quote"), body,
    make("span", "meta", make("time"), make("span")));
  const mine = row.from === "me";
  if (mine) bubble.onclick = () => { if (!String(getSelection())) choose(row.id); };
  const side = mine ? button("side", () => choose(row.id), icon("route")) : button("side", () => copy(side, row.text), icon("copy"));
  return make("li", `msg ${row.from} ${view.shown === view.state.provider ? "new" : ""}`, bubble, side);
}
function updateRow(node, row) {
  if (row.kind === "day") put(node, dayName(row.at));
  if (row.kind !== "message") return;
  const [bubble, side] = node.children, [who, quote, , meta] = bubble.children, [time, ticks] = meta.children;
  const mine = row.from === "me", { selected, person, business } = view.state;
  node.classList.toggle("first", row.first);
  node.classList.toggle("chosen", row.id === selected);
  put(who, `${mine ? person.name : business.name}, `);
  put(quote, row.quote);
  put(time, clock.format(row.at));
  const status = mine || row.status === "failed" ? row.status ?? "" : "";
  if (ticks.className !== status) {
    ticks.className = status;
    ticks.replaceChildren(icon(status === "read" ? "delivered" : status), make("span", "sr"));
  }
  if (status) put(ticks.lastChild, words.status[status]);
  if (mine) set(side, "aria-pressed", String(row.id === selected));
  if (!side.matches(".told-copy")) label(side, mine ? words.see : words.copy);
}
function dayName(at) {
  const days = Math.round((new Date().setHours(12, 0, 0, 0) - new Date(at).setHours(12, 0, 0, 0)) / 86_400_000);
  return [words.today, words.yesterday][days] ?? date.format(at);
}
function choose(id) {
  view.chosen = id;
  poll();
  if (matchMedia("(max-width: 960px)").matches) $("panel").scrollIntoView({ behavior: "smooth" });
}
async function copy(side, text) {
  const done = await navigator.clipboard?.writeText(text).then(() => true, () => false) ?? false;
  aloud(done ? words.copied : words.uncopied);
  label(side, done ? words.copied : words.uncopied);
  side.classList.add("told-copy");
  side.replaceChildren(icon(done ? "check" : "cross"));
  setTimeout(() => { side.classList.remove("told-copy"); side.replaceChildren(icon("copy")); }, 1600);
}
export function renderChat(state) {
  const log = $("log"), messages = $("messages"), wasAtEnd = atEnd(log), opening = view.shown !== state.provider;
  const known = new Set([...messages.children].map((node) => node.dataset.key));
  list(messages, conversation(state), (row) => row.id, createRow, updateRow);
  $("pitch").hidden = state.messages.length > 0;
  const fresh = opening ? [] : state.messages.filter((message) => !known.has(message.id));
  const answer = fresh.find((message) => message.from === "postly");
  if (answer) aloud(`${state.business.name} : ${answer.text}`);
  if (opening || wasAtEnd || fresh.some((message) => message.from === "me")) {
    // A long answer is read from its beginning, not from its end.
    const top = answer ? messages.querySelector(`[data-key="${CSS.escape(answer.id)}"]`).offsetTop - 10 : Infinity;
    log.scrollTop = Math.min(log.scrollHeight, top);
  } else if (answer) $("jump").classList.add("fresh");
  showJump();
}
export function showJump() {
  $("jump").hidden = atEnd($("log"));
  if ($("jump").hidden) $("jump").classList.remove("fresh");
}
