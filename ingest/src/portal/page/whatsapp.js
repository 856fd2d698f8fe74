/** Signing in from WhatsApp: this page shows a number and a link, the person sends the link's words and taps the number. */
import { post } from "./server.js";
import { $, busy, show } from "./tools.js";
import { count, say } from "./words.js";

const POLL_MS = 2000;

let timer = 0, until = 0, done = () => {};

/** What is to happen when somebody is in. */
export const onEntered = (then) => { done = then; };

/** Forgets what was begun. */
export function stop(state = "") {
  clearTimeout(timer);
  timer = 0;
  show($("whatsapp-shown"), false);
  show($("whatsapp-lead"));
  $("whatsapp-state").textContent = state;
  $("whatsapp-start").textContent = state ? say("whatsapp.again") : say("whatsapp.start");
}

$("whatsapp-start").addEventListener("click", () => {
  busy($("whatsapp-start"), async () => {
    stop();
    try {
      const begun = await post("/api/auth/whatsapp/start");
      begin(begun);
    } catch (refusal) {
      // A server that has no such way in says 404; the code is a way as good.
      stop(refusal.status === 404 || refusal.code === "not_configured" ? say("whatsapp.closed") : refusal.message);
    }
  });
});

function begin({ number, link, qr, expiresIn }) {
  $("whatsapp-number").textContent = number;
  for (const id of ["whatsapp-link", "whatsapp-here"]) $(id).href = link.startsWith("https://") ? link : "#";
  // As a picture: whatever it holds, nothing of it runs.
  $("whatsapp-qr").src = `data:image/svg+xml,${encodeURIComponent(qr)}`;
  show($("whatsapp-shown"));
  show($("whatsapp-lead"), false);
  $("whatsapp-state").textContent = say("whatsapp.waiting", { number });
  $("whatsapp-start").textContent = say("whatsapp.again");
  until = Date.now() + expiresIn * 1000;
  poll();
}

async function poll() {
  const left = Math.ceil((until - Date.now()) / 1000);
  if (left <= 0) return stop(say("whatsapp.expired"));
  $("whatsapp-left").textContent = say("whatsapp.left", { seconds: count("seconds", left) });
  const mine = timer = setTimeout(poll, POLL_MS);
  try {
    const { state } = await post("/api/auth/whatsapp/poll");
    if (timer !== mine) return;
    if (state === "done") {
      stop();
      done();
    } else if (state !== "pending") stop(state === "ended" ? say("whatsapp.ended") : say("whatsapp.expired"));
  } catch (refusal) {
    if (timer === mine && refusal.status) stop(refusal.message);
  }
}
