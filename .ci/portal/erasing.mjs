/** Somebody wants to be forgotten, from the page and by keyboard. */
import assert from "node:assert/strict";
import { focused, looks, opens, tabs } from "./browser.mjs";
import { ALICE, taps } from "./demo.mjs";
import { asked, isIn } from "./phone.mjs";

export async function erasing({ chat, portal }) {
  const { context, page, wrong } = await opens(portal);
  await page.goto(portal);
  await page.waitForSelector("#out:not([hidden])");
  const { question, number } = await asked(chat, ALICE, page);
  await taps(chat, ALICE, question, number);
  await isIn(page, /^\+33…01$/);

  // Asked first, with the answer that changes nothing under the finger.
  await tabs(page, "#erase");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#sure[open]");
  assert.equal(await focused(page), "sure-no");
  assert.match(await page.textContent("#sure-text"), /définitif/);
  await looks(page, "erasing");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#sure:not([open])", { state: "attached" });
  assert.equal(await focused(page), "erase");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#sure[open]");
  await tabs(page, "#sure-yes");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#out:not([hidden])");
  assert.match(await page.textContent("#banner"), /EF-[0-9A-Z]{4}-[0-9A-Z]{4}/);
  await looks(page, "erased");
  assert.equal(await page.textContent("#posts"), "");

  // The session opens nothing any more, as soon as a worker has done it.
  for (let left = 60; (await context.request.get(new URL("/api/portal/account", portal).href)).status() !== 401; left -= 1) {
    assert.ok(left > 0, "her session goes on");
    await page.waitForTimeout(500);
  }
  await page.reload();
  await page.waitForSelector("#out:not([hidden])");
  assert.deepEqual(wrong, [], "what the browser complained about");
}
