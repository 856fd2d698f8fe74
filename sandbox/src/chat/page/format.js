/** WhatsApp's formatting, as nodes: never as markup. */
import { make } from "./tools.js";

const MARKS = { "*": "strong", "_": "em", "~": "s" };
/** An address, ```code```, or a mark that hugs its words and does not stand inside one (`snake_case` stays itself). */
const FORMAT =
  /(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]'’»*_~])|```([^]+?)```|(?<![\p{L}\p{N}])([*_~])(?=\S)(.+?)(?<=\S)\3(?![\p{L}\p{N}])/gu;
const ONLY_EMOJI = /^[\p{Extended_Pictographic}\p{Regional_Indicator}\p{Emoji_Modifier}\u200d\ufe0f\s]+$/u;

export function formatted(text) {
  const out = document.createDocumentFragment();
  let end = 0;
  for (const match of text.matchAll(FORMAT)) {
    const [whole, link, code, mark, inner] = match;
    out.append(text.slice(end, match.index));
    end = match.index + whole.length;
    if (link) out.append(Object.assign(make("a", "", link), { href: link, target: "_blank", rel: "noopener noreferrer" }));
    else if (code) out.append(make("code", "", code));
    else out.append(make(MARKS[mark], "", formatted(inner)));
  }
  out.append(text.slice(end));
  return out;
}
/** One to three emoji alone are shown large, as WhatsApp does. */
export const isJumbo = (text) => ONLY_EMOJI.test(text) && [...new Intl.Segmenter().segment(text.replace(/\s/g, ""))].length <= 3;
