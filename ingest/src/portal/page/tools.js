/** Finding and making parts of the page. What comes from outside reaches it as text, never as markup. */
export const $ = (id) => document.getElementById(id);

export const show = (node, yes = true) => { node.hidden = !yes; };

/** A new element with these attributes and children; a string becomes text. */
export function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Says something for a moment, to eyes and to screen readers, without moving anybody's focus. */
let timer = 0;
export function announce(text) {
  // Who has nothing to say does not take the word from anybody.
  if (!text) return;
  clearTimeout(timer);
  $("toast").textContent = "";
  // Emptied first: the same words twice are two announcements.
  requestAnimationFrame(() => { $("toast").textContent = text; });
  timer = setTimeout(() => { $("toast").textContent = ""; }, 5000);
}

/** Shows why something was not done, or that nothing is wrong any more. */
export function complain(node, text, input = null) {
  node.textContent = text;
  show(node, Boolean(text));
  input?.setAttribute("aria-invalid", String(Boolean(text)));
  if (text) input?.focus();
}

/** Does something that takes a moment at one press of a button, and nothing at the presses meanwhile. */
export async function busy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

/** Asks whether something is really wanted. */
export function sure(title, text, yes) {
  const dialog = $("sure");
  $("sure-title").textContent = title;
  $("sure-text").textContent = text;
  $("sure-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  $("sure-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
