/** The phone: the conversation as the person sees it. */
import { formatted, isJumbo } from "./format.js";
import { closeSheet, menu } from "./menu.js";
import { poll, react } from "./server.js";
import { $, aloud, atEnd, button, icon, label, list, make, put, set } from "./tools.js";
import { ofPayment, view } from "./view.js";
import { clock, date, words } from "./words.js";

/** Messages with the days between them; `first` opens a group and carries the tail. `about` is the story that a message
    tells. A quote appears only where the answer does not follow its question directly, or a tap what it was offered:
    elsewhere it would repeat the line above. */
function conversation({ messages, typing }) {
  const rows = [];
  let day = "", from = "", asked = null, offered = null;
  for (const message of messages) {
    const itsDay = new Date(message.at).toDateString(), opens = itsDay !== day;
    if (opens) rows.push({ id: `day ${itsDay}`, kind: "day", at: message.at });
    const known = message.from === "me" ? offered : asked;
    const quote = message.replyTo && message.replyTo !== known && messages.find((other) => other.id === message.replyTo);
    rows.push({ ...message, kind: "message", first: opens || message.from !== from, quote: quote ? quote.text : "",
      about: message.from === "me" ? message.id : ofPayment(message.replyTo) ? message.replyTo : "" });
    [day, from] = [itsDay, message.from];
    if (from === "me") asked = message.id;
    else offered = message.id;
  }
  if (typing) rows.push({ id: "typing", kind: "typing" });
  return rows;
}
/** A document, to be saved. */
function paper(row) {
  const link = make("a", "document", `📄 ${row.document}`);
  link.href = `/api/document?message=${encodeURIComponent(row.id)}`;
  link.download = row.document;
  return link;
}
function createRow(row) {
  if (row.kind === "day") return make("li", "day");
  if (row.kind === "typing") return make("li", "msg postly first new", make("div", "bubble dots", make("i"), make("i"), make("i")));
  const body = make("span", "body", formatted(row.text));
  const bubble = make("div", `bubble ${isJumbo(row.text) ? "jumbo" : ""}`, make("span", "sr"), make("span", "quote"), body,
    make("span", "meta", make("time"), make("span")), ...(row.menu ? [menu(row)] : []));
  if (row.document) body.prepend(paper(row));
  // Twilio delivers no reactions.
  const thumb = row.from === "postly" && view.state.provider === "meta";
  const liked = () => react(row.id, bubble.dataset.reaction ? null : "👍");
  if (thumb) bubble.ondblclick = (event) => { if (!event.target.closest("button, a")) { getSelection().empty(); liked(); } };
  if (row.from === "me") bubble.onclick = () => { if (!String(getSelection())) choose(row.id); };
  const side = button("side", () => (side.dataset.about ? choose(side.dataset.about) : copy(side, row.text)), icon("copy"));
  const tools = make("div", "tools", side, ...(thumb ? [button("side thumb", liked, "👍")] : []));
  return make("li", `msg ${row.from} ${view.shown === view.state.conversation ? "new" : ""}`, bubble, tools);
}
function updateRow(node, row) {
  if (row.kind === "day") put(node, dayName(row.at));
  if (row.kind !== "message") return;
  const [bubble, tools] = node.children, [side, thumb] = tools.children, [who, quote, , meta, offers] = bubble.children, [time, ticks] = meta.children;
  const mine = row.from === "me", { selected, person, business } = view.state;
  if (thumb) {
    const reaction = row.reaction ?? "";
    if (bubble.dataset.reaction !== reaction) bubble.dataset.reaction = reaction;
    set(thumb, "aria-pressed", String(Boolean(reaction)));
    label(thumb, reaction ? words.unlike : words.like);
  }
  node.classList.toggle("first", row.first);
  node.classList.toggle("chosen", row.about === selected);
  put(who, `${mine ? person.name : business.name}, `);
  put(quote, row.quote);
  put(time, clock.format(row.at));
  const status = mine || row.status === "failed" ? row.status ?? "" : "";
  if (ticks.className !== status) {
    ticks.className = status;
    ticks.replaceChildren(icon(status === "read" ? "delivered" : status), make("span", "sr"));
  }
  if (status) put(ticks.lastChild, words.status[status]);
  // What an answer is about may be known a moment after the answer.
  if (row.about && side.dataset.about !== row.about) {
    side.dataset.about = row.about;
    side.replaceChildren(icon("route"));
  }
  if (row.about) set(side, "aria-pressed", String(row.about === selected));
  if (!side.matches(".told-copy")) label(side, row.about ? words.see : words.copy);
  if (offers) label(offers, words.choices);
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
  const log = $("log"), messages = $("messages"), wasAtEnd = atEnd(log), opening = view.shown !== state.conversation;
  if (opening) closeSheet();
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
