/** A number, and the code that WhatsApp brings to it: to sign in, or to link the number to the account. */
import { post } from "./server.js";
import { $, announce, busy, complain, show } from "./tools.js";
import { count, say } from "./words.js";

/** When a server does not say how soon a code may be sent again. */
const COOL_DOWN_S = 60;

let purpose = "login", done = () => {}, phone = "", timer = 0;

/** Puts the two forms into this part of the page; `then` is called with what the server said to the right code. */
export function place(slot, why, then) {
  [purpose, done] = [why, then];
  slot.append($("code"));
  show($("code"));
  begin();
}

/** Back to the first of the two. */
function begin() {
  clearInterval(timer);
  $("check").reset();
  complain($("number-error"), "", $("number"));
  complain($("digits-error"), "", $("digits"));
  show($("ask"));
  show($("check"), false);
}

/** Asks for a code, and counts until the next one may be asked for. */
async function request() {
  const { retryAfter = COOL_DOWN_S } = await post("/api/auth/request-otp", { phone, purpose });
  cool(retryAfter);
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  busy($("send"), async () => {
    phone = $("number").value.trim();
    if (!phone) return complain($("number-error"), say("code.no_number"), $("number"));
    complain($("number-error"), "", $("number"));
    let told = say("code.sent", { phone: phone.replaceAll(" ", "\u00a0") });
    try {
      await request();
    } catch (refusal) {
      if (refusal.code !== "too_soon") return complain($("number-error"), refusal.message, $("number"));
      // The last code is young, and still good: whoever has come back to this page has it.
      told = refusal.message;
      cool(refusal.after);
    }
    $("sent").textContent = told;
    show($("ask"), false);
    show($("check"));
    // Read with the field, which says what it is described by.
    $("digits").focus();
  });
});

$("check").addEventListener("submit", (event) => {
  event.preventDefault();
  busy($("enter"), async () => {
    const code = $("digits").value.replace(/\D/g, "");
    if (code.length !== 6) return complain($("digits-error"), say("code.six"), $("digits"));
    complain($("digits-error"), "", $("digits"));
    try {
      const answer = await post("/api/auth/verify-otp", { phone, code, purpose });
      begin();
      $("ask").reset();
      done(answer);
    } catch (refusal) {
      $("digits").select();
      complain($("digits-error"), refusal.message, $("digits"));
    }
  });
});

$("resend").addEventListener("click", () => {
  busy($("resend"), async () => {
    complain($("digits-error"), "", $("digits"));
    try {
      await request();
      announce(say("code.again", { phone }));
      $("digits").focus();
    } catch (refusal) {
      complain($("digits-error"), refusal.message);
      if (refusal.after) cool(refusal.after);
    }
  }).then(tick);
});

$("other").addEventListener("click", () => {
  begin();
  // Selected, so that another one can be typed over it.
  $("number").select();
});

/** Counts down until another code may be asked for. The button says how long, and is read when somebody comes to it. */
let until = 0;
function cool(seconds) {
  until = Date.now() + seconds * 1000;
  clearInterval(timer);
  timer = setInterval(tick, 1000);
  tick();
}
function tick() {
  const left = Math.ceil((until - Date.now()) / 1000), button = $("resend");
  button.textContent = left > 0 ? say("code.wait", { seconds: count("seconds", left) }) : say("code.resend");
  if (left > 0) button.setAttribute("aria-disabled", "true");
  else {
    button.removeAttribute("aria-disabled");
    clearInterval(timer);
  }
}
