/** Keeps the page as the queue is: asks for its parts again, and puts in place what has changed. */
const EVERY = 2000;
const $ = (id) => document.getElementById(id);
const still = $("still");
let [goes, timer] = [true, 0];

/** Puts a part in the place of the one that was there, and the focus where it was, or near it when that has gone. */
function change(old, part) {
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(part);
  if (focused) ($(focused) ?? part.querySelector("[tabindex]") ?? $("main")).focus({ preventScroll: true });
}

function show(markup) {
  const next = document.createElement("template");
  // Markup of our own server, in which everything from outside is text.
  next.innerHTML = markup;
  for (const part of [...next.content.children]) {
    const old = $(part.id);
    if (!old.isEqualNode(part)) change(old, part);
  }
  say();
}

/** Tells screen readers what has changed about the whole, and nothing of the figures that change all the time. */
function say() {
  const said = [...$("state").querySelectorAll("h2, li")].map((node) => node.textContent.replace(/[\d.]+ (s|min|h|d)\b/g, "long")).join(". ");
  if ($("said").dataset.said !== undefined && $("said").dataset.said !== said) $("said").textContent = said;
  $("said").dataset.said = said;
}

/** Says that nobody answers, once: what stands here is old by then. */
function lost(yes) {
  if ($("lost").hidden !== yes) return;
  $("lost").hidden = !yes;
  $("lost").textContent = yes ? `This worker does not answer. What stands here was seen at ${$("seen").textContent} UTC.` : "";
}

async function look() {
  try {
    const answer = await fetch("/page/now", { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.status);
    const markup = await answer.text();
    if (goes) show(markup);
    lost(false);
  } catch {
    lost(true);
  }
  plan();
}

/** Nobody is asked for a page that nobody sees. */
function plan() {
  clearTimeout(timer);
  if (goes && !document.hidden) timer = setTimeout(look, EVERY);
}

still.hidden = false;
still.addEventListener("click", () => {
  goes = !goes;
  still.textContent = goes ? "Stop updating" : "Update again";
  plan();
});
document.addEventListener("visibilitychange", plan);
// A reload tells nothing twice.
history.replaceState(null, "", "/");
say();
plan();
