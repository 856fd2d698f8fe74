/** Credits to buy: Stripe's page is opened elsewhere, and tells whether it was paid when the browser comes back. */
import { get, post, stay } from "./server.js";
import { $, announce, complain, make, show } from "./tools.js";
import { count, say } from "./words.js";

/** How often and how long it is looked for whether a payment has come: mostly it is there before the browser. */
const LOOK_MS = 2000, LOOKS = 20;

export async function load() {
  let packs = null;
  try {
    ({ items: packs } = await get("/api/portal/packs"));
  } catch (refusal) {
    if (refusal.code === "not_signed_in") return;
    // Said below: what is sold is not needed for the rest of the page.
  }
  opening = false;
  $("packs").replaceChildren(...(packs ?? []).map(({ pack, credits, price }) => make("li", {},
    make("button", { type: "button", onclick: () => buy(pack),
      "aria-label": say("buy.one", { credits: count("credits", credits), price }) },
    make("span", {}, count("credits", credits)), make("span", { class: "cost" }, price)))));
  $("packs-note").textContent = packs ? say("buy.elsewhere") : say("buy.closed");
  show($("packs-note"), !packs?.length);
}

/** One wish is one page, however often it is pressed for: its key is kept until it is known what became of it. */
const keys = new Map();
const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Whether a page may be there, or may still come. Where a worker has refused one, no time is said to come again. */
const open = ({ code, status, after }) => !(status >= 400) || (status >= 500 && (code !== "unavailable" || after > 0));

let opening = false;
function block(yes) {
  opening = yes;
  for (const button of $("packs").querySelectorAll("button")) {
    if (yes) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }
}

async function buy(pack) {
  if (opening) return;
  block(true);
  complain($("buy-error"), "");
  announce(say("buy.opening"));
  if (!keys.has(pack)) keys.set(pack, fresh());
  try {
    const { url } = await post("/api/portal/checkout", { pack, key: keys.get(pack) });
    keys.delete(pack);
    if (!/^https?:\/\//.test(url)) throw new Error(say("buy.failed"));
    // Nothing can be pressed until the browser is there.
    location.assign(url);
  } catch (refusal) {
    if (!open(refusal)) keys.delete(pack);
    block(false);
    if (refusal.code === "not_signed_in") return;
    complain($("buy-error"), refusal.code === "too_many_requests" ? say("buy.too_many") : say("buy.failed"));
  }
}

/** Says how a payment stands for whoever comes back from it. An address proves nothing: the server is asked. */
export async function back(session, refresh) {
  const banner = $("banner"), still = stay();
  const tell = (words, bad = false) => {
    banner.textContent = words;
    banner.classList.toggle("bad", bad);
    show(banner);
  };
  if (session === "no") return tell(say("paid.no"), true);
  tell(say("paid.looking"));
  for (let look = 0; look < LOOKS; look += 1) {
    const { state, left } = await get("/api/portal/payment", { session })
      .catch(({ code }) => ({ left: code === "not_signed_in" }));
    if (left) return;
    if (state === "paid") {
      tell(say("paid.yes"));
      return refresh();
    }
    if (state === "failed") return tell(say("paid.failed"), true);
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
    // It is nobody's business but theirs.
    if (!still()) return;
  }
  tell(say("paid.late"));
}
