/** Signs in from the phone: the QR code of the page, its words sent from the demo's chat, and a number tapped there. */
import assert from "node:assert/strict";
import { focused, looks, opens, tabs } from "./browser.mjs";
import { ALICE, says, taps } from "./demo.mjs";
import { reads } from "./picture.mjs";

/** Somebody taps a number that is not the one, says that it is not them, and comes in; and goes again. */
export async function phone({ chat, portal }) {
  const visit = await opens(portal);
  const { page, wrong } = visit;
  await page.goto(portal);
  await page.waitForSelector("#out:not([hidden])");

  // Everything that is left of what was begun: the words why, and the way to begin once more.
  const ended = async () => {
    await page.waitForFunction(() => document.getElementById("whatsapp-state").textContent === "La connexion a été arrêtée dans WhatsApp.");
    assert.ok(await page.isVisible("#out") && await page.isHidden("#in") && await page.isHidden("#whatsapp-shown"));
    assert.equal(await page.textContent("#whatsapp-start"), "Recommencer");
    assert.equal(await focused(page), "whatsapp-start", "nobody is moved");
    await nobody(visit, portal);
  };

  let { question, number } = await asked(chat, ALICE, page, "whatsapp-qr");
  assert.match(question.text, /depuis un navigateur : Chrome, Linux \(réseau 127\.0\.…\)/);
  const other = question.menu.choices.find(({ title }) => title !== number).title;
  assert.match((await taps(chat, ALICE, question, other)).text, /personne n’est entré/);
  await ended();
  await looks(page, "whatsapp-ended");
  assert.match((await taps(chat, ALICE, question, number)).text, /n’est plus valable/, "another try");
  await nobody(visit, portal);

  await asked(chat, ALICE, page);
  assert.match((await says(chat, ALICE, "ce n’est pas moi")).text, /C’est annulé/);
  await ended();

  ({ question, number } = await asked(chat, ALICE, page));
  assert.match((await taps(chat, ALICE, question, number)).text, /votre compte s’ouvre/);
  await isIn(page, /^\+33…01$/);
  assert.ok(await page.isVisible("#phone-only") && await page.isHidden("#unlink"), "the only way in can be unlinked");
  await tabs(page, "#sign-out");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#out:not([hidden])");
  await nobody(visit, portal);
  assert.deepEqual(wrong, [], "what the browser complained about");
}

/** Somebody begins on the page and sends the words of its QR code: which numbers are they asked about? */
export async function asked(chat, who, page, name) {
  await tabs(page, "#whatsapp-start");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#whatsapp-shown:not([hidden])");
  const number = await page.textContent("#whatsapp-number"), link = await page.getAttribute("#whatsapp-here", "href");
  assert.match(number, /^[1-9]\d$/);
  assert.match(await page.textContent("#whatsapp-left"), /^Encore \d+ secondes?\.$/);
  assert.equal(await page.getAttribute("#whatsapp-link", "href"), link);
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    assert.equal(await reads(page.locator("#whatsapp-qr")), link, `the QR code, ${colorScheme}`);
  }
  if (name) await looks(page, name);
  const { origin, pathname, searchParams } = new URL(link);
  assert.deepEqual([origin, pathname], ["https://wa.me", "/33199001234"]);
  const question = await says(chat, who, searchParams.get("text"));
  const offered = question.menu?.choices.map(({ title }) => title) ?? [];
  assert.equal(new Set(offered).size, 3, question.text);
  assert.ok(offered.includes(number), `${number} is not among ${offered}`);
  return { question, number };
}

/** The page has opened the account by itself. */
export async function isIn(page, number) {
  await page.waitForSelector("#in:not([hidden])");
  await page.waitForFunction(() => document.activeElement.textContent === "Votre compte");
  await page.waitForSelector("#sessions .here");
  assert.match(await page.textContent("#phone-number"), number);
  assert.match(await page.textContent("#credits"), /^\d+ crédits?$/);
}

/** This browser holds no session, by its cookies and by what the server says to them. */
async function nobody({ context }, portal) {
  assert.deepEqual((await context.cookies()).filter(({ name }) => name.includes("session")), []);
  assert.equal((await context.request.get(new URL("/api/portal/account", portal).href)).status(), 401);
}
