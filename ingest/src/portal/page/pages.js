/** A list that comes page by page: what was written, what moved. */
import { get } from "./server.js";
import { $, announce, busy, make, show } from "./tools.js";

/** The list with this id, filled from this address; `draw` makes an item of each. Returns what fills it anew, and what empties it. */
export function pages(id, path, draw) {
  let next = null, turn = 0;
  const list = $(id), more = $(`${id}-more`), none = $(`${id}-none`);
  async function load(focus) {
    const mine = turn += 1;
    const page = await get(path, { before: next });
    // The list was begun anew meanwhile, and this page belongs to the one before.
    if (mine !== turn) return;
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
  function clear() {
    turn += 1;
    next = null;
    list.replaceChildren();
  }
  return {
    clear,
    load() {
      clear();
      return load(false);
    },
  };
}

/** A moment, for eyes and for machines. */
export const time = (iso, words) => make("time", { datetime: iso, class: "soft" }, words(iso));
