//! Stripe's side of the door: its signature, and what its events do to the books, at once and in one transaction.
//!
//! Open when `STRIPE_WEBHOOK_SECRET` is set; otherwise the route does not exist, since the web app may own it, and only
//! one of the two may credit. Unlike a message, an event needs Postgres: without it Stripe is told to come again, which
//! it does for three days.

pub mod event;
#[cfg(test)]
mod fuzz;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use metrics::counter;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use shared::ledger::LedgerError;
use shared::pack::Packs;
use shared::payment::{self, Event, Outcome, PaymentError, Told};
use shared::spill::SpillError;
use shared::{db, fault};
use tokio::time::timeout;

use crate::webhook::{self, Refusal};
use crate::{App, limits};

/// The header that carries `t=<seconds>` and one or more `v1=<64 hexadecimal digits>`.
pub const SIGNATURE: &str = "stripe-signature";

/// What is needed to know Stripe when it knocks, and what its payments buy.
#[derive(Debug, Clone)]
pub struct Door {
    /// The endpoint's secrets, current first, each with its `whsec_`: the whole text is the key.
    pub secrets: Vec<SecretString>,
    /// What is sold.
    pub packs: Packs,
}

/// Bytes that Stripe signed. Its field is private: holding one is the proof.
pub struct VerifiedEvent {
    body: Bytes,
}

impl Door {
    /// Whether one of our secrets signed exactly these bytes within the last five minutes, or the next five, as clocks
    /// go (Stripe: Verify webhook signatures manually; its own libraries take any moment of the future). Compared in
    /// constant time; every secret and every signature is tried whatever the others said.
    #[must_use]
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> bool {
        let mut values = headers.get_all(SIGNATURE).iter();
        let (Some(header), None) = (values.next(), values.next()) else { return false };
        let Ok(header) = header.to_str() else { return false };
        let (mut signed_at, mut signatures) = (None, Vec::new());
        for (scheme, value) in header.split(',').filter_map(|part| part.split_once('=')) {
            match scheme.trim() {
                "t" => signed_at = Some(value.trim()),
                "v1" if signatures.len() < limits::STRIPE_SIGNATURES => {
                    signatures.extend(hex::decode(value.trim()).ok());
                }
                // v0 is for tests of Stripe's own; whatever else may come, we do not know it.
                _ => {}
            }
        }
        let Some(signed_at) = signed_at else { return false };
        let Ok(seconds) = signed_at.parse::<i64>() else { return false };
        if now.timestamp().abs_diff(seconds) > limits::STRIPE_TOLERANCE.as_secs() {
            return false;
        }
        let mut authentic = false;
        for secret in &self.secrets {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
                continue;
            };
            mac.update(signed_at.as_bytes());
            mac.update(b".");
            mac.update(body);
            for signature in &signatures {
                authentic |= mac.clone().verify_slice(signature).is_ok();
            }
        }
        authentic
    }
}

/// Why an event was not let in.
pub enum Rejection {
    /// Stripe is not configured: there is no such route.
    Closed,
    /// As with any webhook.
    Refused(Refusal),
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self {
            Self::Closed => StatusCode::NOT_FOUND.into_response(),
            Self::Refused(refusal) => refusal.into_response(),
        }
    }
}

impl FromRequest<App> for VerifiedEvent {
    type Rejection = Rejection;

    async fn from_request(request: Request, app: &App) -> Result<Self, Rejection> {
        let door = app.stripe.as_ref().ok_or(Rejection::Closed)?;
        let (parts, body) = request.into_parts();
        let verified = async {
            if !parts.headers.contains_key(SIGNATURE) {
                return Err(Refusal::Unsigned);
            }
            let body = webhook::read(&parts.headers, body).await?;
            let authentic = door.verify(&parts.headers, &body, app.clock.now());
            if authentic { Ok(Self { body }) } else { Err(Refusal::BadSignature) }
        };
        verified.await.map_err(|refusal| {
            count(refusal.reason());
            Rejection::Refused(refusal)
        })
    }
}

/// `POST /api/stripe/webhook`. 200 once what the event tells stands in the books, or is none of our business; 503, so
/// that Stripe sends it again, when the books could not take it.
pub async fn receive(State(app): State<App>, event: VerifiedEvent) -> StatusCode {
    let Some(door) = &app.stripe else { return StatusCode::NOT_FOUND };
    let Some(event) = event::read(&event.body) else {
        tracing::warn!("Stripe signed something that is no event");
        count("unreadable");
        return StatusCode::BAD_REQUEST;
    };
    // Most of what an account tells is not for us: it needs no books.
    if event.told == Told::Nothing {
        count(Outcome::Ignored.as_str());
        return StatusCode::OK;
    }
    match timeout(limits::STRIPE_PATIENCE, book(&app, &event, &door.packs)).await {
        Ok(Ok(outcome)) => {
            if outcome == Outcome::Unclaimed {
                tracing::error!(
                    event.id,
                    "somebody has paid, and we do not know what for: postly credits reconcile"
                );
            } else {
                tracing::info!(event.id, event.kind, outcome = outcome.as_str(), "an event of Stripe");
            }
            count(outcome.as_str());
            StatusCode::OK
        }
        Ok(Err(error)) => {
            tracing::error!(event.id, "an event of Stripe could not be kept: {}", told(&error));
            count("unavailable");
            StatusCode::SERVICE_UNAVAILABLE
        }
        Err(_) => {
            tracing::error!(event.id, "an event of Stripe could not be kept in time");
            count("unavailable");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// All that an event does, in one transaction.
async fn book(app: &App, event: &Event, packs: &Packs) -> Result<Outcome, PaymentError> {
    let mut tx = app.pool().begin().await?;
    let outcome = payment::apply(&mut tx, event, packs, app.clock.now()).await?;
    tx.commit().await?;
    fault::point("payment.committed");
    Ok(outcome)
}

/// Why an event is not in the books, for a log.
fn told(error: &PaymentError) -> String {
    match error {
        PaymentError::Ledger(LedgerError::Database(error))
        | PaymentError::Spill(SpillError::Database(error)) => db::told(error),
        PaymentError::Ledger(LedgerError::NoSuchPerson) | PaymentError::Spill(SpillError::Shape(_)) => {
            error.to_string()
        }
    }
}

fn count(outcome: &'static str) {
    counter!("postly_stripe_events_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
#[path = "stripe_tests.rs"]
mod tests;
