//! Twilio's refusals, and the troubles that a test can order.
//!
//! Every error is a JSON object with a numeric `code`, a sentence, a link and the HTTP status.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An ordered trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwilioFault {
    /// 429/20429: never processed, always safe to repeat.
    TooMany20429,
    /// 503/20503: the outcome is unknown to the caller (here: not processed).
    Unavailable20503,
    /// 401/20003: the credentials are no longer good.
    Authenticate20003,
    /// 400/21610: the person has opted out.
    Unsubscribed21610,
    /// 404/20404: not there, or not yet.
    Missing404,
    /// Any other code of Twilio's dictionary.
    Refused(u32),
    /// A 500 with an HTML page.
    Http500Html,
    /// A 200 that is not JSON; nothing was accepted.
    Garbage200,
    /// Accepted, then a callback `failed` with this code.
    FailedByStatus(u32),
    /// Accepted and delivered, but the connection is cut before the answer.
    Drop,
    /// Not accepted, never answered.
    Hang,
}

/// A refusal in Twilio's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestError {
    http: StatusCode,
    code: u32,
    message: String,
}

impl RestError {
    /// A 400 with this code.
    pub fn bad(code: u32, message: impl Into<String>) -> Self {
        Self { http: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    /// 401/20003.
    #[must_use]
    pub fn authenticate() -> Self {
        Self { http: StatusCode::UNAUTHORIZED, code: 20_003, message: "Authenticate".to_owned() }
    }

    /// 404/20404 for a path.
    #[must_use]
    pub fn not_found(path: &str) -> Self {
        let message = format!("The requested resource {path} was not found");
        Self { http: StatusCode::NOT_FOUND, code: 20_404, message }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.http.as_u16(),
        });
        (self.http, axum::Json(body)).into_response()
    }
}

impl TwilioFault {
    /// The answer of a fault that refuses; `None` for those that accept the message or do not answer.
    #[must_use]
    pub fn answer(self) -> Option<Response> {
        let html = [(CONTENT_TYPE, "text/html")];
        let too_many = |code, message: &str| RestError {
            http: StatusCode::TOO_MANY_REQUESTS,
            code,
            message: message.to_owned(),
        };
        let answer = match self {
            Self::TooMany20429 => too_many(20_429, "Too Many Requests").into_response(),
            Self::Unavailable20503 => {
                let message = "Service unavailable".to_owned();
                RestError { http: StatusCode::SERVICE_UNAVAILABLE, code: 20_503, message }.into_response()
            }
            Self::Authenticate20003 => RestError::authenticate().into_response(),
            Self::Unsubscribed21610 => {
                RestError::bad(21_610, "Attempt to send to unsubscribed recipient").into_response()
            }
            Self::Refused(code) => {
                let http = match code {
                    20_003 => StatusCode::UNAUTHORIZED,
                    20_005 => StatusCode::FORBIDDEN,
                    20_404 => StatusCode::NOT_FOUND,
                    20_429 => StatusCode::TOO_MANY_REQUESTS,
                    20_500 => StatusCode::INTERNAL_SERVER_ERROR,
                    20_503 => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::BAD_REQUEST,
                };
                RestError { http, code, message: "Refused".to_owned() }.into_response()
            }
            Self::Http500Html => {
                (StatusCode::INTERNAL_SERVER_ERROR, html, "<html><h1>500</h1></html>").into_response()
            }
            Self::Garbage200 => (StatusCode::OK, html, "<html>welcome</html>").into_response(),
            Self::Missing404 => RestError::not_found("").into_response(),
            Self::FailedByStatus(_) | Self::Drop | Self::Hang => return None,
        };
        Some(answer)
    }
}

/// The sentences that callbacks carry beside a code: `ErrorMessage` and `ChannelStatusMessage`.
pub(super) fn failure_words(code: u32) -> Option<(&'static str, &'static str)> {
    match code {
        63_016 => Some((
            "Failed to send freeform message because you are outside the allowed window. If you are using \
             WhatsApp, please use a Message Template.",
            "Re-engagement message",
        )),
        63_024 => Some(("Invalid message recipient", "Message undeliverable")),
        _ => None,
    }
}
