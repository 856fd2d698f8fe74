//! `POST /api/auth/request-otp`: a code is asked for, and the caller learns whether it has left.
//!
//! No account is looked at: a number that is known and one that is not are answered by the same statements.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;
use shared::job::{CodeWish, Job};
use shared::otp::{self, Answer, Asking, COOL_DOWN, Fate, LIFETIME, Purpose, Why};
use shared::phone::E164;
use shared::texts::Denial;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

use super::{Codes, Wish, away, count, failed, opened, signed_in};
use crate::address::household;
use crate::refusal::{self, Refusal};
use crate::{App, form, limits};

/// What a page asks. Whatever else stands there, a `userId` above all, is not looked at.
#[derive(Deserialize)]
struct Asked {
    phone: String,
    purpose: Option<String>,
}

/// Asks for a code. 200: WhatsApp has it. 202: it is on its way, and nobody knows more yet.
pub async fn request(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let deadline = Instant::now() + app.codes.as_ref().map(|codes| codes.wait).unwrap_or_default();
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let (codes, sessions) = opened(&app, headers)?;
    let asked: Asked = form::read(headers, body, codes.site.as_deref()).await?;
    let phone = codes.phone(&asked.phone, headers)?;
    let user = match Wish::read(asked.purpose.as_deref(), headers)? {
        Some(Wish::Link) => {
            let _turn = codes.turn(headers).await?;
            let user = signed_in(&app, sessions, headers).await?;
            Some(user.ok_or_else(|| Refusal::new(Denial::NotSignedIn, headers))?)
        }
        Some(Wish::Enter) | None => None,
    };
    let address = app.proxies.client(&parts.extensions, headers).map(household);
    let asking = Asking {
        phone: &phone,
        purpose: user.as_ref().map_or(Purpose::Enter, Purpose::Link),
        // Who comes over a connection that nobody knows shares one address with all others who do.
        address: Some(address.as_deref().unwrap_or("unknown")),
        language: refusal::language(headers),
    };
    let wish = challenge(&app, codes, asking, headers).await?;
    count("asked");
    if codes.reserved.code(&phone).is_some() {
        return Ok(answer(&phone, true));
    }
    let job = Job::code(wish.clone(), app.clock.now());
    if app.intake.wants(job).await.is_err() {
        // Nobody will send it. If this does not arrive either, the cool-down is the worst of it.
        let cause = wish.cause();
        let back = async {
            let _turn = codes.turns.acquire().await;
            otp::give_back(app.pool(), &cause, otp::Refusal::Late, app.clock.now()).await
        };
        let _ = timeout(limits::SPILL_PATIENCE, back).await;
        return Err(away(headers));
    }
    match fate(&app, codes, &wish, deadline).await {
        Fate::Taken => {
            count("sent");
            Ok(answer(&phone, true))
        }
        Fate::Waiting => {
            count("pending");
            Ok(answer(&phone, false))
        }
        Fate::Refused(otp::Refusal::Unreachable) => {
            count("unreachable");
            Err(Refusal::new(Denial::Unreachable, headers))
        }
        Fate::Refused(_) => {
            count("refused");
            Err(Refusal::new(Denial::NotSent, headers))
        }
    }
}

/// Makes the challenge, if nothing is in the way.
async fn challenge(
    app: &App,
    codes: &Codes,
    asking: Asking<'_>,
    headers: &HeaderMap,
) -> Result<CodeWish, Refusal> {
    let _turn = codes.turn(headers).await?;
    let now = app.clock.now();
    let asked = async {
        let mut tx = app.pool().begin().await?;
        let answer = otp::ask(&mut tx, &codes.salt, asking, codes.limits, now).await?;
        if let (Answer::Go(wish), Some(code)) = (&answer, codes.reserved.code(asking.phone)) {
            otp::preset(&mut *tx, &codes.salt, &wish.challenge, code).await?;
        }
        tx.commit().await?;
        Ok::<_, sqlx::Error>(answer)
    };
    match timeout(limits::CODE_PATIENCE, asked).await {
        Ok(Ok(Answer::Go(wish))) => Ok(wish),
        Ok(Ok(Answer::Wait { why, after })) => {
            count(why.as_str());
            let denial = match why {
                Why::CoolDown => Denial::TooSoon,
                Why::Exhausted => Denial::TooManyAttempts,
                Why::Phone | Why::Prefix | Why::Address | Why::Overall => Denial::TooManyRequests,
            };
            Err(Refusal::new(denial, headers).after(seconds(after)))
        }
        Ok(Err(error)) => Err(failed(&error.into(), headers)),
        Err(_) => Err(away(headers)),
    }
}

/// Looks, until the deadline, what the worker says of it.
async fn fate(app: &App, codes: &Codes, wish: &CodeWish, deadline: Instant) -> Fate {
    let cause = wish.cause();
    let mut looks = interval(limits::CODE_LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let look = async {
        loop {
            looks.tick().await;
            let Ok(_turn) = codes.turns.acquire().await else { return Fate::Waiting };
            // One that fails says nothing about the code.
            if let Ok(fate @ (Fate::Taken | Fate::Refused(_))) = otp::fate(app.pool(), &cause).await {
                return fate;
            }
        }
    };
    timeout_at(deadline, look).await.unwrap_or(Fate::Waiting)
}

fn answer(phone: &E164, sent: bool) -> Response {
    let status = if sent { StatusCode::OK } else { StatusCode::ACCEPTED };
    let body = json!({
        "success": true,
        "sent": sent,
        "phone": phone.masked(),
        "retryAfter": COOL_DOWN.num_seconds(),
        "expiresIn": LIFETIME.num_seconds(),
    });
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

fn seconds(after: TimeDelta) -> Duration {
    after.to_std().unwrap_or_default()
}
