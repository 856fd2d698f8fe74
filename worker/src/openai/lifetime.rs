//! Until when there is a model: its server announces the day of its end (`GET /models/{model}`, `shutdown_date`; OpenAI: Models),
//! and who finds that out on that day has nothing to write with.

use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use metrics::gauge;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::OpenAi;

/// How often it is asked for: an end is announced months before it comes.
const PERIOD: Duration = Duration::from_hours(6);

impl OpenAi {
    /// Keeps `postly_model_shutdown_timestamp_seconds`, until told to stop. What cannot be asked stays what it was.
    pub async fn watches_its_end(self, stop: CancellationToken) {
        let listens = self.listens().then_some(&self.config.transcribe_model);
        loop {
            for model in [&self.config.model].into_iter().chain(listens) {
                let Some(day) = self.shutdown_date(model).await else { continue };
                #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
                let end = day.and_time(NaiveTime::MIN).and_utc().timestamp() as f64;
                gauge!("postly_model_shutdown_timestamp_seconds", "model" => model.clone()).set(end);
                tracing::info!(model, end = %day, "this model has an announced end");
            }
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// The end of a model, where its server announces one.
    async fn shutdown_date(&self, model: &str) -> Option<NaiveDate> {
        let request = self.call(self.http.get(self.url(&format!("/models/{model}"))));
        let model: Value = request.send().await.ok()?.error_for_status().ok()?.json().await.ok()?;
        model["shutdown_date"].as_str()?.parse().ok()
    }
}
