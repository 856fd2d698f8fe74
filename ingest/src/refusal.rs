//! How the web side says no: one shape, a code that never changes, a sentence in the language of the browser.
//!
//! Webhooks are refused without a word (see `webhook.rs`): nobody reads there, and every byte would tell a stranger
//! something.

use std::time::Duration;

use axum::Json;
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use shared::language::Language;
use shared::texts::Denial;

/// Something that a browser asked for is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    denial: Denial,
    language: Language,
    after: Option<Duration>,
}

impl Refusal {
    /// A refusal, in the language that the request asks for.
    #[must_use]
    pub fn new(denial: Denial, headers: &HeaderMap) -> Self {
        Self { denial, language: language(headers), after: None }
    }

    /// The same, with when to come again.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.after = Some(wait);
        self
    }
}

/// The status that goes with a reason.
#[must_use]
pub fn status(denial: Denial) -> StatusCode {
    match denial {
        Denial::NotConfigured | Denial::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Denial::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Denial::BadRequest | Denial::BadPhone | Denial::BadCode => StatusCode::BAD_REQUEST,
        Denial::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Denial::ForeignOrigin => StatusCode::FORBIDDEN,
        Denial::NotSignedIn | Denial::WrongCode { .. } => StatusCode::UNAUTHORIZED,
        Denial::NotFound => StatusCode::NOT_FOUND,
        Denial::TooSoon | Denial::TooManyRequests | Denial::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
        Denial::Expired => StatusCode::GONE,
        Denial::Unreachable => StatusCode::UNPROCESSABLE_ENTITY,
        Denial::NotSent | Denial::NotOpened => StatusCode::BAD_GATEWAY,
        Denial::NumberTaken | Denial::OnlyWayIn => StatusCode::CONFLICT,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut error = json!({
            "code": self.denial.code(),
            "message": self.denial.in_language(self.language),
        });
        if let Denial::WrongCode { left } = self.denial {
            error["attemptsLeft"] = left.into();
        }
        let body = Json(json!({ "success": false, "error": error }));
        let mut response = (status(self.denial), [(CACHE_CONTROL, "no-store")], body).into_response();
        if let Some(wait) = self.after {
            // Rounded up: who comes again when told must not be too early by a fraction.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
        }
        response
    }
}

/// The one of our languages that a browser likes best (RFC 9110, Accept-Language): by weight, then by place. French when
/// it asks for neither.
#[must_use]
pub fn language(headers: &HeaderMap) -> Language {
    let mut best: Option<(f32, Language)> = None;
    let values = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    for choice in values.flat_map(|value| value.split(',')).take(32) {
        let (tag, weight) = choice.split_once(';').unwrap_or((choice, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        let (Some(language), Some(weight)) = (Language::from_tag(tag), weight) else { continue };
        if weight > 0.0 && best.is_none_or(|(heaviest, _)| weight > heaviest) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_LANGUAGE, value.parse().unwrap())])
    }

    #[test]
    fn a_browser_is_answered_in_the_language_it_likes_best() {
        for (value, expected) in [
            ("fr-FR,fr;q=0.9,en-US;q=0.8", Language::Fr),
            ("en-GB, fr;q=0.9", Language::En),
            ("fr;q=0.2, en;q=0.7", Language::En),
            ("de, en;q=0.5", Language::En),
            ("en;q=0, fr", Language::Fr),
            ("en;q=much", Language::Fr),
            ("de", Language::Fr),
        ] {
            assert_eq!(language(&asking(value)), expected, "{value}");
        }
        assert_eq!(language(&HeaderMap::new()), Language::Fr);
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        let refusal = Refusal::new(Denial::TooSoon, &HeaderMap::new());
        for (wait, seconds) in [(0, "1"), (1000, "1"), (1001, "2"), (59_900, "60")] {
            let response = refusal.clone().after(Duration::from_millis(wait)).into_response();
            assert_eq!(response.headers()[RETRY_AFTER], seconds);
        }
        assert!(!refusal.into_response().headers().contains_key(RETRY_AFTER));
    }
}
