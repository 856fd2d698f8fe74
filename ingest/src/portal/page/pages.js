/** A list that comes page by page: what was written, what moved. */
import { get } from "./server.js";
import { $, announce, busy, make, show } from "./tools.js";

/** The list with this id, filled from this address; `draw` makes an item of each. Returns what fills it anew. */
export function pages(id, path, draw) {
  let next = null;
  const list = $(id), more = $(`${id}-more`), none = $(`${id}-none`);
  async function load(focus) {
    const page = await get(path, { before: next });
    const items = page.items.map(draw);
    list.append(...items);
    next = page.next;
    show(more, Boolean(next));
    show(none, !list.children.length);
    // The button may be gone: whoever pressed it goes on with what is new.
    if (focus && items[0]) {
      items[0].tabIndex = -1;
      items[0].focus();
    }
  }
  more.addEventListener("click", () => busy(more, () => load(true).catch((refusal) => announce(refusal.message))));
  return () => {
    next = null;
    list.replaceChildren();
    return load(false);
  };
}

/** A moment, for eyes and for machines. */
export const time = (iso, words) => make("time", { datetime: iso, class: "soft" }, words(iso));
