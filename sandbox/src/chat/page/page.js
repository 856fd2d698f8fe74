/** The whole page, and the hands on it. */
import { renderHarms } from "./harm.js";
import { renderChat, showJump } from "./phone.js";
import { renderQueue } from "./queue.js";
import { begin, poll, say } from "./server.js";
import { renderStory } from "./story.js";
import { $, button, label, list, make, put, set } from "./tools.js";
import { renderCredits, renderPeople, renderProviders } from "./top.js";
import { memory, view } from "./view.js";
import { renderVoice } from "./voice.js";
import { LANGUAGES, learn, words } from "./words.js";

function render() {
  const { state } = view;
  put($("tagline"), words.tagline(state.real));
  put($("business"), state.business.name);
  put($("tag"), words.tag(state.real));
  put($("presence"), state.typing ? words.typing : state.business.phone);
  put($("note"), words.note(state.person));
  $("tag").hidden = $("note").hidden = false;
  renderProviders();
  renderPeople(state);
  renderCredits(state);
  renderChat(state);
  renderHarms(state);
  renderQueue(state.queue);
  renderStory(state);
  view.shown = state.conversation;
}
function speak(language) {
  view.language = document.documentElement.lang = language;
  memory.postlyLanguage = language;
  document.cookie = `postlyLanguage=${language}; Path=/; SameSite=Lax`; // For the page that Stripe leads back to.
  learn(language);
  for (const node of document.querySelectorAll("[data-label]")) label(node, words[node.dataset.label]);
  put($("did"), words.did);
  put($("line"), words.line);
  put($("promise"), words.promise);
  put($("offer"), words.offer);
  $("path").replaceChildren(...words.path.map(([title, detail]) => make("li", "step", make("span", "dot"),
    make("div", "what", make("strong", "", title), make("small", "", detail)))));
  $("text").placeholder = words.write;
  list($("languages"), LANGUAGES, (id) => id, (id) => button("", () => speak(id), id.toUpperCase()),
    (node, id) => set(node, "aria-pressed", String(id === language)));
  list($("chips"), words.chips, (text) => text, (text) => button("", () => say(text), text));
  renderVoice();
  if (view.state) render();
}

function fit() {
  $("text").style.height = "auto";
  $("text").style.height = `${$("text").scrollHeight}px`;
}
$("text").oninput = () => { fit(); $("error").hidden = true; };
$("text").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("form").requestSubmit();
};
$("form").onsubmit = async (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (await say(text) && $("text").value === text) $("text").value = "";
  fit();
  $("text").focus();
};
$("log").onscroll = showJump;
// When the phone's feet grow (a long draft, an error), who stood at the end of the conversation stays there.
new ResizeObserver(() => { if ($("jump").hidden) $("log").scrollTop = $("log").scrollHeight; }).observe($("log"));
$("jump").onclick = () => $("log").scrollTo({ top: $("log").scrollHeight, behavior: "smooth" });
document.onvisibilitychange = () => { if (!document.hidden) poll(); };

speak(LANGUAGES.includes(memory.postlyLanguage) ? memory.postlyLanguage : "fr");
begin(render);
if (matchMedia("(hover: hover)").matches) $("text").focus();
