/** Walks through the portal of a running demo as somebody without a mouse does, and lets axe-core look at every state. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { closes, focused, looks, opens, tabs } from "./browser.mjs";
import { ALICE, codes, newCode, starts } from "./demo.mjs";
import { erasing } from "./erasing.mjs";
import { linking } from "./linking.mjs";
import { phone } from "./phone.mjs";

const { Client } = createRequire(`${process.env.MODULES}/`)("pg");

/** What a server says that is away for a moment. */
const AWAY = {
  status: 503,
  headers: { "retry-after": "1" },
  json: { success: false, error: { code: "unavailable", message: "Un instant, et cela ira." } },
};

const demo = await starts(process.argv[2], Client);
try {
  await walk(demo);
  // Of her nothing is left afterwards.
  await erasing(demo);
} finally {
  await closes();
  await demo.ends();
}
console.log("the portal holds");

/** Something that is waited for until it is opened. */
function gate() {
  const made = {};
  made.opened = new Promise((resolve) => { made.open = resolve; });
  return made;
}

/** Two presses, before anything can come of the first. */
function twice(locator) {
  return locator.evaluate((button) => {
    button.click();
    button.click();
  });
}

async function walk(demo) {
  const { chat, portal } = demo;
  const { context, page, wrong, asks } = await opens(portal);
  await page.goto(portal);
  await page.waitForSelector("#out:not([hidden])");
  assert.ok(await page.evaluate(() => document.getElementById("banner").closest("[role=status]")?.checkVisibility()), "a region to be read");
  assert.equal(await page.title(), "Votre compte Postly");
  await looks(page, "signed-out");

  // Signing in, by keyboard: a number that is none, a code that is wrong, and the right one.
  await tabs(page, ".skip");
  await page.keyboard.press("Enter");
  await tabs(page, "#number");
  await page.keyboard.type("12");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#number-error:not([hidden])");
  assert.equal(await focused(page), "number");
  assert.equal(await page.getAttribute("#number", "aria-invalid"), "true");
  await looks(page, "wrong-number");
  const before = (await codes(chat, ALICE)).length;
  await page.keyboard.press("Control+A");
  await page.keyboard.type("06 39 98 00 01");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#check:not([hidden])");
  assert.equal(await focused(page), "digits");
  const code = await newCode(chat, ALICE, before);
  await page.keyboard.type(code === "000000" ? "000001" : "000000");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#digits-error:not([hidden])");
  assert.equal(await focused(page), "digits");
  await looks(page, "wrong-code");
  await page.keyboard.press("Control+A");
  await page.keyboard.type(code);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#in:not([hidden])");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Votre compte");
  await page.waitForSelector("#posts .post");
  await page.waitForSelector("#sessions .here");
  await page.waitForSelector("#packs button");
  assert.match(await page.textContent("#credits"), /^\d+ crédits$/);
  assert.match(await page.textContent("#phone-number"), /^\+33…01$/);
  await looks(page, "signed-in");

  // Copying.
  await tabs(page, "#posts button");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("toast").textContent === "Copié");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await page.textContent("#posts .post"));

  // All that is kept of them, as a file. That there is none is said where it was asked for.
  await page.route("**/api/portal/export", (route) => route.fulfill(AWAY), { times: 1 });
  await tabs(page, "#export");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#export-failed:not([hidden])");
  assert.equal(await page.textContent("#export-failed"), AWAY.json.error.message);
  await looks(page, "no-export");
  const [saved] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  assert.match(saved.suggestedFilename(), /^postly-\d{4}-\d\d-\d\d\.json$/);
  assert.ok(JSON.parse(readFileSync(await saved.path(), "utf8")).generations.length);
  await page.waitForSelector("#export-failed", { state: "hidden" });

  // A server that was away, and is asked again by somebody in a hurry.
  const lists = () => page.evaluate(() => ["posts", "ledger", "sessions"].map((id) => document.getElementById(id).childElementCount));
  const whole = await lists();
  await page.route("**/api/portal/account", (route) => route.fulfill(AWAY), { times: 1 });
  await page.reload();
  await page.waitForSelector("#broken:not([hidden])");
  const opened = asks("/api/portal/account");
  await twice(page.locator("#again"));
  await page.waitForSelector("#sessions .here");
  await page.waitForSelector("#posts .post");
  await page.waitForSelector("#packs button");
  assert.equal(asks("/api/portal/account"), opened + 1);
  assert.deepEqual(await lists(), whole);

  // Credits, paid on the simulated page, and back. The page says what is known, and then what has become of it. Whoever
  // presses again because no page came is given the one that may have been opened.
  const owned = parseInt(await page.textContent("#credits"), 10);
  const [keys, look] = [[], gate()];
  await page.route("**/api/portal/checkout", (route) => {
    keys.push(route.request().postDataJSON().key);
    return [() => route.fulfill(AWAY), () => route.abort()][keys.length - 1]?.() ?? route.continue();
  });
  await page.route("**/api/portal/payment?*", (route) => look.opened.then(() => route.continue()));
  await page.focus("#packs button");
  for (let press = 0; press < 2; press += 1) {
    await page.keyboard.press("Enter");
    await page.waitForSelector("#buy-error:not([hidden])");
  }
  // A page that is being left answers no questions: it notes what could be pressed until its end.
  await page.evaluate(() => globalThis.addEventListener("pagehide", () => {
    sessionStorage.setItem("pressable", document.querySelectorAll("#packs button:not([aria-disabled=true])").length);
  }));
  await Promise.all([page.waitForURL(/\/pay\//), page.keyboard.press("Enter")]);
  assert.deepEqual(keys, Array(3).fill(keys[0]), "another page at Stripe");
  await page.locator("form[action$='/card'] button, button[formaction$='/card']").first().click();
  await page.waitForURL(`${portal}**`);
  await page.waitForSelector("#banner:not([hidden])");
  assert.equal(await page.evaluate(() => sessionStorage.getItem("pressable")), "0", "pressed on the way to the till");
  assert.equal(await page.textContent("#banner"), "Nous cherchons votre paiement…", "an address proves nothing");
  look.open();
  await page.waitForFunction(() => /^Merci.*est arrivé/.test(document.getElementById("banner").textContent));
  await page.waitForFunction((owned) => parseInt(document.getElementById("credits").textContent, 10) === owned + 20, owned);
  assert.equal(new URL(page.url()).search, "", "a reload would thank once more");
  await looks(page, "paid");

  // Ways of their own, while the next code may not be asked for yet and WhatsApp still speaks French.
  await phone(demo);
  await linking(demo);

  // The language, here and in WhatsApp.
  await tabs(page, "a[hreflang=en]");
  await page.keyboard.press("Enter");
  await page.waitForSelector("html[lang=en] #in:not([hidden])");
  assert.equal(await page.textContent("#in h1"), "Your account");
  await looks(page, "english");

  // Another device, which has to wait for a code of its own, ends the session of this one.
  const other = await opens(portal, { locale: "en-GB" });
  await other.page.goto(portal);
  await other.page.fill("#number", "+33 639 98 00 01");
  await other.page.keyboard.press("Enter");
  await other.page.waitForSelector("#check:not([hidden])");
  const sent = (await codes(chat, ALICE)).length;
  await other.page.waitForSelector("#resend:not([aria-disabled])", { timeout: 90_000 });
  await tabs(other.page, "#resend");
  await other.page.keyboard.press("Enter");
  const second = await newCode(chat, ALICE, sent);
  assert.notEqual(second, code);
  await other.page.fill("#digits", second);
  await other.page.keyboard.press("Enter");
  await other.page.waitForSelector("#sessions .here");
  assert.equal(await other.page.locator("#sessions li").count(), 2);
  const there = other.page.locator("#sessions li", { hasNot: other.page.locator(".here") }).locator("button");
  const gone = { status: 404, json: { success: false, error: { code: "not_found", message: "Not here." } } };
  await other.page.route("**/api/portal/sessions/revoke", (route) => route.fulfill(gone), { times: 1 });
  await there.focus();
  await other.page.keyboard.press("Enter");
  await other.page.waitForFunction(() => document.getElementById("toast").textContent === "That device is signed out.");
  await twice(there);
  await other.page.waitForFunction(() => document.querySelectorAll("#sessions li").length === 1);
  assert.equal(other.asks("/api/portal/sessions/revoke"), 2);
  assert.equal(await focused(other.page), "sessions-title");
  assert.ok(await other.page.isHidden("#sessions-failed"));

  // A browser that goes back shows a page as it was left.
  await page.evaluate(() => { globalThis.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })); });
  await page.waitForSelector("#out:not([hidden])");
  await comesIn(page, () => other.context.cookies().then((all) => context.addCookies(all)));
  await types(portal, await other.context.storageState());

  // Out, while a payment is looked for: that ends, and the page is empty for whoever comes next.
  await other.page.goto(`${portal}?paid=cs_of_somebody`);
  await other.page.waitForSelector("#banner:not([hidden])");
  await other.page.waitForSelector("#sessions .here");
  await tabs(other.page, "#sign-out");
  await twice(other.page.locator("#sign-out"));
  await other.page.waitForSelector("#out:not([hidden])");
  assert.equal(await other.page.evaluate(() => document.activeElement.tagName), "H1");
  const shown = ["posts", "ledger", "sessions", "credits", "phone-number", "banner"];
  assert.equal(await other.page.evaluate((ids) => ids.map((id) => document.getElementById(id).textContent).join(""), shown), "");
  // Longer than from one look to the next.
  const looked = await other.page.waitForRequest(/payment/, { timeout: 3000 }).catch(() => null);
  assert.equal(looked, null, "it is still looked for");
  assert.equal(other.asks("/api/portal/sign-out"), 1);
  assert.equal(await other.page.textContent("#toast"), "You are signed out.");
  assert.deepEqual(await other.context.cookies().then((all) => all.filter(({ name }) => name.includes("session"))), []);
  assert.deepEqual([...wrong, ...other.wrong], [], "what the browser complained about");
}

/** Signs in from WhatsApp: through a server that is away, without a network, and by an answer that is long in coming. */
async function comesIn(page, confirmed) {
  let [turns, asking, most] = [0, 0, 0];
  await page.route("**/api/auth/whatsapp/poll", async (route) => {
    [turns, asking] = [turns + 1, asking + 1];
    most = Math.max(most, asking);
    if (turns === 1) await route.fulfill(AWAY);
    else if (turns === 2) await route.abort();
    else {
      await new Promise((resolve) => { setTimeout(resolve, 3000); });
      await confirmed();
      await route.fulfill({ json: { success: true, state: "done" } });
    }
    asking -= 1;
  });
  await tabs(page, "#whatsapp-start");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#whatsapp-shown:not([hidden])");
  await page.waitForSelector("#in:not([hidden])");
  assert.deepEqual([turns, most], [3, 1], "one question at a time, and none after the answer");
  await page.unroute("**/api/auth/whatsapp/poll");
}

/** Types the code for a number while a payment comes in and an older page of a list is on its way. */
async function types(portal, storageState) {
  const { page, wrong } = await opens(portal, { storageState });
  const [payment, older] = [gate(), gate()];
  const line = { at: "2026-01-01T12:00:00Z", delta: 20, reason: "purchase", balance: 20 };
  const answers = (path, json) => page.route(path, (route) => route.fulfill({ json }));
  await answers("**/api/portal/account", { credits: 20, phone: null, email: "alice@postly.example" });
  await answers("**/api/auth/request-otp", { success: true, retryAfter: 60 });
  await page.route("**/api/portal/payment?*", (route) => payment.opened.then(() => route.fulfill({ json: { state: "paid" } })));
  await page.route(/portal\/ledger/, async (route) => {
    if (route.request().url().includes("before=")) await older.opened;
    await route.fulfill({ json: { items: [line], next: "older" } });
  });
  await page.goto(`${portal}?paid=cs_1`);
  await page.waitForSelector("#banner:not([hidden])");
  await page.fill("#number", "06 39 98 00 05");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#check:not([hidden])");
  await page.locator("#ledger-more").evaluate((more) => more.click());
  await page.keyboard.type("123");
  const anew = page.waitForResponse((response) => response.url().endsWith("/ledger"));
  payment.open();
  await (await anew).finished();
  await page.waitForFunction(() => document.getElementById("ledger").childElementCount === 1);
  const late = page.waitForResponse(/before=older/);
  older.open();
  await (await late).finished();
  await page.waitForFunction(() => !document.getElementById("ledger-more").hasAttribute("aria-disabled"));
  assert.equal(await page.locator("#ledger li").count(), 1, "a page of the list before");
  assert.equal(await page.inputValue("#digits"), "123");
  assert.equal(await focused(page), "digits");
  assert.deepEqual(wrong, [], "what the browser complained about");
}
