//! What a process tells about itself: structured logs on standard error, spans, and Prometheus metrics.
//!
//! No label and no log field ever carries a person, a text or a secret.

use std::io::IsTerminal;
use std::time::Duration;

use metrics::{Label, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::build;
use crate::env::Env;
use crate::trace::{Export, Tracing};

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

/// How a process is told to tell.
#[derive(Debug, Clone)]
pub struct Settings {
    format: LogFormat,
    filter: Option<String>,
    /// Where its spans go.
    pub export: Export,
}

impl Settings {
    /// Reads `LOG_FORMAT`, `RUST_LOG` and the variables of [`Export`], noting what is wrong with them.
    pub fn from_env(env: &mut Env) -> Self {
        let format = env.parsed("LOG_FORMAT", LogFormat::guess());
        Self { format, filter: env.text("RUST_LOG"), export: Export::from_env(env) }
    }
}

/// Starts logging and tracing. Called once per process. From then on a panic tells only where it happened: its message may
/// quote what somebody wrote.
pub fn start(service: &'static str, settings: &Settings) -> anyhow::Result<Tracing> {
    // Whatever sends spans may need it, and so does everything else that speaks TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tracing = settings.export.open(service)?;
    // Each layer has a filter of its own: a quiet log must not take the spans along.
    let filter = settings.filter.as_deref().and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info,sqlx::postgres::notice=warn"));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.format {
        LogFormat::Pretty => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    // Only what we do: what libraries do inside it would be most of every tree, and none of them knows what may be told.
    let ours =
        Targets::new().with_targets(["shared", "ingest", "worker"].map(|ours| (ours, tracing::Level::INFO)));
    let spans = tracing_opentelemetry::layer().with_tracer(tracing.tracer.clone()).with_filter(ours);
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic");
    }));
    Ok(tracing)
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
    gauge!("postly_build_info", "version" => build::VERSION, "commit" => build::COMMIT).set(1.0);
    describe_gauge!("postly_build_info", "1; what runs, by version and commit");
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
    describe_gauge!("postly_queue_workers", "Workers that were heard of within a lease");
    describe_gauge!("postly_queue_paused", "1: an operator has told the workers to take nothing more");
    describe_gauge!(
        "postly_queue_durable",
        "1: an acknowledged message outlives Redis, by its settings; 0: it may not"
    );
    describe_gauge!("postly_numbers_paused", "Numbers of ours that wait for their operator, by provider");
    describe_counter!(
        "postly_replies_total",
        "Replies that people were owed: answered, apologised, or undelivered"
    );
    describe_counter!("postly_llm_failures_total", "Model calls that brought nothing, by step and reason");
    describe_gauge!(
        "postly_model_shutdown_timestamp_seconds",
        "When the model in use will be switched off, where its server announces it"
    );
    describe_gauge!(
        "postly_worker_progress_age_seconds",
        Unit::Seconds,
        "Since a loop of this worker has last gone round"
    );
    describe_counter!("postly_provider_notices_total", "What providers tell about the account, by kind");
    describe_counter!("postly_jobs_total", "Jobs by outcome");
    describe_histogram!("postly_job_seconds", Unit::Seconds, "Handling of one job");
    describe_histogram!(
        "postly_first_reply_seconds",
        Unit::Seconds,
        "From received to accepted by the provider, of the first part of an answer"
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
    describe_promises();
    Ok(handle)
}

/// What people were promised about what is kept of them.
fn describe_promises() {
    describe_counter!(
        "postly_erasures_total",
        "People who were to be forgotten: done, or failed and tried again"
    );
    describe_gauge!(
        "postly_erasure_oldest_age_seconds",
        Unit::Seconds,
        "Since the oldest wish to be forgotten that is not carried out was confirmed; 0: nobody waits"
    );
    describe_counter!("postly_retention_deleted_total", "What was kept long enough and went, by kind");
    describe_gauge!(
        "postly_retention_behind_seconds",
        Unit::Seconds,
        "Since nothing was left of a kind that was kept long enough"
    );
}

/// Shows a counter with 0 under every combination of these words: one that appeared with its first event would hide it, since
/// nothing had increased.
pub fn begins(name: &'static str, labels: &[(&'static str, &[&'static str])]) {
    let mut combinations: Vec<Vec<Label>> = vec![Vec::new()];
    for (label, words) in labels {
        combinations = combinations
            .iter()
            .flat_map(|before| {
                words.iter().map(|word| {
                    before.iter().cloned().chain([Label::from_static_parts(label, word)]).collect()
                })
            })
            .collect();
    }
    for labels in combinations {
        counter!(name, labels).increment(0);
    }
}
