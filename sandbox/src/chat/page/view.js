/** What the person chose, and the last answer of the server. No `chosen` message means: follow the latest.
    `shown` is the conversation that is on the page. */
export const view = { language: "", provider: "meta", person: "", chosen: "", state: null, shown: "" };
/** A browser may forbid storage; then the language lasts as long as the page. */
export const memory = (() => { try { return localStorage; } catch { return {}; } })();
/** Whether an id is that of the word about a payment, which is a story of its own. */
export const ofPayment = (id) => Boolean(id?.startsWith("payment:"));
