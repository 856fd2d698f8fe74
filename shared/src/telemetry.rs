//! What a process tells about itself: structured logs on standard error, and Prometheus metrics.
//!
//! No label and no log field ever carries a person, a text or a secret.

use std::io::IsTerminal;
use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person at a terminal.
    Pretty,
    /// One JSON object per line, for machines.
    Json,
}

impl LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    #[must_use]
    pub fn guess() -> Self {
        if std::io::stderr().is_terminal() { Self::Pretty } else { Self::Json }
    }
}

impl std::str::FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err("expected pretty or json"),
        }
    }
}

/// Starts logging. Called once per process; `filter` is the value of `RUST_LOG`. From then on a panic tells only where
/// it happened: its message may quote what somebody wrote.
pub fn log(format: LogFormat, filter: Option<&str>) {
    let filter = filter.and_then(|filter| EnvFilter::try_new(filter).ok());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new("info,sqlx::postgres::notice=warn")))
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Pretty => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic");
    }));
}

/// Acknowledging a webhook: Meta wants a median under 250 ms and less than 1 % over a second.
const ACK_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// A job, a model call, a first reply: from a command (milliseconds) to the longest patience (two minutes).
const WORK_BUCKETS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0];

/// How often recorded samples are folded into their histograms, so that they do not pile up between scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Makes this process record metrics, and returns what renders them for `/metrics`. Called inside the runtime.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("postly_webhook_ack_seconds".into()), ACK_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), WORK_BUCKETS)?
        .install_recorder()?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut turns = tokio::time::interval(UPKEEP);
        loop {
            turns.tick().await;
            upkeep.run_upkeep();
        }
    });
    describe_counter!("postly_webhooks_total", "Webhooks by provider and outcome");
    describe_counter!(
        "postly_webhook_events_total",
        "What webhooks carried, beyond new work, by provider and outcome"
    );
    describe_histogram!("postly_webhook_ack_seconds", Unit::Seconds, "From the first byte to our answer");
    describe_gauge!("postly_queue_messages", "Messages in the queue, by state");
    describe_gauge!(
        "postly_queue_oldest_age_seconds",
        Unit::Seconds,
        "Wait of the oldest message that could run now"
    );
    describe_gauge!("postly_queue_lanes", "Conversations with something waiting");
    describe_counter!("postly_jobs_total", "Jobs by outcome");
    describe_histogram!("postly_job_seconds", Unit::Seconds, "Handling of one job");
    describe_histogram!(
        "postly_first_reply_seconds",
        Unit::Seconds,
        "From received to accepted by the provider"
    );
    describe_histogram!("postly_llm_seconds", Unit::Seconds, "Model calls by step");
    describe_counter!("postly_llm_tokens_total", "Model tokens by step and kind");
    describe_counter!(
        "postly_llm_cost_microdollars_total",
        "What the model has cost by step, in millionths of a dollar, as far as MODEL_PRICES tells"
    );
    describe_gauge!(
        "postly_llm_cost_today_dollars",
        "What the model has cost since midnight UTC, all workers together"
    );
    describe_gauge!(
        "postly_ledger_imbalance",
        "Credits that no line explains, at the last look; must read 0"
    );
    describe_counter!("postly_stripe_events_total", "Events of Stripe, by what came of them");
    describe_counter!("postly_sends_total", "Sends by provider and outcome");
    describe_counter!("postly_reactions_total", "Reactions to messages of ours, by what they say");
    describe_counter!(
        "postly_send_waits_total",
        "Answers that were sent back to wait for their turn, by provider and reason (paused, pair, number)"
    );
    describe_counter!(
        "postly_number_pauses_total",
        "Pauses of a number because its operator is needed, by provider: any increase is an alert"
    );
    describe_counter!(
        "postly_sweeps_total",
        "What the sweep found, by outcome: lost messages refunded or ended without a charge, those among them that could \
         not be told (untold), answers sent on their way again (resumed)"
    );
    Ok(handle)
}
