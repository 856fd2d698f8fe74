/** Browsers, and what is looked at in each state of a page. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { CHROMIUM, MODULES, SHOTS } = process.env;
const require = createRequire(`${MODULES}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });

export const closes = () => browser.close();

/** A browser of somebody, with everything that goes wrong in it. */
export async function opens(portal, options) {
  const context = await browser.newContext({ locale: "fr-FR", viewport: { width: 1280, height: 900 }, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(portal).origin });
  const page = await context.newPage(), wrong = [], asked = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => {
    // Chromium also writes down every answer that is not 200; those are looked at where they belong.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) wrong.push(message.text());
  });
  page.on("request", (request) => {
    const { protocol, hostname, pathname } = new URL(request.url());
    asked.push(pathname);
    if (protocol.startsWith("http") && hostname !== "127.0.0.1") wrong.push(`asked ${request.url()}`);
  });
  return { context, page, wrong, asks: (path) => asked.filter((one) => one === path).length };
}

/** Looks at the page as it is: axe in light and dark, no sideways scrolling on a small phone, and pictures of all. */
export async function looks(page, name) {
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

export function focused(page) {
  return page.evaluate(() => document.activeElement.id || document.activeElement.tagName);
}

/** Goes on with the Tab key until the focus is there, as far as a page can be long. */
export async function tabs(page, to) {
  for (let press = 0; press < 120; press += 1) {
    if (await page.evaluate((to) => document.activeElement.matches(to), to)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${to} cannot be reached by keyboard`);
}
