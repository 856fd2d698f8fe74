//! `OpenAI`'s refusals, and the troubles that a test can order.
//!
//! Two different 429 exist: one passes with time (`rate_limit_exceeded`), the other only with money
//! (`insufficient_quota`). A client that decides by status alone retries the second for nothing.

use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An ordered trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenAiFault {
    /// 429 that passes; the headers say when.
    RateLimited {
        /// `retry-after` (whole seconds, rounded up) and `retry-after-ms`.
        retry_after: Duration,
    },
    /// 429 that only a payment ends.
    InsufficientQuota,
    /// 503 `server_is_overloaded`.
    Overloaded503,
    /// 500 `server_error`.
    Http500,
    /// 200 with a body that is not JSON.
    Garbage,
    /// 200 with no choice in it.
    EmptyChoices,
    /// 200 with `refusal` instead of content.
    Refusal,
    /// 200 with `finish_reason: length`, cut in the middle of the content.
    Truncated,
    /// 200 with `finish_reason: content_filter` and no content.
    ContentFilter,
    /// 200 whose content should be JSON and is not.
    InvalidJsonContent,
    /// 200 whose second post repeats the first.
    TwoEqualPosts,
    /// 200 whose second post is empty.
    EmptyPost,
    /// 200 whose posts are of about a thousand characters each.
    LongPosts,
    /// 404: this server has no such path, as compatible ones may not.
    NotServed,
    /// Worked on, but the connection is cut before the answer.
    Drop,
    /// Never answered.
    Hang,
}

/// A refusal in `OpenAI`'s form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    http: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
}

impl ApiError {
    fn new(
        http: StatusCode,
        kind: &'static str,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        Self { http, kind, code, param: None, message: message.into() }
    }

    /// 400 about one parameter.
    pub fn parameter(code: &'static str, param: impl Into<String>, message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", Some(code), message);
        Self { param: Some(param.into()), ..error }
    }

    /// 400 about the request as a whole.
    pub fn request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", None, message)
    }

    /// 400 about a response schema.
    pub fn schema(name: &str, complaint: impl std::fmt::Display) -> Self {
        let message = format!("Invalid schema for response_format '{name}': {complaint}");
        Self { param: Some("response_format".to_owned()), ..Self::request(message) }
    }

    /// 401.
    #[must_use]
    pub fn key(given: &str) -> Self {
        let message = if given.is_empty() {
            "You didn't provide an API key. You need to provide your API key in an Authorization header using \
             Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
                .to_owned()
        } else {
            let shown: String = given.chars().take(3).collect();
            format!("Incorrect API key provided: {shown}****. You can find your API key in your dashboard.")
        };
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", Some("invalid_api_key"), message)
    }

    /// 404 for a model.
    #[must_use]
    pub fn model(id: &str) -> Self {
        let message = format!("The model `{id}` does not exist or you do not have access to it.");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("model_not_found"), message)
    }

    /// 404 for a path.
    #[must_use]
    pub fn path(method: &str, path: &str) -> Self {
        let message = format!("Invalid URL ({method} {path})");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", None, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error =
            json!({"message": self.message, "type": self.kind, "param": self.param, "code": self.code});
        (self.http, axum::Json(json!({"error": error}))).into_response()
    }
}

impl OpenAiFault {
    /// The answer of a fault that refuses; `None` for those that shape a completion or do not answer.
    #[must_use]
    pub fn answer(self) -> Option<Response> {
        let error = match self {
            Self::RateLimited { retry_after } => return Some(rate_limited(retry_after)),
            Self::InsufficientQuota => {
                let message = "You exceeded your current quota, please check your plan and billing details.";
                let code = "insufficient_quota";
                ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, Some(code), message)
            }
            Self::Overloaded503 => {
                let message = "The server is currently overloaded. Please try again later.";
                let (kind, code) = ("service_unavailable_error", Some("server_is_overloaded"));
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, kind, code, message)
            }
            Self::Http500 => {
                let message = "The server had an error while processing your request. Sorry about that!";
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", None, message)
            }
            Self::NotServed => ApiError::path("POST", "/v1/audio/transcriptions"),
            Self::Garbage => {
                let html = [(CONTENT_TYPE, "text/html")];
                return Some((StatusCode::OK, html, "<html>upstream says hello</html>").into_response());
            }
            _ => return None,
        };
        Some(error.into_response())
    }
}

fn rate_limited(retry_after: Duration) -> Response {
    let millis = retry_after.as_millis();
    let message = format!("Rate limit reached on requests per min (RPM). Please try again in {millis}ms.");
    let code = Some("rate_limit_exceeded");
    let mut response =
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "requests", code, message).into_response();
    let number =
        |number: u128| HeaderValue::from_str(&number.to_string()).expect("digits are a header value");
    response.headers_mut().insert("retry-after", number(millis.div_ceil(1000)));
    response.headers_mut().insert("retry-after-ms", number(millis));
    response
}
