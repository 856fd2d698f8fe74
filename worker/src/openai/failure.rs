//! What goes wrong with the model: counted by its kind, since quota, pace and a wrong key each want somebody else, and told
//! without a word of what was sent.

use std::time::Duration;

use metrics::counter;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::error::JobError;
use crate::policy;

/// Codes under which OpenAI says that there is no money: trying again cannot help.
const NO_MONEY: [&str; 5] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
];

/// Why a call brings nothing. Only `quota`, `auth` and `model` want somebody to do something; the others pass, or are ours.
pub const FAILURES: &[&str] =
    &["quota", "rate", "timeout", "unreachable", "server", "auth", "model", "request", "answer"];

/// No answer, or not the whole of one.
pub(super) fn unheard(step: &'static str, error: reqwest::Error) -> JobError {
    count(step, if error.is_timeout() { "timeout" } else { "unreachable" });
    JobError::retry(error.without_url())
}

/// An answer that is none. `what` is wrong with it is ours to say, and quotes nothing.
pub(super) fn senseless(step: &'static str, what: &'static str) -> JobError {
    count(step, "answer");
    JobError::retry(anyhow::anyhow!(what))
}

/// What an error answer means (OpenAI: Error codes, 2026).
pub(super) fn refused(step: &'static str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> JobError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    // Compatible servers put sentences there, which may repeat what was sent.
    let word = |name: &str| {
        let word = body["error"][name].as_str().unwrap_or_default();
        if word.len() <= 60 && word.chars().all(is_word) { word.to_owned() } else { "other".to_owned() }
    };
    let (kind, code) = (word("type"), word("code"));
    let request = headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or("none");
    // The message may repeat what was sent: it stays out.
    tracing::warn!(
        http.status = status.as_u16(),
        error.kind = kind,
        error.code = code,
        request.id = request,
        "the model's server refused"
    );
    let what = format!("model: HTTP {} {code}", status.as_u16());
    let no_money = NO_MONEY.contains(&kind.as_str()) || NO_MONEY.contains(&code.as_str());
    count(
        step,
        match status.as_u16() {
            _ if no_money => "quota",
            429 => "rate",
            401 | 403 => "auth",
            404 => "model",
            408 | 409 | 500..=599 => "server",
            _ => "request",
        },
    );
    if no_money {
        return JobError::fail(what);
    }
    match status.as_u16() {
        408 | 409 | 429 | 500..=599 => {
            JobError::Retry { after: retry_after(headers), cause: anyhow::anyhow!(what) }
        }
        _ => JobError::fail(what),
    }
}

/// What the server asks for, as far as a person in a chat can wait for it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms")
        .map(|millis| millis / 1000.0)
        .or_else(|| number(RETRY_AFTER.as_str()))
        .filter(|seconds| (0.0..=1e6).contains(seconds))?;
    Some(Duration::from_secs_f64(seconds).min(policy::RETRY.longest))
}

fn count(step: &'static str, reason: &'static str) {
    counter!("postly_llm_failures_total", "step" => step, "reason" => reason).increment(1);
}
