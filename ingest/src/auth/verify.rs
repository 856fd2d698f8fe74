//! `POST /api/auth/verify-otp`: a code comes back, and opens a session or joins a number.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::ledger::{self, LedgerError};
use shared::otp::{self, Challenge, Code, Purpose, Verified};
use shared::person::{self, Linked, UserId};
use shared::phone::E164;
use shared::texts::Denial;
use tokio::time::timeout;

use super::{Wish, away, count, failed, opened, signed_in};
use crate::refusal::Refusal;
use crate::session::{Device, Sessions};
use crate::{App, form, limits};

/// What a page sends. Whatever else stands there is not looked at.
#[derive(Deserialize)]
struct Typed {
    phone: String,
    code: String,
    purpose: Option<String>,
}

/// What a right code has done.
enum Done {
    /// Somebody is signed in.
    Entered { user: Value, cookies: Vec<HeaderValue>, opened: bool },
    /// The number is this account's.
    Linked { user: Value, merged: bool },
    /// The number is another account's.
    Taken,
    /// Somebody else was faster with the same code.
    Used,
}

/// Verifies a code. Who is signed in and has asked to join this number means that; a page may say what it means.
pub async fn verify(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let (codes, sessions) = opened(&app, headers)?;
    let typed: Typed = form::read(headers, body, codes.site.as_deref()).await?;
    let phone = codes.phone(&typed.phone, headers)?;
    let code: Code = typed.code.parse().map_err(|_| Refusal::new(Denial::BadCode, headers))?;
    let wish = Wish::read(typed.purpose.as_deref(), headers)?;
    let _turn = codes.turn(headers).await?;
    let now = app.clock.now();
    let user = match wish {
        Some(Wish::Enter) => None,
        Some(Wish::Link) => Some(
            signed_in(&app, sessions, headers)
                .await?
                .ok_or_else(|| Refusal::new(Denial::NotSignedIn, headers))?,
        ),
        None => joining(&app, sessions, &phone, headers).await?,
    };
    let purpose = user.as_ref().map_or(Purpose::Enter, Purpose::Link);
    let verified = otp::verify(app.pool(), &codes.salt, (&phone, &code), purpose, now);
    let refused = |event, denial| {
        count(event);
        Err(Refusal::new(denial, headers))
    };
    let challenge = match timeout(limits::CODE_PATIENCE, verified).await {
        Ok(Ok(Verified::Right(challenge))) => challenge,
        Ok(Ok(Verified::Wrong { left })) => return refused("wrong", Denial::WrongCode { left }),
        Ok(Ok(Verified::Exhausted)) => return refused("exhausted", Denial::TooManyAttempts),
        Ok(Ok(Verified::Expired)) => return refused("expired", Denial::Expired),
        Ok(Err(error)) => return Err(failed(&error.into(), headers)),
        Err(_) => return Err(away(headers)),
    };
    let device = Device::of(headers);
    let done = match &user {
        None => timeout(limits::CODE_PATIENCE, enter(&app, sessions, &challenge, &phone, &device)).await,
        Some(user) => timeout(limits::CODE_PATIENCE, link(&app, user, &challenge, &phone)).await,
    };
    match done {
        Ok(Ok(Done::Entered { user, cookies, opened })) => {
            count(if opened { "signed_up" } else { "signed_in" });
            let mut answer = answer(&json!({ "success": true, "user": user, "redirect": "/dashboard" }));
            for cookie in cookies {
                answer.headers_mut().append(SET_COOKIE, cookie);
            }
            Ok(answer)
        }
        Ok(Ok(Done::Linked { user, merged })) => {
            count("linked");
            let body = json!({
                "success": true, "user": user, "redirect": "/dashboard", "linked": true, "merged": merged,
            });
            Ok(answer(&body))
        }
        Ok(Ok(Done::Taken)) => refused("taken", Denial::NumberTaken),
        Ok(Ok(Done::Used)) => refused("used", Denial::Expired),
        Ok(Err(error)) => Err(failed(&error, headers)),
        Err(_) => Err(away(headers)),
    }
}

/// The account that somebody is signed in to who has asked to join this number to it. `None`: they have not.
async fn joining(
    app: &App,
    sessions: &Sessions,
    phone: &E164,
    headers: &HeaderMap,
) -> Result<Option<UserId>, Refusal> {
    let Some(user) = signed_in(app, sessions, headers).await? else { return Ok(None) };
    let waits = otp::opened(app.pool(), phone, Purpose::Link(&user), app.clock.now());
    match timeout(limits::CODE_PATIENCE, waits).await {
        Ok(Ok(waits)) => Ok(waits.then_some(user)),
        Ok(Err(error)) => Err(failed(&error.into(), headers)),
        Err(_) => Err(away(headers)),
    }
}

/// The account is found or opened, the session begun, and the code used up: together or not at all. The code comes last,
/// as in a conversation that asks for another one: names, then accounts, then challenges, or two would wait for each other.
async fn enter(
    app: &App,
    sessions: &Sessions,
    challenge: &Challenge,
    phone: &E164,
    device: &Device,
) -> Result<Done, LedgerError> {
    let now = app.clock.now();
    let mut tx = app.pool().begin().await?;
    let entered = person::enter(&mut tx, &app.vault, phone, now).await?;
    let session = sessions.open(&mut tx, &entered.user, device, now).await?;
    let credits = ledger::balance(&mut tx, &entered.user).await?;
    if !otp::consume(&mut tx, challenge, now).await? {
        return Ok(Done::Used);
    }
    tx.commit().await?;
    let user = json!({
        "id": entered.user.as_str(),
        "phone": phone.masked(),
        "credits": credits.get(),
        "isNew": entered.opened,
    });
    Ok(Done::Entered { user, cookies: session.cookies, opened: entered.opened })
}

/// The code is used up, whatever becomes of the number: it must not tell twice whose it is. In the order of [`enter`].
async fn link(app: &App, user: &UserId, challenge: &Challenge, phone: &E164) -> Result<Done, LedgerError> {
    let now = app.clock.now();
    let mut tx = app.pool().begin().await?;
    let linked = person::link(&mut tx, &app.vault, user, phone, now).await?;
    let credits = ledger::balance(&mut tx, user).await?;
    if !otp::consume(&mut tx, challenge, now).await? {
        return Ok(Done::Used);
    }
    tx.commit().await?;
    let merged = match linked {
        Linked::Taken => return Ok(Done::Taken),
        Linked::Linked { merged } => merged.is_some(),
        Linked::Already => false,
    };
    let user = json!({
        "id": user.as_str(), "phone": phone.masked(), "credits": credits.get(), "isNew": false,
    });
    Ok(Done::Linked { user, merged })
}

fn answer(body: &Value) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
