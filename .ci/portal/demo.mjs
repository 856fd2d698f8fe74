/** The demo, with its phones, and its books for what only the web app writes into them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";

/**
 * Starts it on a Postgres that is known here as well: every account of the demo was opened in WhatsApp, and an address,
 * without which no number is unlinked, comes from the web app only.
 */
export async function starts(program, Client) {
  const order = { base: resolve(dirname(program), "../sandbox"), durable: false, redis_databases: null, postgres_connections: 100 };
  const keeper = spawn(program, ["keeper", JSON.stringify(order)], { stdio: ["pipe", "pipe", "inherit"] });
  const running = [keeper];
  let books = null;
  const ends = async () => {
    await books?.end();
    // The demo first: it lives in the books.
    for (const one of running.reverse()) {
      const ended = one.exitCode === null ? once(one, "exit") : null;
      if (one === keeper) one.stdin.end();
      else one.kill("SIGINT");
      await ended;
    }
  };
  try {
    const { database_url: url, error } = JSON.parse(await found(keeper, { line: /^(\{.*)$/ }).then(({ line }) => line));
    if (!url) throw new Error(`no Postgres: ${error}`);
    const demo = spawn(program, ["--port", "0"], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, DATABASE_URL: url } });
    running.push(demo);
    const { chat, portal, operator } = await found(demo, {
      chat: /^The chat page: (\S+)/, portal: /^The portal: (\S+)/, operator: /^The operator's page: (\S+)/,
    });
    books = new Client(url);
    await books.connect();
    return { chat, portal, operator, ends, hasAddress: (phone, email) => hasAddress(books, phone.number, email) };
  } catch (error) {
    await ends();
    throw error;
  }
}

/** What a program says of itself, once it has said all of it. */
async function found(program, wanted) {
  const told = {};
  for await (const line of createInterface({ input: program.stdout })) {
    for (const [name, pattern] of Object.entries(wanted)) told[name] ??= pattern.exec(line)?.[1];
    if (Object.keys(wanted).every((name) => told[name])) return told;
  }
  throw new Error("the demo has not started");
}

/** Does what the web app does when somebody leaves an address there, once the demo has opened their account. */
function hasAddress(books, number, email) {
  const leaves = () => books.query(`update "User" set "email" = $1 where "waPhoneE164" = $2`, [email, number]);
  return until(leaves, ({ rowCount }) => rowCount === 1, "nobody has this number");
}

/** Whose phones are on the chat page. Codes that the web asks for travel by Meta: another provider's phones get none. */
export const ALICE = { provider: "meta", person: "Alice", number: "+33639980001" };
export const BOB = { provider: "meta", person: "Bob", number: "+33639980003" };

/** What stands on a phone, oldest first. */
async function screen(chat, { provider, person }) {
  const state = await fetch(`${chat}/api/state?${new URLSearchParams({ provider, person })}`);
  return (await state.json()).messages;
}

export async function does(chat, path, what) {
  const answer = await fetch(`${chat}/api/${path}`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(what),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

/** Somebody writes, and reads what comes back. */
export async function says(chat, { provider, person }, text) {
  const before = await heard(chat, { provider, person });
  await does(chat, "say", { provider, person, text });
  return hears(chat, { provider, person }, before.length);
}

/** Somebody taps the choice with these words under a message, and reads what comes back. */
export async function taps(chat, { provider, person }, message, title) {
  const choice = message.menu.choices.find((choice) => choice.title === title);
  const before = await heard(chat, { provider, person });
  await does(chat, "tap", { provider, person, message: message.id, choice: choice.id });
  return hears(chat, { provider, person }, before.length);
}

/** What Postly has written to a phone. */
export async function heard(chat, phone) {
  return (await screen(chat, phone)).filter(({ from }) => from === "postly");
}

async function hears(chat, phone, before) {
  const all = await until(() => heard(chat, phone), (all) => all.length > before, "no answer has come to the phone");
  return all.at(-1);
}

/** The codes that have come to a phone. A code is the only answer with six digits. */
export async function codes(chat, phone) {
  return (await heard(chat, phone)).flatMap(({ text }) => /\b\d{6}\b/.exec(text)?.[0] ?? []);
}

export async function newCode(chat, phone, before) {
  return (await until(() => codes(chat, phone), (all) => all.length > before, "no code has come to the phone")).at(-1);
}

export async function until(asks, good, otherwise) {
  for (let look = 0; look < 100; look += 1) {
    const answer = await asks();
    if (good(answer)) return answer;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  throw new Error(otherwise);
}
