//! Signing in from the phone: a browser begins and shows a link (or its QR code) and a number, and asks from time to time
//! whether the person has chosen that number in WhatsApp. The rest of it happens there (`worker/src/signin.rs`).
//!
//! Open when sessions are, and our number is known. The browser is bound by a cookie of its own: the token alone, which the
//! person sends and could be made to send for somebody else, collects nothing.

mod qr;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use metrics::counter;
use rand::RngExt;
use rand::seq::SliceRandom;
use serde::Deserialize;
use serde_json::json;
use shared::db;
use shared::phone::E164;
use shared::signin::{self, Beginning, OPEN, Secret, Standing};
use shared::texts::{Denial, SignIn};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::address::household;
use crate::refusal::{self, Refusal};
use crate::session::{Device, Sessions, cookie};
use crate::{App, form, limits};

/// What is needed to let people in by their phone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Door {
    number: E164,
    /// The web app, whose pages may ask as well.
    site: Option<String>,
    /// Webhooks need the same connections: they are never all taken here.
    turns: Arc<Semaphore>,
}

/// Why the books did not answer, where they did not say.
const LATE: &str = "no answer in time";

/// There is nothing to say but who asks, and that stands in the head.
#[derive(Deserialize)]
struct Nothing {}

impl Door {
    /// A door whose links lead to this number of ours.
    #[must_use]
    pub fn new(number: E164, site: Option<String>) -> Self {
        Self { number, site, turns: Arc::new(Semaphore::new(limits::SIGNIN_TURNS)) }
    }

    /// A link that opens WhatsApp with these words to us (WhatsApp: Click to chat).
    fn link(&self, words: &str) -> String {
        let number = self.number.as_str().trim_start_matches('+');
        // A space as %20: not every WhatsApp reads a plus as one.
        let words = words.bytes().map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        });
        format!("https://wa.me/{number}?text={}", words.collect::<String>())
    }
}

/// `POST /api/auth/whatsapp/start`: a number for the screen, and a link for the phone.
pub async fn start(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let (door, sessions) = opened(&app, headers)?;
    let Nothing {} = form::read(headers, body, door.site.as_deref()).await?;
    let address = app.proxies.client(&parts.extensions, headers);
    let device = Device::of(headers);
    let (token, browser, (number, numbers)) = (Secret::new(), Secret::new(), numbers());
    let network = address.map(beginning);
    let address = address.map(|address| sessions.digest(&household(address)));
    let beginning = Beginning {
        token: &token,
        browser: &browser,
        number,
        numbers,
        agent: device.browser(),
        system: device.system(),
        network: network.as_deref(),
        address: address.as_deref(),
    };
    let begun = async {
        let _turn = door.turns.acquire().await;
        signin::begin(&mut *app.pool().acquire().await?, beginning, app.clock.now()).await
    };
    match timeout(limits::SIGNIN_PATIENCE, begun).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => {
            count("refused");
            return Err(Refusal::new(Denial::TooManyRequests, headers).after(limits::SIGNIN_AGAIN));
        }
        Ok(Err(error)) => return Err(away(&db::told(&error), headers)),
        Err(_) => return Err(away(LATE, headers)),
    }
    count("begun");
    let words = SignIn::prefilled(&token.in_words(), refusal::language(headers));
    let link = door.link(&words);
    let answer = json!({
        "success": true,
        "number": number,
        "link": link,
        "qr": qr::svg(&link),
        "expiresIn": OPEN.num_seconds(),
    });
    let bound = bind(sessions, &browser.reveal(), OPEN.num_seconds() + 60);
    Ok(respond(&answer, bound))
}

/// `POST /api/auth/whatsapp/poll`: where this browser stands. The session comes with `done`; asked again, it is the same
/// one, since an answer may be lost on its way.
pub async fn poll(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let (door, sessions) = opened(&app, headers)?;
    let Nothing {} = form::read(headers, body, door.site.as_deref()).await?;
    let Some(browser) = bound(sessions, headers) else {
        return Ok(respond(&json!({ "success": true, "state": "expired" }), []));
    };
    let device = Device::of(headers);
    let collected = async {
        let _turn = door.turns.acquire().await;
        collect(&app, sessions, &browser, &device).await
    };
    let (state, cookies) = match timeout(limits::SIGNIN_PATIENCE, collected).await {
        Ok(Ok(collected)) => collected,
        Ok(Err(error)) => return Err(away(&db::told(&error), headers)),
        Err(_) => return Err(away(LATE, headers)),
    };
    let mut answer = json!({ "success": true, "state": state });
    if state == "done" {
        answer["redirect"] = "/dashboard".into();
    }
    // Who is in stays bound, to be answered once more.
    let over = matches!(state, "ended" | "expired").then(|| bind(sessions, "", 0)).into_iter().flatten();
    Ok(respond(&answer, cookies.into_iter().chain(over)))
}

/// Opens the session, if its person has chosen the number, and only once: the row is held meanwhile.
async fn collect(
    app: &App,
    sessions: &Sessions,
    browser: &Secret,
    device: &Device,
) -> Result<(&'static str, Vec<HeaderValue>), sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.pool().begin().await?;
    let (id, user) = match signin::look(&mut tx, browser, now).await? {
        Standing::Waiting => return Ok(("pending", Vec::new())),
        Standing::Ended => return Ok(("ended", Vec::new())),
        Standing::Over => return Ok(("expired", Vec::new())),
        Standing::Collected { session } => {
            let cookies = sessions.again(&mut *tx, &session, now).await?;
            return Ok(cookies.map_or(("expired", Vec::new()), |cookies| ("done", cookies)));
        }
        Standing::Confirmed { id, user } => (id, user),
    };
    let opened = sessions.open(&mut tx, &user, device, now).await?;
    signin::collected(&mut *tx, &id, &opened.id).await?;
    tx.commit().await?;
    count("opened");
    Ok(("done", opened.cookies))
}

fn opened<'a>(app: &'a App, headers: &HeaderMap) -> Result<(&'a Door, &'a Sessions), Refusal> {
    match (&app.signin, &app.sessions) {
        (Some(door), Some(sessions)) => Ok((door, sessions)),
        _ => Err(Refusal::new(Denial::NotConfigured, headers)),
    }
}

fn away(why: &str, headers: &HeaderMap) -> Refusal {
    count("unavailable");
    tracing::warn!("the books did not answer for a sign-in: {why}");
    Refusal::new(Denial::Unavailable, headers).after(limits::SIGNIN_RETRY)
}

/// A number of two digits that stands on the screen, and it among two others, in any order.
fn numbers() -> (u8, [u8; 3]) {
    let mut rng = rand::rng();
    let mut numbers = [0; 3];
    // From 11: a list of choices can have ten, and their numbers mean something else.
    for place in 0..3 {
        numbers[place] = loop {
            let number = rng.random_range(11..=99);
            if !numbers[..place].contains(&number) {
                break number;
            }
        };
    }
    let number = numbers[0];
    numbers.shuffle(&mut rng);
    (number, numbers)
}

/// As much of an address as tells one network from another and not one home from another: half of it (IPv4), or what a
/// provider gets (IPv6).
fn beginning(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [one, two, ..] = address.octets();
            format!("{one}.{two}.…")
        }
        IpAddr::V6(address) => {
            let [one, two, ..] = address.segments();
            format!("{one:x}:{two:x}:…")
        }
    }
}

/// The name of the cookie that binds a browser. With `__Host-` no other host of the domain can set it.
fn name(sessions: &Sessions) -> &'static str {
    if sessions.is_secure() { "__Host-postly-signin" } else { "postly-signin" }
}

/// Binds a browser for so many seconds; with none, lets it go.
fn bind(sessions: &Sessions, value: &str, seconds: i64) -> Option<HeaderValue> {
    let secure = if sessions.is_secure() { "; Secure" } else { "" };
    let name = name(sessions);
    HeaderValue::try_from(format!(
        "{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    ))
    .ok()
}

/// The browser that asks, by its cookie.
fn bound(sessions: &Sessions, headers: &HeaderMap) -> Option<Secret> {
    let name = name(sessions);
    cookie::pairs(headers).find(|(it, _)| *it == name)?.1.parse().ok()
}

fn respond(answer: &serde_json::Value, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    let mut response = ([(CACHE_CONTROL, "no-store")], Json(answer)).into_response();
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn count(event: &'static str) {
    counter!("postly_signin_total", "event" => event).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_among_three_different_ones_of_two_digits() {
        let mut places = [0; 3];
        for _ in 0..1000 {
            let (number, numbers) = numbers();
            let place = numbers.iter().position(|it| *it == number).unwrap();
            places[place] += 1;
            assert!(numbers.iter().all(|number| (11..=99).contains(number)));
            assert!(numbers[0] != numbers[1] && numbers[1] != numbers[2] && numbers[0] != numbers[2]);
        }
        assert!(places.iter().all(|times| *times > 200), "{places:?}");
    }

    #[test]
    fn a_link_opens_whatsapp_with_the_words() {
        let door = Door::new("+33199001234".parse().unwrap(), None);
        assert_eq!(
            door.link("Connexion : é&1"),
            "https://wa.me/33199001234?text=Connexion%20%3A%20%C3%A9%261"
        );
    }

    #[test]
    fn an_address_is_shown_by_its_beginning() {
        assert_eq!(beginning("82.65.12.34".parse().unwrap()), "82.65.…");
        assert_eq!(beginning("2a01:e0a:1:2::3".parse().unwrap()), "2a01:e0a:…");
    }
}
