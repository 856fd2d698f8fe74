/** The server: asked in the language of the page, and believed about why something is not done. */
import { language, say } from "./words.js";

/** Longer than the server waits for anybody else. */
const WITHIN_MS = 15_000;

/** Something is not done: a stable code, a sentence for the person, and when to come again, in seconds. */
export class Refusal extends Error {
  constructor(code, message, status = 0, after = 0) {
    super(message);
    Object.assign(this, { code, status, after });
  }
}

let signedOut = () => {};
/** What is to happen when the session has ended. */
export const onSignedOut = (then) => { signedOut = then; };

async function ask(path, options) {
  let answer, body;
  try {
    answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(WITHIN_MS), ...options,
      headers: { "accept-language": language, ...options.headers } });
    body = await answer.json();
  } catch {
    if (!answer) throw new Refusal("offline", say("error.offline"));
  }
  if (answer.ok && body) return body;
  const { code = "broken", message = say("error.broken") } = body?.error ?? {};
  const after = Number(answer.headers.get("retry-after")) || 0;
  const refusal = new Refusal(code, message, answer.status, after);
  if (code === "not_signed_in") signedOut();
  throw refusal;
}

export const get = (path, query = {}) => {
  const pairs = Object.entries(query).filter(([, value]) => value);
  return ask(pairs.length ? `${path}?${new URLSearchParams(pairs)}` : path, {});
};
export const post = (path, body = {}) =>
  ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
