//! Stripe's refusals, and the troubles that a test can order.
//!
//! A refusal knows whether the request had begun to be worked on: what was found while reading parameters is
//! forgotten, what was found while executing is kept for the idempotency key, as a success would be.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::idempotency::Answer;

/// An ordered trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripeFault {
    /// 500 `api_error`, kept for the idempotency key: the same key gets the same 500.
    Http500,
    /// 429 `rate_limit`, before the idempotency key is looked at.
    Http429,
    /// Worked on, but the connection is cut before the answer.
    Drop,
    /// Never answered and not worked on; the idempotency key stays in use until the client gives up.
    Hang,
    /// Worked on, and the answer is a 200 that is not JSON.
    Garbage200,
    /// 409 `idempotency_key_in_use`, although nothing else runs.
    Conflict409,
    /// 401, as for a key that was revoked.
    InvalidKey401,
}

/// A refusal in Stripe's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    http: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
    /// Whether the request was being executed.
    pub(super) begun: bool,
}

impl ApiError {
    fn new(
        http: StatusCode,
        kind: &'static str,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        Self { http, kind, code, param: None, message: message.into(), begun: false }
    }

    fn about(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    /// 400 about the request as a whole.
    pub fn request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", None, message)
    }

    /// 400 about the value of one parameter; `code` where Stripe has one.
    pub fn value(param: impl Into<String>, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, message).about(param)
    }

    /// 400 for a parameter that does not exist.
    #[must_use]
    pub fn unknown(param: &str) -> Self {
        Self::value(param, Some("parameter_unknown"), format!("Received unknown parameter: {param}"))
    }

    /// 400 for a parameter that is not there.
    #[must_use]
    pub fn missing(param: &str) -> Self {
        Self::value(param, Some("parameter_missing"), format!("Missing required param: {param}."))
    }

    /// 400 for an object that another object should refer to, found while executing.
    pub fn reference(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { begun: true, ..Self::value(param, Some("resource_missing"), message) }
    }

    /// 404 for an object.
    #[must_use]
    pub fn not_found(what: &str, param: &str, id: &str) -> Self {
        let message = format!("No such {what}: '{id}'");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("resource_missing"), message)
            .about(param)
    }

    /// 404 for a path.
    #[must_use]
    pub fn path(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", None, message)
    }

    /// 401.
    #[must_use]
    pub fn key(given: &str) -> Self {
        let message = if given.is_empty() {
            "You did not provide an API key.".to_owned()
        } else {
            let shown: String = given.chars().take(8).collect();
            format!("Invalid API Key provided: {shown}****")
        };
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", None, message)
    }

    /// 400 for an idempotency key that came with other parameters before.
    #[must_use]
    pub fn other_parameters(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. \
             Try using a key other than '{key}' if you meant to execute a different request."
        );
        Self::new(StatusCode::BAD_REQUEST, "idempotency_error", None, message)
    }

    /// 409 for an idempotency key whose first request is still being answered.
    #[must_use]
    pub fn in_use(key: &str) -> Self {
        let message =
            format!("There is currently another in-progress request using this Idempotent Key: {key}.");
        Self::new(StatusCode::CONFLICT, "idempotency_error", Some("idempotency_key_in_use"), message)
    }

    /// What a client receives, and an idempotency key may keep.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let mut error = Map::new();
        error.insert("type".to_owned(), json!(self.kind));
        error.insert("message".to_owned(), json!(self.message));
        if let Some(code) = self.code {
            let page = code.replace('_', "-");
            error.insert("code".to_owned(), json!(code));
            error.insert("doc_url".to_owned(), json!(format!("https://stripe.com/docs/error-codes/{page}")));
        }
        if let Some(param) = &self.param {
            error.insert("param".to_owned(), json!(param));
        }
        Answer { status: self.http, body: json!({"error": Value::Object(error)}) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.answer().into_response()
    }
}

impl StripeFault {
    /// The refusal of a fault that stops a request before anything is done; `None` for the others.
    #[must_use]
    pub fn at_the_gate(self, idempotency_key: Option<&str>) -> Option<ApiError> {
        match self {
            Self::Http429 => {
                let message = "Request rate limit exceeded. Learn more about rate limits here \
                               https://stripe.com/docs/rate-limits.";
                let (status, kind) = (StatusCode::TOO_MANY_REQUESTS, "invalid_request_error");
                Some(ApiError::new(status, kind, Some("rate_limit"), message))
            }
            Self::Conflict409 => Some(ApiError::in_use(idempotency_key.unwrap_or("unknown"))),
            Self::InvalidKey401 => Some(ApiError::key("sk_test_revoked")),
            Self::Http500 | Self::Drop | Self::Hang | Self::Garbage200 => None,
        }
    }

    /// 500.
    #[must_use]
    pub fn internal() -> ApiError {
        let message = "An unknown error occurred";
        let error = ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", None, message);
        ApiError { begun: true, ..error }
    }

    /// The 200 of something that stands between Stripe and us.
    #[must_use]
    pub fn garbage() -> Response {
        let html = [(CONTENT_TYPE, "text/html")];
        (StatusCode::OK, html, "<html>a gateway says hello</html>").into_response()
    }
}
