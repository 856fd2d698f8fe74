/** Walks through the operator's page of a running demo as somebody without a mouse does, and lets axe-core look at every state. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { closes, focused, looks, opens, tabs } from "../portal/browser.mjs";
import { ALICE, BOB, does, heard, starts, until } from "../portal/demo.mjs";

const { Client } = createRequire(`${process.env.MODULES}/`)("pg");

const demo = await starts(process.argv[2], Client);
try {
  await walk(demo);
  await foreign(demo);
  await scriptless(demo);
} finally {
  await closes();
  await demo.ends();
}
console.log("the operator's page holds");

/** Breaks something of the demo, or mends it. */
function harms(chat, harm, on) {
  return does(chat, "harm", { provider: ALICE.provider, harm, on });
}

/** Waits until a part of the page says this, which it does by itself. */
function shows(page, id, words) {
  return page.waitForFunction(([id, words]) => document.getElementById(id).textContent.includes(words), [id, words]);
}

async function walk({ chat, operator }) {
  const { page, wrong } = await opens(operator, { locale: "en-GB" });
  await page.goto(operator);
  await shows(page, "state", "All is well");
  await looks(page, "well");

  // A message dies, and the page shows it without being asked.
  await harms(chat, "fail_model", true);
  for (const { provider, person } of [ALICE, BOB]) await does(chat, "say", { provider, person, text: "Crée un post sur les xylophones" });
  await shows(page, "letters", "2 of 2");
  await shows(page, "state", "2 dead");
  assert.match(await page.textContent("#said"), /2 dead/, "said to who does not see it");
  assert.ok(!/xylophone|639980/i.test(await page.content()), "something personal");
  await looks(page, "dead");
  await harms(chat, "fail_model", false);

  // Updates can be stopped; focus stays where it is while they come.
  await tabs(page, "#still");
  await page.keyboard.press("Enter");
  assert.equal(await page.textContent("#still"), "Update again");
  await page.keyboard.press("Enter");
  await tabs(page, "#letters li:last-child a[id^=replay]");
  const held = await focused(page);
  const seen = await page.textContent("#seen");
  await page.waitForFunction((seen) => document.getElementById("seen").textContent !== seen, seen);
  assert.equal(await focused(page), held);

  // A deed by keyboard: asked for a name and a reason, by the browser and, around it, by the server.
  await page.keyboard.press("Enter");
  await page.waitForSelector("form");
  await looks(page, "replay");
  await tabs(page, "#by");
  await page.keyboard.type("Zoé");
  await tabs(page, "button.main");
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "why", "the browser asks why");
  await page.keyboard.type("   ");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#why-error");
  assert.equal(await focused(page), "why");
  assert.equal(await page.inputValue("#by"), "Zoé");
  await looks(page, "no-reason");
  await page.keyboard.type("the model is back <b>");
  await tabs(page, "button.main");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".banner");
  assert.match(await page.textContent(".banner"), /^Replayed/);
  assert.equal(new URL(page.url()).search, "", "a reload would tell it once more");
  await shows(page, "deeds", "by Zoé: the model is back <b>");
  await shows(page, "letters", "1 of 1");
  // Which of the two died last is chance.
  await until(() => Promise.all([ALICE, BOB].map((phone) => heard(chat, phone))), (all) => all.flat().some(({ text }) => text.includes("*3.* ")), "no posts came");

  // Somebody else discards the other one, while this page has the focus on it.
  await tabs(page, "#letters a[id^=discard]");
  const id = (await focused(page)).replace("discard-", "");
  const other = await opens(operator, { locale: "en-GB" });
  await other.page.goto(`${operator}deed/discard?letter=${id}`);
  await deed(other.page, "noise");
  await shows(page, "letters", "None.");
  assert.equal(await focused(page), "letters-title");

  // A pause.
  await tabs(page, "#pause");
  await page.keyboard.press("Enter");
  await page.waitForSelector("form");
  await deed(page, "the number moves");
  await shows(page, "queue", "Paused.");
  await looks(page, "paused");
  await page.goBack();
  await page.goto(`${operator}deed/resume`);
  await deed(page, "it has moved");
  await shows(page, "state", "All is well");

  // A server that is away, and then the worker. (Postgres is lent to the demo here, which leaves it alone.)
  await harms(chat, "redis", true);
  await shows(page, "state", "Redis does not answer");
  await looks(page, "no-redis");
  await harms(chat, "redis", false);
  await shows(page, "state", "All is well");
  await harms(chat, "kill_worker", true);
  await page.waitForSelector("#lost:not([hidden])");
  await looks(page, "no-worker");
  await page.waitForSelector("#lost", { state: "hidden" });
  assert.deepEqual([...wrong, ...other.wrong], [], "what the browser complained about");
}

/** Fills in the form that is shown. */
async function deed(page, why) {
  await page.fill("#by", "Zoé");
  await page.fill("#why", why);
  await page.click("button.main");
  await page.waitForSelector(".banner");
}

/** A page of somebody else, which a browser of the operator's has open: it posts, by form and by script, and pauses nothing. */
async function foreign({ operator }) {
  const form = `<form method=post action="${operator}deed/pause"><input name=by value=x><input name=why value=x><button>go</button></form>`;
  const site = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(`<!doctype html>${form}<iframe src="${operator}"></iframe>`));
  await new Promise((resolve) => { site.listen(0, "127.0.0.1", resolve); });
  try {
    const { page } = await opens(operator);
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    const by = (mode) => page.evaluate(([address, mode]) => fetch(address, { method: "POST", mode, body: new URLSearchParams({ by: "x", why: "x" }) }).then(() => "sent", () => "failed"), [`${operator}deed/pause`, mode]);
    assert.equal(await by("cors"), "failed");
    await by("no-cors");
    assert.equal(await page.frames()[1].evaluate(() => document.getElementById("queue")).catch(() => null), null, "in a frame");
    const [answer] = await Promise.all([page.waitForResponse(/deed\/pause/), page.click("button")]);
    assert.equal(answer.status(), 403);
    await page.goto(operator);
    await shows(page, "queue", "Running.");
  } finally {
    site.closeAllConnections();
    site.close();
  }
}

/** Without scripts the page loads itself again, and everything on it works. */
async function scriptless({ operator }) {
  const { page } = await opens(operator, { javaScriptEnabled: false });
  await page.goto(operator);
  assert.equal(await page.isVisible("#still"), false);
  // To its end: a page that has only been asked for would come in the way of where we go next.
  await page.waitForEvent("load", { timeout: 10_000 });
  await page.goto(`${operator}deed/pause`);
  await deed(page, "without scripts");
  assert.match(await page.textContent(".banner"), /^Paused/);
}
