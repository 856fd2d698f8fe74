/** The server: asked in the language of the page, and believed about why something is not done. */
import { language, say } from "./words.js";

/** Longer than the server waits for anybody else. */
const WITHIN_MS = 15_000, FILE_WITHIN_MS = 120_000;

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

/** Counts who was here. What one person asked is not answered to the next. */
let visit = 0;

/** Whoever was here has left. */
export const gone = () => { visit += 1; };

/** Tells, whenever it is asked, whether the person is still here who is here now. */
export function stay() {
  const mine = visit;
  return () => mine === visit;
}

async function ask(path, options, read = (answer) => answer.json()) {
  const still = stay();
  let answer, body;
  try {
    answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(WITHIN_MS), ...options,
      headers: { "accept-language": language, ...options.headers } });
    body = await read(answer);
  } catch {
    if (!answer && still()) throw new Refusal("offline", say("error.offline"));
  }
  if (still() && answer.ok && body) return body;
  const { code = "broken", message = say("error.broken") } = body?.error ?? {};
  if (still() && code === "not_signed_in") signedOut();
  // Without words: that somebody has left is told once, by the page, and is no news for whoever is here now.
  if (!still() || code === "not_signed_in") throw new Refusal("not_signed_in", "", 401);
  throw new Refusal(code, message, answer.status, Number(answer.headers.get("retry-after")) || 0);
}

export const get = (path, query = {}) => {
  const pairs = Object.entries(query).filter(([, value]) => value);
  return ask(pairs.length ? `${path}?${new URLSearchParams(pairs)}` : path, {});
};
export const post = (path, body = {}) =>
  ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** A file, and the name that the server gives it. It may be long, and a phone slow. */
export const file = (path) => ask(path, { signal: AbortSignal.timeout(FILE_WITHIN_MS) }, async (answer) => {
  if (!answer.ok) return answer.json();
  const [, name] = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition")) ?? [];
  return { blob: await answer.blob(), name };
});
