/** What the system did with a message, step by step. */
import { $, atEnd, icon, list, make, put } from "./tools.js";
import { ofPayment, view } from "./view.js";
import { duration, words } from "./words.js";

export function renderStory({ messages, selected, about, story, typing, queue }) {
  const box = $("story"), follow = atEnd(box);
  // A step that still runs is measured with this machine's clock, which is the server's.
  const arrived = story.length ? story[0].at - story[0].sinceMs : 0, spent = Math.max(0, Date.now() - arrived);
  const seen = {}; // After a retry the same title comes again.
  const steps = story.map((step) => {
    const nth = (seen[step.title.en] = (seen[step.title.en] ?? 0) + 1);
    const took = step.tookMs ?? (step.state === "running" ? Math.max(0, spent - step.sinceMs) : null);
    return { ...step, took, key: `${selected} ${step.title.en} ${nth}` };
  });
  // The bars share one scale, up to the end of the last step that lasted: a receipt minutes later does not flatten them.
  const scale = Math.max(1, ...steps.map((step) => (step.took === null ? 0 : step.sinceMs + step.took)));
  list($("steps"), steps, (step) => step.key, createStep, (node, step) => updateStep(node, step, scale));
  $("empty").hidden = steps.length > 0;
  put($("empty"), about ? words.waiting : words.empty);
  $("path").hidden = Boolean(about);
  $("about").hidden = !about;
  put($("about"), about ? about[view.language] : "");
  const reply = messages.find((message) => message.from === "postly" && message.replyTo === selected);
  // Between two steps, or two attempts, nothing runs; the queue or the typing still says that the latest message is under way.
  const latest = messages.findLast((message) => message.from === "me")?.id === selected;
  const busy = steps.some((step) => step.state === "running") || (latest && !reply && (typing || (queue && queue.ready + queue.leased + queue.delayed > 0)));
  const outcome = !steps.length ? "" : busy ? "running" : reply ? "done" : steps.at(-1).state === "failed" ? "failed" : "";
  $("total").className = `total ${outcome}`;
  put($("total"), outcome === "running" ? words.running(duration(spent)) : outcome === "failed" ? words.state.failed
    : outcome === "done" ? (ofPayment(selected) ? words.told : words.replied)(duration(Math.max(0, reply.at - arrived))) : "");
  if (follow) box.scrollTop = box.scrollHeight;
}
function createStep() {
  const took = make("div", "took", make("span", "track", make("i")), make("span", "ms"));
  return make("li", "", make("span", "when"), make("span", "dot"), make("div", "what", make("strong"), make("small")), took, make("span", "sr"));
}
function updateStep(node, step, scale) {
  const [when, dot, what, took, state] = node.children, [track, ms] = took.children;
  if (node.className !== `step ${step.state}`) {
    node.className = `step ${step.state}`;
    dot.replaceChildren(icon({ failed: "cross", harm: "bolt" }[step.state] ?? "check"));
  }
  put(when, `+${duration(step.sinceMs)}`);
  put(what.firstChild, step.title[view.language]);
  put(what.lastChild, step.detail?.[view.language] ?? step.detail ?? "");
  put(ms, step.took === null ? "" : step.took < 1 ? "< 1 ms" : duration(step.took));
  put(state, words.state[step.state]);
  track.style.setProperty("--from", `${Math.min(100, (100 * step.sinceMs) / scale)}%`);
  track.style.setProperty("--size", `${(100 * (step.took ?? 0)) / scale}%`);
}
