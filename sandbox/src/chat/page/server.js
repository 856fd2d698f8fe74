/** The server: asked again and again how things are, and told what the person writes, taps and presses. */
import { $, put, set } from "./tools.js";
import { view } from "./view.js";
import { WORDS, words } from "./words.js";

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
  const { provider, person, chosen } = view;
  let state = null, trouble = "";
  try {
    const query = new URLSearchParams({ provider, person, message: chosen });
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
  if (!state || provider !== view.provider || person !== view.person || chosen !== view.chosen) return;
  if (state.selected !== chosen) view.chosen = ""; // That message is gone: follow the latest.
  view.state = state;
  render();
}
/** Asks for something to be done; the promise tells why it was not, in both languages, or null. */
export async function ask(path, body, within, unanswered) {
  const silence = { fr: unanswered[0], en: unanswered[1] };
  try {
    const { provider, person } = view, file = body instanceof Blob;
    const answer = await fetch(path, { method: "POST", headers: { "content-type": file ? body.type : "application/json" },
      body: file ? body : JSON.stringify({ provider, person, ...body }), signal: AbortSignal.timeout(within) });
    return answer.ok ? null : (await answer.json()).error ?? silence;
  } catch {
    return silence;
  }
}
/** Sends something from the phone; the promise tells whether it was taken. */
async function send(path, body, unanswered) {
  const busy = $("send");
  if (busy.matches("[aria-busy=true]")) return false;
  set(busy, "aria-busy", "true");
  const error = await ask(path, body, TAKEN_WITHIN_MS, unanswered);
  set(busy, "aria-busy", "false");
  $("error").hidden = !error;
  put($("error"), error ? error[view.language] : "");
  if (error) return false;
  view.chosen = "";
  poll();
  return true;
}
export const say = async (text) => Boolean(text.trim()) && send("/api/say", { text }, WORDS.unreachable);
export const react = (message, emoji) => ask("/api/react", { message, emoji }, TAKEN_WITHIN_MS, WORDS.unanswered).then(poll);
export const speak = (words, sound) => send(`/api/voice?${new URLSearchParams({ provider: view.provider, person: view.person, words })}`,
  sound ?? new Blob([], { type: "audio/ogg" }), WORDS.unanswered);
export const tap = (message, choice) => send("/api/tap", { message, choice }, WORDS.unanswered);
