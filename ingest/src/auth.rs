//! Signing in by a one-time code that comes to one's phone, and joining a phone to an account by the same way.
//!
//! Open when `OTP_SALT` and the secret of sessions are set. Everything here needs Postgres: while it is away nobody is let
//! in, and nothing is sent.

mod request;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use metrics::counter;
use shared::db;
use shared::ledger::LedgerError;
use shared::otp::{Limits, Reserved, Salt};
use shared::person::UserId;
use shared::phone::{E164, Region};
use shared::texts::Denial;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::refusal::Refusal;
use crate::session::Sessions;
use crate::{App, limits};

pub use request::request;
pub use verify::verify;

/// What is needed to ask for codes and to know them again. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Codes {
    salt: Salt,
    region: Region,
    limits: Limits,
    reserved: Reserved,
    /// The web app, whose pages may ask as well.
    site: Option<String>,
    /// How long a request waits to learn what became of its code.
    pub wait: Duration,
    /// Webhooks need the same connections: they are never all taken here.
    turns: Arc<Semaphore>,
}

impl Codes {
    /// Codes that are sealed with this salt.
    #[must_use]
    pub fn new(salt: Salt, region: Region, limits: Limits, reserved: Reserved, site: Option<String>) -> Self {
        let turns = Arc::new(Semaphore::new(limits::CODE_TURNS));
        Self { salt, region, limits, reserved, site, wait: limits::CODE_WAIT, turns }
    }

    fn phone(&self, text: &str, headers: &HeaderMap) -> Result<E164, Refusal> {
        E164::typed(text, self.region).map_err(|_| Refusal::new(Denial::BadPhone, headers))
    }

    /// A place among those who use Postgres.
    async fn turn(&self, headers: &HeaderMap) -> Result<SemaphorePermit<'_>, Refusal> {
        match timeout(limits::CODE_PATIENCE, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(away(headers)),
        }
    }
}

/// What somebody wants to do by a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Enter,
    Link,
}

impl Wish {
    /// Reads what a page calls it. Nothing is the usual.
    fn read(word: Option<&str>, headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        match word.map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("login" | "signup") => Ok(Some(Self::Enter)),
            Some("link") => Ok(Some(Self::Link)),
            Some(_) => Err(Refusal::new(Denial::BadRequest, headers)),
        }
    }
}

/// What both routes need.
fn opened<'a>(app: &'a App, headers: &HeaderMap) -> Result<(&'a Codes, &'a Sessions), Refusal> {
    match (&app.codes, &app.sessions) {
        (Some(codes), Some(sessions)) => Ok((codes, sessions)),
        _ => Err(Refusal::new(Denial::NotConfigured, headers)),
    }
}

/// Whose session this is. What a body says of it is never looked at. For who has a [turn](Codes::turn).
async fn signed_in(app: &App, sessions: &Sessions, headers: &HeaderMap) -> Result<Option<UserId>, Refusal> {
    let session = timeout(limits::CODE_PATIENCE, sessions.read(app.pool(), headers, app.clock.now())).await;
    match session {
        Ok(Ok(session)) => Ok(session.map(|session| session.user)),
        Ok(Err(error)) => Err(failed(&error.into(), headers)),
        Err(_) => Err(away(headers)),
    }
}

/// The books are away.
fn away(headers: &HeaderMap) -> Refusal {
    count("unavailable");
    Refusal::new(Denial::Unavailable, headers).after(limits::CODE_AGAIN)
}

/// The books did not do it.
fn failed(error: &LedgerError, headers: &HeaderMap) -> Refusal {
    let why = match error {
        LedgerError::Database(error) => db::told(error),
        LedgerError::NoSuchPerson => error.to_string(),
    };
    tracing::warn!("the books did not do what a code needs: {why}");
    away(headers)
}

fn count(event: &'static str) {
    counter!("postly_otp_total", "event" => event).increment(1);
}
