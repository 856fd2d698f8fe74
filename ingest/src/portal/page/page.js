/** The portal: who is here decides what is shown. */
import { clear as clearAccount, phone, sessions } from "./account.js";
import { place } from "./code.js";
import { onErased } from "./erase.js";
import "./export.js";
import * as ledger from "./ledger.js";
import * as posts from "./posts.js";
import { get, gone, onSignedOut, post } from "./server.js";
import { back, load as shop } from "./shop.js";
import { $, announce, busy, complain, show } from "./tools.js";
import { onEntered, stop } from "./whatsapp.js";
import { count, say } from "./words.js";

const STATES = ["out", "in", "broken"];

let here = null, state = "";

/** Shows one of the states; the focus goes to its heading when somebody brought it about. */
function become(which, moved) {
  state = which;
  for (const id of STATES) show($(id), id === state);
  show($("wait"), false);
  show($("sign-out"), state === "in");
  $("main").setAttribute("aria-busy", "false");
  if (moved) $(state).querySelector("h1").focus();
}

/** Reads the account and shows all of it, or the ways to sign in. */
async function open(moved = false) {
  show($("wait"), !here);
  try {
    here = await get("/api/portal/account");
  } catch (refusal) {
    if (refusal.code === "not_signed_in") return show($("wait"), false);
    $("broken-why").textContent = refusal.message;
    return become("broken", moved);
  }
  draw();
  become("in", moved);
  const loaded = await Promise.allSettled([shop(), posts.load(), ledger.load(), sessions(left)]);
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
  await ledger.load();
}

/** Nobody is here: the ways to come in. Whoever is on one of them already is not disturbed. */
function leave(words) {
  if (state === "out") return;
  const moved = Boolean(here);
  here = null;
  gone();
  stop();
  forget();
  place($("code-out"), "login", enter);
  become("out", moved);
  if (moved) announce(words);
}
/** Nothing of who was here stays in the page, and nothing that was said to them. */
function forget() {
  for (const part of [posts, ledger]) part.clear();
  clearAccount();
  $("credits").textContent = "";
  show($("banner"), false);
  $("banner").textContent = "";
  $("toast").textContent = "";
  for (const node of $("in").querySelectorAll(".error")) complain(node, "");
  $("sure").close();
}
const left = () => leave(say("signed_out"));

async function enter() {
  stop();
  await open(true);
  if (here) announce(say("signed_in"));
}

onSignedOut(() => leave(say("ended")));
onEntered(enter);
onErased(() => leave(""));

$("again").addEventListener("click", () => busy($("again"), () => open(true)));

$("sign-out").addEventListener("click", () => {
  busy($("sign-out"), async () => {
    try {
      await post("/api/portal/sign-out");
      left();
    } catch (refusal) {
      announce(refusal.message);
    }
  });
});

// A browser that goes back may show the page as it was left, with an account that has been signed out since.
window.addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  show($("main"), false);
  location.reload();
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
  if (paid && here) back(paid, refresh).catch((refusal) => announce(refusal.message));
});
