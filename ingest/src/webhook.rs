//! The door itself: raw bytes in, verified work out, an answer before any of it is done.
//!
//! Only the extractor in this room can make a [`VerifiedWebhook`], and it does so after the signature matched:
//! nothing that is unsigned is ever interpreted.

use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{FromRequest, RawQuery, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use metrics::{counter, histogram};
use shared::job::Job;
use shared::message::{MessageId, Provider};
use shared::trace::{self, TraceContext};
use tracing::Instrument;

use crate::App;
use crate::limits;

/// Bytes that a provider signed. Its fields are private: holding one is the proof.
pub struct VerifiedWebhook {
    provider: Provider,
    body: Bytes,
    query: String,
    arrived: Instant,
}

/// One thing that a webhook carried.
#[derive(Debug)]
pub enum Arrival {
    /// Work for a worker.
    Job(Box<Job>),
    /// Signed, and yet not understood: for the operator, with the reason.
    Unreadable {
        /// Tells it from others; the same bytes are kept once.
        id: MessageId,
        /// Why.
        reason: &'static str,
        /// What.
        bytes: Vec<u8>,
    },
    /// Nothing to do, by this kind.
    Ignored(&'static str),
}

/// Why a request was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No signature header, or both providers' at once.
    Unsigned,
    /// The signature is not ours, or this provider is not configured.
    BadSignature,
    /// Larger than any webhook.
    TooLarge,
    /// The body did not arrive whole.
    Interrupted,
}

impl Refusal {
    /// The word by which it is counted.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad_signature",
            Self::TooLarge => "too_large",
            Self::Interrupted => "interrupted",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unsigned | Self::BadSignature => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Interrupted => StatusCode::BAD_REQUEST,
        }
        .into_response()
    }
}

impl FromRequest<App> for VerifiedWebhook {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let arrived = Instant::now();
        let (parts, body) = request.into_parts();
        let mut label = "none";
        let verified = async {
            let provider = signed_by(&parts.headers).ok_or(Refusal::Unsigned)?;
            label = provider.as_str();
            let body = read(&parts.headers, body).await?;
            let authentic = match provider {
                Provider::Meta => app.meta.as_ref().is_some_and(|door| door.verify(&parts.headers, &body)),
                Provider::Twilio => {
                    app.twilio.as_ref().is_some_and(|door| door.verify(&parts.headers, &parts.uri, &body))
                }
            };
            if !authentic {
                return Err(Refusal::BadSignature);
            }
            Ok(Self { provider, body, query: query(&parts.uri), arrived })
        }
        .await;
        if let Err(refusal) = &verified {
            counter!("postly_webhooks_total", "provider" => label, "outcome" => refusal.reason())
                .increment(1);
        }
        verified
    }
}

impl VerifiedWebhook {
    /// Everything it carries: every entry, change and message of a batch.
    fn arrivals(&self, app: &App, now: DateTime<Utc>) -> Vec<Arrival> {
        match self.provider {
            Provider::Meta => {
                let business = app.meta.as_ref().and_then(|door| door.business.as_deref());
                crate::meta::payload::arrivals(&self.body, business, now)
            }
            Provider::Twilio => vec![crate::twilio::payload::arrival(&self.body, &self.query, now)],
        }
    }

    /// What the provider wants to hear when we have it. Meta: 200 exactly. Twilio: empty `TwiML`; a plain text would
    /// be sent to the person as a message.
    fn acknowledgement(&self) -> Response {
        match self.provider {
            Provider::Meta => StatusCode::OK.into_response(),
            Provider::Twilio => ([(CONTENT_TYPE, "text/xml")], "<Response></Response>").into_response(),
        }
    }
}

/// `POST /api/whatsapp/webhook` and `POST /api/whatsapp/status`. 200 once everything is durable; 503, so that the
/// provider tries again, when it cannot be made so.
pub async fn receive(State(app): State<App>, webhook: VerifiedWebhook) -> Response {
    if !app.traces {
        // The trace begins all the same, for the logs of everybody who works on it; a span would be made for nobody.
        return take(app, webhook, Some(TraceContext::begin())).await;
    }
    // An error's level, so that a quiet log keeps it.
    let span = tracing::error_span!("webhook", otel.kind = "server", provider = webhook.provider.as_str());
    let trace = TraceContext::of(&span);
    take(app, webhook, trace).instrument(span).await
}

async fn take(app: App, webhook: VerifiedWebhook, trace: Option<TraceContext>) -> Response {
    let arrivals = webhook.arrivals(&app, app.clock.now());
    let provider = webhook.provider;
    let (outcome, answer) = match app.intake.take(provider, arrivals, trace).await {
        Ok(()) => ("accepted", webhook.acknowledgement()),
        Err(away) => {
            tracing::error!(%provider, trace_id = trace::id(trace), "a webhook could not be kept: {away}");
            ("unavailable", StatusCode::SERVICE_UNAVAILABLE.into_response())
        }
    };
    counter!("postly_webhooks_total", "provider" => provider.as_str(), "outcome" => outcome).increment(1);
    histogram!("postly_webhook_ack_seconds").record(webhook.arrived.elapsed());
    answer
}

/// `GET /api/whatsapp/webhook`: Meta's handshake, sent whenever the callback URL is saved. Repeats the challenge to
/// whoever knows the verify token.
pub async fn handshake(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    match app.meta.as_ref().and_then(|door| door.handshake(&query)) {
        Some(challenge) => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], challenge).into_response(),
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

/// Who signed, by the header that only they send. A request with both, or with one twice, is nobody's.
fn signed_by(headers: &HeaderMap) -> Option<Provider> {
    let count = |name: &str| headers.get_all(name).iter().count();
    match (count(crate::meta::SIGNATURE), count(crate::twilio::SIGNATURE)) {
        (1, 0) => Some(Provider::Meta),
        (0, 1) => Some(Provider::Twilio),
        _ => None,
    }
}

/// The body, when it is not larger than any webhook.
pub(crate) async fn read(headers: &HeaderMap, body: axum::body::Body) -> Result<Bytes, Refusal> {
    let announced =
        headers.get("content-length").and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits::BODY) {
        return Err(Refusal::TooLarge);
    }
    axum::body::to_bytes(body, limits::BODY).await.map_err(|error| {
        let too_large =
            std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("limit"));
        if too_large { Refusal::TooLarge } else { Refusal::Interrupted }
    })
}

fn query(uri: &Uri) -> String {
    uri.query().unwrap_or_default().to_owned()
}
