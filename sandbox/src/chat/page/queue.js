/** How many messages wait, and for how long. */
import { $, list, make, put } from "./tools.js";
import { view } from "./view.js";
import { duration, words } from "./words.js";

export function renderQueue(queue) {
  const { ready, leased, delayed, dead, oldestAgeSeconds: age } = queue ?? {};
  const looks = { ready: "busy", leased: "busy", delayed: "wait", dead: "bad", oldest: "wait" };
  const cells = Object.entries({ ready, leased, delayed, dead, oldest: age });
  list($("queue"), cells, ([id]) => id, () => make("div", "", make("dt"), make("dd")), (node, [id, value]) => {
    node.className = value > 0 ? looks[id] : "zero";
    put(node.firstChild, words.queue[id]);
    put(node.lastChild, value === undefined ? "–" : id !== "oldest" ? value.toLocaleString(view.language) : value > 0 ? duration(value * 1000) : "–");
  });
}
