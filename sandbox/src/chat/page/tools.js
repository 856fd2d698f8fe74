/** Small tools: they touch the page only where something changed. */

export const $ = (id) => document.getElementById(id);
export const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
export const set = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };
export const label = (node, text) => ["aria-label", ...(node.matches("button") ? ["title"] : [])].forEach((name) => set(node, name, text));
export const aloud = (text) => { $("aloud").append(make("p", "", text)); if ($("aloud").children.length > 3) $("aloud").firstChild.remove(); };

export function make(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}
export const button = (className, onclick, ...children) =>
  Object.assign(make("button", className, ...children), { type: "button", onclick });
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.append(document.createElementNS(svg.namespaceURI, "use"));
  svg.firstChild.setAttribute("href", `#${name}`);
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  return svg;
}
/** Shows `items` in `parent`, in order: a node is made once per key, then only updated. */
export function list(parent, items, key, create, update = () => {}) {
  const keys = new Set(items.map(key));
  for (const node of [...parent.children]) if (!keys.has(node.dataset.key)) node.remove();
  const known = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const node = known.get(key(item)) ?? create(item);
    set(node, "data-key", key(item));
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
    update(node, item);
  }
}
export const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40;
