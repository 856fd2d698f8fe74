/** Credits to buy: Stripe's page is opened elsewhere, and tells whether it was paid when the browser comes back. */
import { get, post } from "./server.js";
import { $, announce, complain, make, show } from "./tools.js";
import { count, say } from "./words.js";

/** How often and how long it is looked for whether a payment has come: mostly it is there before the browser. */
const LOOK_MS = 2000, LOOKS = 20;

export async function load() {
  let packs = null;
  try {
    ({ items: packs } = await get("/api/portal/packs"));
  } catch {
    // Said below: what is sold is not needed for the rest of the page.
  }
  $("packs").replaceChildren(...(packs ?? []).map(({ pack, credits, price }) => make("li", {},
    make("button", { type: "button", onclick: (event) => buy(event.currentTarget, pack),
      "aria-label": say("buy.one", { credits: count("credits", credits), price }) },
    make("span", {}, count("credits", credits)), make("span", { class: "cost" }, price)))));
  $("packs-note").textContent = packs ? say("buy.elsewhere") : say("buy.closed");
  show($("packs-note"), !packs?.length);
}

/** One press is one page, however often the request arrives. */
const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

let opening = false;
async function buy(button, pack) {
  if (opening) return;
  opening = true;
  button.setAttribute("aria-disabled", "true");
  complain($("buy-error"), "");
  announce(say("buy.opening"));
  try {
    const { url } = await post("/api/portal/checkout", { pack, key: fresh() });
    if (!/^https?:\/\//.test(url)) throw new Error(say("buy.failed"));
    location.assign(url);
  } catch (refusal) {
    complain($("buy-error"), refusal.code === "too_many_requests" ? say("buy.too_many") : say("buy.failed"));
  }
  button.removeAttribute("aria-disabled");
  opening = false;
}

/** Says how a payment stands for whoever comes back from it. An address proves nothing: the server is asked. */
export async function back(session, refresh) {
  const banner = $("banner");
  const tell = (words, bad = false) => {
    banner.textContent = words;
    banner.classList.toggle("bad", bad);
    banner.setAttribute("role", "status");
    show(banner);
  };
  if (session === "no") return tell(say("paid.no"), true);
  tell(say("paid.soon"));
  for (let look = 0; look < LOOKS; look += 1) {
    const { state } = await get("/api/portal/payment", { session }).catch(() => ({}));
    if (state === "paid") {
      tell(say("paid.yes"));
      return refresh();
    }
    if (state === "failed") return tell(say("paid.failed"), true);
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  }
  tell(say("paid.late"));
}
