/** The number, the devices, and the way out. */
import { get, post } from "./server.js";
import { place } from "./code.js";
import { $, announce, busy, complain, make, show, sure } from "./tools.js";
import { moment, say } from "./words.js";

/** Shows the number of the account, or a way to link one. */
export function phone({ phone: number, email }, refresh) {
  const asked = !number && $("phone-none").hidden;
  show($("phone-linked"), Boolean(number));
  show($("phone-none"), !number);
  $("phone-number").textContent = number ?? "";
  show($("phone-only"), !email);
  show($("unlink"), Boolean(email));
  // Only once: whoever is typing a code keeps it when the account is read again.
  if (asked) {
    place($("code-in"), "link", async () => {
      await refresh();
      announce(say("phone.done"));
      $("phone-title").tabIndex = -1;
      $("phone-title").focus();
    });
  }
  $("unlink").onclick = async () => {
    if (!await sure(say("phone.sure"), say("phone.unlinking", { phone: number }), say("phone.unlink"))) return;
    await busy($("unlink"), async () => {
      complain($("phone-failed"), "");
      try {
        await post("/api/portal/unlink");
        await refresh();
        announce(say("phone.gone"));
        $("number").focus();
      } catch (refusal) {
        complain($("phone-failed"), refusal.message);
      }
    });
  };
}

/** Forgets whose number and devices these were. */
export function clear() {
  for (const id of ["phone-linked", "phone-none"]) show($(id), false);
  $("phone-number").textContent = "";
  $("sessions").replaceChildren();
}

/** Shows where the account is open. A session that the web app began has no line here, and is ended there. */
export async function sessions(left) {
  const { items } = await get("/api/portal/sessions");
  show($("sessions-web"), !items.some(({ current }) => current));
  $("sessions").replaceChildren(...items.map((session) => {
    const device = [session.browser, session.system].filter(Boolean).join(" · ") || say("sessions.unknown");
    return make("li", {},
      make("p", {}, make("strong", {}, device), " ",
        session.current ? make("span", { class: "here" }, say("sessions.here")) : ""),
      make("p", { class: "soft" }, say("sessions.since", { begun: moment(session.begunAt), seen: moment(session.seenAt) })),
      make("p", {}, make("button", { type: "button", class: "second", onclick: (event) => end(event.currentTarget, session, left),
        "aria-label": say("sessions.end_one", { device }) }, say("sessions.end"))));
  }));
}

function end(button, { id, current }, left) {
  return busy(button, async () => {
    complain($("sessions-failed"), "");
    try {
      await post("/api/portal/sessions/revoke", { id }).catch((refusal) => {
        // It has ended already, which is what was wanted.
        if (refusal.status !== 404) throw refusal;
      });
      if (current) return left();
      await sessions(left);
      announce(say("sessions.ended"));
      $("sessions-title").tabIndex = -1;
      $("sessions-title").focus();
    } catch (refusal) {
      complain($("sessions-failed"), refusal.message);
    }
  });
}
