/** What a message offers, as WhatsApp shows it: reply buttons under the words, or one button that opens a sheet of rows.
    The sheet belongs to the phone: while it is open the rest of the phone cannot be reached, the rest of the page can. */
import { tap } from "./server.js";
import { $, button, icon, make } from "./tools.js";

/** The buttons under a message. They stay, and can be tapped for as long as the message is there. */
export function menu({ id, menu: { opens, choices } }) {
  const buttons = opens
    ? [button("", (event) => openSheet(event.currentTarget, id, opens, choices), icon("rows"), opens)]
    : choices.map((choice) => button("", () => tap(id, choice.id), icon("reply"), choice.title));
  if (opens) buttons[0].setAttribute("aria-haspopup", "dialog");
  const group = make("div", "menu", ...buttons);
  group.setAttribute("role", "group");
  return group;
}

let opener = null; // Has the focus again when the sheet is closed.
const behind = () => [...$("sheet").parentElement.children].filter((node) => node !== $("sheet") && node !== $("veil"));

function openSheet(from, message, title, choices) {
  opener = from;
  $("offered").textContent = title;
  const row = ({ id, title, description }) => make("li", "", button("", () => { closeSheet(); tap(message, id); },
    make("span", "", title), make("small", "", description ?? "")));
  $("choices").replaceChildren(...choices.map(row));
  for (const node of behind()) node.inert = true;
  $("veil").hidden = false;
  $("sheet").show();
  $("choices").querySelector("button").focus();
}
export function closeSheet() {
  if (!$("sheet").open) return;
  for (const node of behind()) node.inert = false;
  $("veil").hidden = true;
  $("sheet").close();
  (opener.isConnected ? opener : $("text")).focus();
}
$("close").onclick = $("veil").onclick = closeSheet;
document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeSheet(); });
