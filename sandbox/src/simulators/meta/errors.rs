//! Meta's refusals: codes, texts and HTTP statuses, and the troubles that a test can order.
//!
//! A client must decide by `code`: the HTTP statuses follow Meta's table but have changed over the years.
//! Source: Cloud API error table (September 2026). What a dead API version answers is not documented; here it is
//! an error, because a silent fall-forward would hide an outdated configuration.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An ordered trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaFault {
    /// 130429, our number sends too fast.
    Throughput130429,
    /// 131056, too many messages to this person.
    PairRate131056,
    /// 131016, a service of Meta is down.
    Unavailable131016,
    /// 131000, something went wrong.
    Unknown131000,
    /// 131047, more than 24 hours since the person wrote.
    Window131047,
    /// 190, the access token has expired.
    TokenExpired190,
    /// 368, the account is restricted.
    Policy368,
    /// Code 2 with `is_transient`, from the Graph layer.
    Transient2,
    /// Any other code of Meta's table.
    Refused(u32),
    /// A 500 with an HTML page, as a gateway gives it.
    Http500Html,
    /// A 200 that is not JSON; nothing was accepted.
    Garbage200,
    /// Accepted, then a `failed` status with this code.
    FailedByStatus(u32),
    /// Accepted and delivered, but the connection is cut before the answer.
    Drop,
    /// Not accepted, never answered.
    Hang,
}

/// A refusal in Graph's form.
#[derive(Debug, Clone)]
pub struct GraphError {
    http: StatusCode,
    code: u32,
    subcode: Option<u32>,
    kind: &'static str,
    message: String,
    details: Option<String>,
    transient: bool,
}

impl GraphError {
    /// An error of the `WhatsApp` layer with the details of Meta's table.
    #[must_use]
    pub fn of(code: u32) -> Self {
        let (title, details) = words(code);
        Self::detailed(code, title, details)
    }

    /// An error of the `WhatsApp` layer with details of this request.
    pub fn detailed(code: u32, title: &str, details: impl Into<String>) -> Self {
        let http = match code {
            130_429 => StatusCode::TOO_MANY_REQUESTS,
            131_000 | 131_016 => StatusCode::INTERNAL_SERVER_ERROR,
            132_001 => StatusCode::NOT_FOUND,
            368 => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        let message = format!("(#{code}) {title}");
        let details = Some(details.into());
        Self { http, code, subcode: None, kind: "OAuthException", message, details, transient: false }
    }

    /// 100: the request itself is wrong.
    pub fn parameter(details: impl Into<String>) -> Self {
        Self::detailed(100, "Invalid parameter", details)
    }

    /// An error of the Graph layer, which knows nothing about `WhatsApp`.
    pub fn graph(http: StatusCode, code: u32, message: impl Into<String>) -> Self {
        let kind = "OAuthException";
        Self { http, code, subcode: None, kind, message: message.into(), details: None, transient: false }
    }

    /// 190 for a token that was never valid.
    #[must_use]
    pub fn bad_token() -> Self {
        let message = "Invalid OAuth access token - Cannot parse access token";
        Self::graph(StatusCode::UNAUTHORIZED, 190, message)
    }

    /// 190 for a token whose time is over.
    #[must_use]
    pub fn expired_token() -> Self {
        let message = "Error validating access token: Session has expired on Sunday, 22-Nov-26 00:00:00 PST. \
                       The current time is Sunday, 22-Nov-26 01:00:00 PST.";
        Self { subcode: Some(463), ..Self::graph(StatusCode::UNAUTHORIZED, 190, message) }
    }

    /// 100/33: a business number that does not exist or is not ours.
    #[must_use]
    pub fn unknown_object(method: &str, id: &str) -> Self {
        let message = format!(
            "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded due to missing \
             permissions, or does not support this operation"
        );
        let kind = "GraphMethodException";
        Self { subcode: Some(33), kind, ..Self::graph(StatusCode::BAD_REQUEST, 100, message) }
    }

    /// The entry of `statuses[].errors` for a message that failed later.
    #[must_use]
    pub fn in_status(code: u32) -> Value {
        let (title, details) = words(code);
        json!({
            "code": code,
            "title": title,
            "message": title,
            "error_data": {"details": details},
            "href": "/documentation/business-messaging/whatsapp/support/error-codes",
        })
    }
}

impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        let trace = hex::encode(rand::random::<[u8; 8]>());
        let mut error = json!({
            "message": self.message,
            "type": self.kind,
            "code": self.code,
            "fbtrace_id": format!("A{trace}"),
        });
        if let Some(details) = self.details {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        }
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = json!(subcode);
        }
        if self.transient {
            error["is_transient"] = json!(true);
        }
        (self.http, axum::Json(json!({"error": error}))).into_response()
    }
}

impl MetaFault {
    /// The answer of a fault that refuses; `None` for those that accept the message or do not answer.
    #[must_use]
    pub fn answer(self) -> Option<Response> {
        let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
        let error = match self {
            Self::Throughput130429 => GraphError::of(130_429),
            Self::PairRate131056 => GraphError::of(131_056),
            Self::Unavailable131016 => GraphError::of(131_016),
            Self::Unknown131000 => GraphError::of(131_000),
            Self::Window131047 => GraphError::of(131_047),
            Self::TokenExpired190 => GraphError::expired_token(),
            Self::Policy368 => GraphError::of(368),
            Self::Refused(code) => GraphError::of(code),
            Self::Transient2 => {
                let message = "An unexpected error has occurred. Please retry your request later.";
                GraphError {
                    transient: true,
                    ..GraphError::graph(StatusCode::INTERNAL_SERVER_ERROR, 2, message)
                }
            }
            Self::Http500Html => {
                let page =
                    "<!DOCTYPE html><html><title>Error</title><h1>Sorry, something went wrong.</h1></html>";
                return Some((StatusCode::INTERNAL_SERVER_ERROR, html, page).into_response());
            }
            Self::Garbage200 => return Some((StatusCode::OK, html, "<html>welcome</html>").into_response()),
            Self::FailedByStatus(_) | Self::Drop | Self::Hang => return None,
        };
        Some(error.into_response())
    }
}

/// Title and details of Meta's table.
fn words(code: u32) -> (&'static str, &'static str) {
    match code {
        368 => (
            "Temporarily blocked for policies violations",
            "The WhatsApp Business Account associated with the app has been restricted or disabled for violating \
             a platform policy.",
        ),
        130_429 => ("Rate limit hit", "Cloud API message throughput has been reached."),
        130_472 => {
            ("User's number is part of an experiment", "Message was not sent as part of an experiment.")
        }
        131_016 => ("Service unavailable", "A service is temporarily unavailable."),
        131_026 => ("Message undeliverable", "Message Undeliverable."),
        131_047 => (
            "Re-engagement message",
            "Message failed to send because more than 24 hours have passed since the customer last replied to \
             this number.",
        ),
        131_049 => (
            "This message was not delivered to maintain healthy ecosystem engagement.",
            "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
        ),
        131_056 => (
            "(Business Account, Consumer Account) pair rate limit hit",
            "Message failed to send because there were too many messages sent from this phone number to the same \
             phone number in a short period of time.",
        ),
        131_062 => (
            "Business-scoped User ID (BSUID) recipients are not supported for this message.",
            "Business-scoped User ID (BSUID) recipients are not supported for this message.",
        ),
        _ => ("Something went wrong", "Something went wrong."),
    }
}
