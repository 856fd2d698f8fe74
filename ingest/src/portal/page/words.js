/** The words that are said by the script, in the language of the page: ingest puts them there (words.rs). */
const WORDS = JSON.parse(document.getElementById("words").textContent);

export const language = document.documentElement.lang;

/** A sentence; what stands in braces is put in. */
export const say = (key, values = {}) => WORDS[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** Whether there is such a sentence: some keys come from the server, and it may know more of them than this page. */
export const known = (key) => key in WORDS;

const numbers = new Intl.NumberFormat(language);
export const number = (value) => numbers.format(value);

/** So many of something. In French, zero and one are singular. */
export function count(key, n) {
  const one = language === "fr" ? Math.abs(n) < 2 : Math.abs(n) === 1;
  return say(`${key}.${one ? "one" : "many"}`, { n: number(n) });
}

/** A change of so many, with its sign. */
export const change = (key, n) => `${n < 0 ? "−" : "+"}${count(key, Math.abs(n))}`;

const days = new Intl.DateTimeFormat(language, { dateStyle: "long" });
const moments = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
export const day = (iso) => days.format(new Date(iso));
export const moment = (iso) => moments.format(new Date(iso));
