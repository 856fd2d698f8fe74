//! `POST {base}/moderations`: whether a text is something that should not be written about. Free of charge, and offered by
//! few servers beside `OpenAI`'s own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::counter;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::OpenAi;

/// The model that judges (`OpenAI`: Moderations).
const MODEL: &str = "omni-moderation-latest";

/// It runs beside the first step, which takes longer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the server offers it, as far as this process has learned. Clones know the same.
#[derive(Debug, Clone, Default)]
pub struct Offer(Arc<AtomicBool>);

impl Offer {
    /// Not to be asked at all.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

#[derive(Deserialize)]
struct Verdict {
    results: Vec<Judged>,
}

#[derive(Deserialize)]
struct Judged {
    flagged: bool,
}

impl OpenAi {
    /// Whether the server's moderation flags a text. `false` when nobody can tell: the model itself still declines what it
    /// will not write, and a court that is away is no reason to serve nobody.
    pub async fn flags(&self, text: &str) -> bool {
        let absent = &self.config.moderation.0;
        if absent.load(Ordering::Relaxed) {
            return false;
        }
        let body = json!({ "model": MODEL, "input": text });
        let answer = self.post("/moderations").timeout(TIMEOUT).json(&body).send().await;
        let verdict = match answer {
            Ok(answer) if answer.status() == StatusCode::NOT_FOUND => {
                tracing::info!("the model's server offers no moderation: briefs are not moderated");
                absent.store(true, Ordering::Relaxed);
                return false;
            }
            Ok(answer) if answer.status().is_success() => answer.json::<Verdict>().await.ok(),
            _ => None,
        };
        let flagged = verdict.map(|verdict| verdict.results.iter().any(|result| result.flagged));
        let outcome = match flagged {
            Some(true) => "flagged",
            Some(false) => "passed",
            None => "unknown",
        };
        counter!("postly_moderations_total", "outcome" => outcome).increment(1);
        flagged.unwrap_or(false)
    }
}
