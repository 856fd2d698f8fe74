/** The server: asked again and again how things are, and told what the person writes. */
import { $, put, set } from "./tools.js";
import { view } from "./view.js";
import { words } from "./words.js";

const POLL_MS = 300, POLL_HIDDEN_MS = 2000; // A hidden tab is only kept roughly up to date.
const ANSWER_WITHIN_MS = 4000;              // A server on the same machine that needs longer is as good as gone.
const TAKEN_WITHIN_MS = 15_000;             // With a fault switched on, taking a message may be slow without being lost.
const MISSES_UNTIL_BANNER = 2;              // One lost answer is no news.

let render = () => {};
/** Begins to ask; `then` shows each answer, which is in `view.state`. */
export function begin(then) {
  render = then;
  poll();
}

let asking = false, askAgain = false, timer = 0, misses = 0;
/** Asks for the state, one request at a time; called during one, it asks again right after it. */
export async function poll() {
  askAgain = asking;
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  const { provider, chosen } = view;
  let state = null, trouble = "";
  try {
    const query = new URLSearchParams({ provider, message: chosen });
    const answer = await fetch(`/api/state?${query}`, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    if (answer.ok) state = await answer.json();
    else trouble = words.broken(answer.status);
  } catch {
    trouble = words.stopped;
  }
  misses = trouble ? misses + 1 : 0;
  $("banner").hidden = misses < MISSES_UNTIL_BANNER;
  put($("banner"), $("banner").hidden ? "" : trouble);
  asking = false;
  timer = setTimeout(poll, askAgain ? 0 : document.hidden ? POLL_HIDDEN_MS : POLL_MS);
  // An answer to a question that is no longer asked is dropped.
  if (!state || provider !== view.provider || chosen !== view.chosen) return;
  if (state.selected !== chosen) view.chosen = ""; // That message is gone: follow the latest.
  view.state = state;
  render();
}
/** Sends a text; the promise tells whether it was taken. */
export async function say(text) {
  const send = $("send");
  if (send.matches("[aria-busy=true]") || !text.trim()) return false;
  set(send, "aria-busy", "true");
  let error = "";
  try {
    const body = JSON.stringify({ provider: view.provider, text });
    const answer = await fetch("/api/say", { method: "POST", headers: { "content-type": "application/json" }, body,
      signal: AbortSignal.timeout(TAKEN_WITHIN_MS) });
    if (!answer.ok) error = (await answer.json()).error?.[view.language] || words.unreachable;
  } catch {
    error = words.unreachable;
  }
  set(send, "aria-busy", "false");
  $("error").hidden = !error;
  put($("error"), error);
  if (error) return false;
  view.chosen = "";
  poll();
  return true;
}
