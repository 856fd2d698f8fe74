/** Every line of the account, in words. */
import { pages, time } from "./pages.js";
import { make } from "./tools.js";
import { change, count, known, moment, say } from "./words.js";

/** The word of a line. `refund` is two things: a credit that comes back to its person, and money that went back. */
function word(reason, delta) {
  const key = reason === "refund" && delta < 0 ? "ledger.returned" : `ledger.${reason}`;
  return say(known(key) ? key : "ledger.other");
}

export const { load, clear } = pages("ledger", "/api/portal/ledger", ({ at, delta, reason, balance }) =>
  make("li", {},
    make("span", {}, word(reason, delta)),
    make("span", { class: `delta ${delta < 0 ? "minus" : "plus"}` }, change("credits", delta)),
    time(at, moment),
    make("span", { class: "left soft" }, say("ledger.left", { credits: count("credits", balance) }))));
