/** The top of the page: by which provider, and how many credits. */
import { poll } from "./server.js";
import { $, aloud, button, list, make, put, set } from "./tools.js";
import { view } from "./view.js";
import { words } from "./words.js";

const PROVIDERS = { meta: "Meta Cloud API", twilio: "Twilio" };

export function renderCredits({ credits, conversation }) {
  if (credits === null) return;
  const badge = $("credits"), [, count, unit] = badge.children, change = credits - Number(count.textContent);
  badge.hidden = false;
  badge.classList.toggle("none", credits < 1);
  put(count, String(credits));
  put(unit, words.credits(credits));
  if (view.shown !== conversation) return badge.querySelector(".delta")?.remove();
  if (!change) return;
  aloud(words.left(credits));
  const delta = make("span", change > 0 ? "delta up" : "delta", (change > 0 ? "+" : "−") + Math.abs(change));
  delta.setAttribute("aria-hidden", "true");
  badge.append(delta);
  delta.onanimationend = () => delta.remove();
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) badge.animate({ scale: [1, 1.14, 1] }, 420);
}
export function renderProviders() {
  list($("providers"), view.state.providers, (id) => id, (id) => button("", () => change({ provider: id }), PROVIDERS[id] ?? id),
    (node, id) => set(node, "aria-pressed", String(id === view.provider)));
}
/** Two people, each with a phone, a conversation and credits of their own. */
export function renderPeople({ people, person }) {
  list($("people"), people, (name) => name, (name) => button("", () => change({ person: name }), name),
    (node, name) => set(node, "aria-pressed", String(name === (view.person || person.name))));
}
function change(what) {
  Object.assign(view, what, { chosen: "" });
  $("error").hidden = true;
  renderProviders();
  renderPeople(view.state);
  poll();
}
