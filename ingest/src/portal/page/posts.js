/** What was written for this person, to be copied. */
import { pages, time } from "./pages.js";
import { announce, make } from "./tools.js";
import { language, moment, say } from "./words.js";

export const { load, clear } = pages("posts", "/api/portal/generations", ({ id, brief, createdAt, language: tongue, posts }) =>
  make("li", { "aria-labelledby": `brief-${id}` },
    make("h3", { class: "brief", id: `brief-${id}` }, brief),
    time(createdAt, moment),
    make("ol", { class: "three" }, ...posts.map((post, place) => make("li", {},
      make("p", { class: "post", lang: tongue && tongue !== language ? tongue : null }, post),
      make("button", { type: "button", onclick: (event) => copy(event.currentTarget, post),
        "aria-label": say("posts.copy_one", { n: place + 1 }) }, say("posts.copy")))))));

async function copy(button, text) {
  const copied = await clipboard(text);
  announce(copied ? say("posts.copied") : say("posts.not_copied"));
  if (!copied) return;
  button.textContent = say("posts.copied");
  setTimeout(() => { button.textContent = say("posts.copy"); }, 2500);
}

/** Without TLS there is no clipboard but the old one. */
async function clipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = make("textarea", { readonly: "" });
    const focused = document.activeElement;
    field.value = text;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return copied;
  }
}
