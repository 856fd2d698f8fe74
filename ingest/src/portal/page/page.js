/** The portal: who is here decides what is shown. */
import { phone, sessions } from "./account.js";
import { place } from "./code.js";
import { load as ledger } from "./ledger.js";
import { load as posts } from "./posts.js";
import { get, onSignedOut, post } from "./server.js";
import { back, load as shop } from "./shop.js";
import { $, announce, show } from "./tools.js";
import { onEntered, stop } from "./whatsapp.js";
import { count, say } from "./words.js";

const STATES = ["out", "in", "broken"];

/** Shows one of the states; the focus goes to its heading when somebody brought it about. */
function become(state, moved) {
  for (const id of STATES) show($(id), id === state);
  show($("wait"), false);
  show($("sign-out"), state === "in");
  $("main").setAttribute("aria-busy", "false");
  if (moved) $(state).querySelector("h1").focus();
}

let here = null;

/** Reads the account and shows all of it, or the ways to sign in. */
async function open(moved = false) {
  show($("wait"), !here);
  try {
    here = await get("/api/portal/account");
  } catch (refusal) {
    if (refusal.code === "not_signed_in") return;
    $("broken-why").textContent = refusal.message;
    return become("broken", moved);
  }
  draw();
  become("in", moved);
  const loaded = await Promise.allSettled([shop(), posts(), ledger(), sessions(left)]);
  const failed = loaded.find(({ status }) => status === "rejected");
  if (failed) announce(failed.reason.message);
}

/** Shows what the account says of itself. */
function draw() {
  $("credits").textContent = count("credits", here.credits);
  phone(here, refresh);
}

/** Reads again what may have changed. */
async function refresh() {
  here = await get("/api/portal/account");
  draw();
  await ledger();
}

/** Nobody is here: the ways to come in. */
function leave(words) {
  const moved = Boolean(here);
  here = null;
  stop();
  place($("code-out"), "login", enter);
  become("out", moved);
  if (moved) announce(words);
}
const left = () => leave(say("signed_out"));

async function enter() {
  await open(true);
  if (here) announce(say("signed_in"));
}

onSignedOut(() => leave(say("ended")));
onEntered(enter);

$("again").addEventListener("click", () => open(true));

$("sign-out").addEventListener("click", async () => {
  try {
    await post("/api/portal/sign-out");
    left();
  } catch (refusal) {
    announce(refusal.message);
  }
});

// Who is signed in wants the language in WhatsApp as well; the link itself tells this browser.
for (const link of document.querySelectorAll(".switch a")) {
  link.addEventListener("click", async (event) => {
    if (!here) return;
    event.preventDefault();
    await post("/api/portal/language", { language: link.hreflang }).catch(() => {});
    location.assign(link.href);
  });
}

const paid = new URLSearchParams(location.search).get("paid");
if (location.search) history.replaceState(null, "", "/");
open().then(() => {
  if (paid && here) back(paid, refresh);
});
