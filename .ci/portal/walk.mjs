/** Walks through the portal of a running demo as somebody without a mouse does, and lets axe-core look at every state. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { CHROMIUM, MODULES, SHOTS } = process.env;
const require = createRequire(`${MODULES}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const demo = spawn(process.argv[2], ["--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
let failed = true;
try {
  await walk(await addresses());
  failed = false;
} finally {
  await browser.close();
  const ended = demo.exitCode === null ? once(demo, "exit") : null;
  demo.kill("SIGINT");
  await ended;
}
console.log(failed ? "" : "the portal holds");

/** Where the demo's chat page and its portal are. */
async function addresses() {
  const found = {};
  for await (const line of createInterface({ input: demo.stdout })) {
    found.chat ??= /^The chat page: (\S+)/.exec(line)?.[1];
    found.portal ??= /^The portal: (\S+)/.exec(line)?.[1];
    if (found.chat && found.portal) return found;
  }
  throw new Error("the demo has not started");
}

/** A browser of somebody, with everything that goes wrong in it. */
async function opens(portal, options) {
  const context = await browser.newContext({ locale: "fr-FR", viewport: { width: 1280, height: 900 }, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(portal).origin });
  const page = await context.newPage(), wrong = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => {
    // Chromium also writes down every answer that is not 200; those are looked at where they belong.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) wrong.push(message.text());
  });
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith("http") && hostname !== "127.0.0.1") wrong.push(`asked ${request.url()}`);
  });
  return { context, page, wrong };
}

/** Looks at the page as it is: axe in light and dark, no sideways scrolling on a small phone, and pictures of all. */
async function looks(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const told = violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
    assert.deepEqual(told, [], `${name}, ${colorScheme}`);
    await page.screenshot({ path: `${SHOTS}/${name}-${colorScheme}.png`, fullPage: true });
  }
  await page.emulateMedia({ colorScheme: "light" });
  const wide = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 360, `${name}: ${width} pixels on a phone of 360`);
  await page.screenshot({ path: `${SHOTS}/${name}-360.png`, fullPage: true });
  await page.setViewportSize(wide);
}

function focused(page) {
  return page.evaluate(() => document.activeElement.id || document.activeElement.tagName);
}

/** Goes on with the Tab key until the focus is there, as far as a page can be long. */
async function tabs(page, to) {
  for (let press = 0; press < 120; press += 1) {
    if (await page.evaluate((to) => document.activeElement.matches(to), to)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${to} cannot be reached by keyboard`);
}

/** What the simulated phone was told last. A code is the only answer with six digits. */
async function codes(chat) {
  const state = await (await fetch(`${chat}/api/state?provider=meta&person=Alice`)).json();
  return state.messages.filter(({ from }) => from === "postly").flatMap(({ text }) => /\b\d{6}\b/.exec(text)?.[0] ?? []);
}

async function newCode(chat, before) {
  for (let look = 0; look < 100; look += 1) {
    const all = await codes(chat);
    if (all.length > before) return all.at(-1);
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  throw new Error("no code has come to the phone");
}

async function walk({ chat, portal }) {
  const { page, wrong } = await opens(portal);
  await page.goto(portal);
  await page.waitForSelector("#out:not([hidden])");
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
  const before = (await codes(chat)).length;
  await page.keyboard.press("Control+A");
  await page.keyboard.type("06 39 98 00 01");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#check:not([hidden])");
  assert.equal(await focused(page), "digits");
  const code = await newCode(chat, before);
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

  // Credits, paid on the simulated page, and back. The page says what is known, and then what has become of it.
  const owned = parseInt(await page.textContent("#credits"), 10);
  await page.focus("#packs button");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/pay\//);
  await page.locator("form[action$='/card'] button, button[formaction$='/card']").first().click();
  await page.waitForURL(`${portal}**`);
  await page.waitForFunction(() => document.getElementById("banner").textContent.includes("est arrivé"));
  await page.waitForFunction((owned) => parseInt(document.getElementById("credits").textContent, 10) === owned + 20, owned);
  assert.equal(new URL(page.url()).search, "", "a reload would thank once more");
  await looks(page, "paid");

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
  const sent = (await codes(chat)).length;
  await other.page.waitForSelector("#resend:not([aria-disabled])", { timeout: 90_000 });
  await tabs(other.page, "#resend");
  await other.page.keyboard.press("Enter");
  const second = await newCode(chat, sent);
  assert.notEqual(second, code);
  await other.page.fill("#digits", second);
  await other.page.keyboard.press("Enter");
  await other.page.waitForSelector("#sessions .here");
  assert.equal(await other.page.locator("#sessions li").count(), 2);
  const there = other.page.locator("#sessions li", { hasNot: other.page.locator(".here") }).locator("button");
  await there.focus();
  await other.page.keyboard.press("Enter");
  await other.page.waitForFunction(() => document.querySelectorAll("#sessions li").length === 1);
  assert.equal(await focused(other.page), "sessions-title");
  await page.reload();
  await page.waitForSelector("#out:not([hidden])");

  // Out.
  await tabs(other.page, "#sign-out");
  await other.page.keyboard.press("Enter");
  await other.page.waitForSelector("#out:not([hidden])");
  assert.equal(await other.page.evaluate(() => document.activeElement.tagName), "H1");
  assert.deepEqual(await other.context.cookies().then((all) => all.filter(({ name }) => name.includes("session"))), []);
  assert.deepEqual([...wrong, ...other.wrong], [], "what the browser complained about");
}
