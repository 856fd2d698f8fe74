/** Signing in from WhatsApp: this page shows a number and a link, the person sends the link's words and taps the number. */
import { post } from "./server.js";
import { $, busy, show } from "./tools.js";
import { count, say } from "./words.js";

/** Between an answer and the next question. */
const POLL_MS = 2000;

let turn = 0, asking = 0, counting = 0, until = 0, done = () => {};

/** What is to happen when somebody is in. */
export const onEntered = (then) => { done = then; };

/** Forgets what was begun. */
export function stop(state = "") {
  turn += 1;
  clearTimeout(asking);
  clearInterval(counting);
  show($("whatsapp-shown"), false);
  show($("whatsapp-lead"));
  $("whatsapp-state").textContent = state;
  $("whatsapp-start").textContent = state ? say("whatsapp.again") : say("whatsapp.start");
}

$("whatsapp-start").addEventListener("click", () => {
  busy($("whatsapp-start"), async () => {
    stop();
    const mine = turn;
    try {
      const begun = await post("/api/auth/whatsapp/start");
      // Somebody may have come in by the code meanwhile.
      if (mine === turn) begin(begun);
    } catch (refusal) {
      if (mine !== turn) return;
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
  clearInterval(counting);
  counting = setInterval(tick, 1000);
  tick();
  poll(turn);
}

/** Counts down by itself: an answer may be long in coming. */
function tick() {
  const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  $("whatsapp-left").textContent = say("whatsapp.left", { seconds: count("seconds", left) });
}

/** One question at a time: the answer that says `done` brings the session, and is given only once. */
async function poll(mine) {
  let pause = POLL_MS;
  try {
    const { state } = await post("/api/auth/whatsapp/poll");
    if (state === "done") {
      stop();
      return done();
    }
    if (mine !== turn) return;
    if (state !== "pending") return stop(state === "ended" ? say("whatsapp.ended") : say("whatsapp.expired"));
  } catch ({ status, message, after }) {
    if (mine !== turn) return;
    if (status >= 400 && status < 500) return stop(message);
    // A server that is away for a moment, or a phone without a network: nothing is decided by that.
    pause = Math.max(pause, after * 1000);
  }
  const left = until - Date.now();
  if (left <= 0) return stop(say("whatsapp.expired"));
  // Once more at the very end.
  asking = setTimeout(poll, Math.min(pause, left), mine);
}
