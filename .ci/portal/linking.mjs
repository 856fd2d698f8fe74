/** Takes the number from an account that the web app knows, and gives it back by the code that comes to the phone. */
import assert from "node:assert/strict";
import { focused, looks, opens, tabs } from "./browser.mjs";
import { ALICE, BOB, codes, newCode, taps } from "./demo.mjs";
import { asked, isIn } from "./phone.mjs";

export async function linking({ chat, portal, hasAddress }) {
  await hasAddress(BOB, "bob@postly.example");
  await hasAddress(ALICE, "alice@postly.example");
  const { page, wrong } = await opens(portal);
  await page.goto(portal);
  await page.waitForSelector("#out:not([hidden])");
  const { question, number } = await asked(chat, BOB, page);
  await taps(chat, BOB, question, number);
  await isIn(page, /^\+33…03$/);
  assert.ok(await page.isHidden("#phone-only") && await page.isHidden("#code-in"));
  await looks(page, "linked");

  // Asked first, with the answer that changes nothing under the finger.
  await tabs(page, "#unlink");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#sure[open]");
  assert.equal(await focused(page), "sure-no");
  assert.match(await page.textContent("#sure-text"), /\+33…03/);
  await looks(page, "unlinking");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#sure:not([open])", { state: "attached" });
  assert.equal(await focused(page), "unlink");
  assert.match(await page.textContent("#phone-number"), /^\+33…03$/);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#sure[open]");
  await tabs(page, "#sure-yes");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#phone-none:not([hidden])");
  await says(page, "Votre numéro est dissocié.");
  assert.equal(await focused(page), "number");
  assert.ok(await page.isHidden("#phone-linked"));
  assert.equal(await page.textContent("#phone-number"), "");
  await looks(page, "unlinked");

  // The number of somebody whom the web app knows as well stays theirs, and that is told once.
  const code = await asks(chat, page, ALICE, "06 39 98 00 01");
  const [taken] = await Promise.all([page.waitForResponse(/verify-otp/), types(page, code)]);
  assert.equal(taken.status(), 409);
  await page.waitForSelector("#digits-error:not([hidden])");
  assert.equal(await page.textContent("#digits-error"), "Ce numéro ne peut pas être associé à votre compte.");
  assert.equal(await focused(page), "digits");
  await looks(page, "number-taken");
  await tabs(page, "#other");
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "number");

  await types(page, await asks(chat, page, BOB, "06 39 98 00 03"));
  await page.waitForSelector("#phone-linked:not([hidden])");
  await says(page, "Votre numéro est associé.");
  assert.equal(await focused(page), "phone-title");
  assert.match(await page.textContent("#phone-number"), /^\+33…03$/);
  assert.ok(await page.isVisible("#unlink") && await page.isHidden("#phone-none"));
  await looks(page, "linked-again");
  await page.reload();
  await isThere(page);
  assert.deepEqual(wrong, [], "what the browser complained about");
}

/** Asks for a code with the number that is typed: what has come to the phone? */
async function asks(chat, page, phone, number) {
  const before = (await codes(chat, phone)).length;
  await page.keyboard.press("Control+A");
  await page.keyboard.type(number);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#check:not([hidden])");
  assert.equal(await focused(page), "digits");
  return newCode(chat, phone, before);
}

async function types(page, code) {
  await page.keyboard.type(code);
  await page.keyboard.press("Enter");
}

/** The page says this for a moment. */
function says(page, words) {
  return page.waitForFunction((words) => document.getElementById("toast").textContent === words, words);
}

/** The number is the account's in the books, and not only on the page. */
async function isThere(page) {
  await page.waitForSelector("#phone-linked:not([hidden])");
  assert.match(await page.textContent("#phone-number"), /^\+33…03$/);
}
