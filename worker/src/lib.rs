#![doc = include_str!("../README.md")]

pub mod admin;
pub mod allowance;
pub mod answer;
pub mod budget;
pub mod burst;
pub mod busy;
pub mod chore;
pub mod code;
pub mod command;
pub mod config;
pub mod delivery;
pub mod detection;
pub mod doctor;
pub mod document;
pub mod erase;
pub mod error;
pub mod form;
pub mod generate;
pub mod inbox;
pub mod lanes;
pub mod media;
#[cfg(test)]
#[path = "../../fixtures/mutated.rs"]
mod mutated;
pub mod notice;
pub mod openai;
pub mod opening;
pub mod operator;
pub mod page;
pub mod payment;
pub mod pipeline;
pub mod policy;
pub mod pulse;
pub mod reconcile;
pub mod relay;
pub mod reply;
pub mod retain;
pub mod revise;
pub mod shop;
pub mod signin;
pub mod stripe;
pub mod sweep;
pub mod till;
pub mod typing;
pub mod voice;
pub mod whatsapp;
pub mod window;

use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::message::Provider;
use shared::queue::{Queue, QueueSettings};
use shared::retention;
use shared::telemetry;
use shared::usage::Usage;
use shared::vault::Vault;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::allowance::Allowance;
use crate::budget::Budget;
use crate::code::Codes;
use crate::config::Config;
use crate::lanes::{Handler, Shift};
use crate::openai::OpenAi;
use crate::policy::Patience;
use crate::pulse::Pulse;
use crate::shop::Shop;
use crate::whatsapp::Providers;

/// What `postly-worker --help` tells.
pub const USAGE: Usage = Usage {
    program: "postly-worker",
    about: "Handles queued messages and sends the replies. Start as many as you like.",
    section: "worker",
};

/// What a job can reach. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The books.
    pub pool: PgPool,
    /// What people write is sealed by it.
    pub vault: Vault,
    /// The queue.
    pub queue: Queue,
    /// The model.
    pub openai: OpenAi,
    /// What the model may cost.
    pub budget: Budget,
    /// How much one person may ask for.
    pub allowance: Allowance,
    /// One-time codes.
    pub codes: Codes,
    /// Where credits are bought, when they are.
    pub shop: Option<Shop>,
    /// Where the web app is, if that was told.
    pub web: Option<String>,
    /// Those who carry our words.
    pub providers: Providers,
    /// The time.
    pub clock: Clock,
    /// How long to try and to wait.
    pub patience: Patience,
    /// What operators said about their page.
    pub page: page::Settings,
    /// How long what is over is kept.
    pub periods: retention::Periods,
    /// Whether its loops go round.
    pub pulse: Pulse,
}

impl Worker {
    /// Builds a worker from its configuration. Connects to nothing yet.
    pub fn new(config: &Config, clock: Clock, patience: Patience) -> anyhow::Result<Self> {
        // Another component of the process may have installed it: that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(50))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let settings = QueueSettings {
            lease: config.lease,
            vault: Some(config.vault.clone()),
            ..QueueSettings::default()
        };
        Ok(Self {
            pool: shared::db::pool(config.database.clone(), config.connections, policy::CONNECTION_PATIENCE),
            vault: config.vault.clone(),
            queue: Queue::open(&config.redis_url, settings)?,
            openai: OpenAi::new(config.openai.clone(), http.clone(), patience.model_timeout),
            providers: config.providers(&http, patience.send_timeout),
            budget: config.budget.clone(),
            allowance: config.allowance,
            codes: config.codes.clone(),
            shop: config.shop(&http),
            web: config.web.clone(),
            page: config.page.clone(),
            periods: config.periods,
            clock,
            patience,
            pulse: Pulse::default(),
        })
    }

    /// Works until `stop` is cancelled, then finishes what runs (bounded), gives back the rest, and returns.
    pub async fn run(self, slots: usize, stop: CancellationToken) -> anyhow::Result<()> {
        let owner = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        // These end with the worker, for whatever reason that ends.
        let aside = stop.child_token();
        let relay = relay::run(self.pool.clone(), self.queue.clone(), self.clock.clone(), aside.clone());
        let relay = tokio::spawn(relay);
        let sweep = tokio::spawn(sweep::run(self.clone(), aside.clone()));
        let erase = tokio::spawn(erase::run(self.clone(), aside.clone()));
        let retain = tokio::spawn(retain::run(self.clone(), aside.clone()));
        let busy = tokio::spawn(busy::run(self.clone(), aside.clone()));
        let reconcile = tokio::spawn(reconcile::run(self.clone(), aside.clone()));
        let queue = self.queue.clone();
        let shift = Shift { owner, slots, drain: policy::DRAIN, pulse: self.pulse.clone() };
        let worker = Arc::new(self);
        let handler: Handler =
            Arc::new(move |assignment| Box::pin(inbox::handle(worker.clone(), assignment)));
        let result = lanes::work(&queue, shift, handler, stop).await;
        aside.cancel();
        let _ = (relay.await, sweep.await, erase.await, retain.await, busy.await, reconcile.await);
        result
    }
}

/// The whole life of the process: what `main` does, and what the sandbox starts as a process of its own.
pub async fn run() -> anyhow::Result<()> {
    let config = Config::from_env(shared::env::Env::of_process())?;
    let tracing = telemetry::start("postly-worker", &config.telemetry)?;
    let metrics = telemetry::metrics()?;
    begin_counting();
    let stop = shared::shutdown::on_signal()?;
    let patience = if shared::fault::hurry() { Patience::hurried() } else { Patience::default() };
    let worker = Worker::new(&config, Clock::system(), patience)?;
    let admin = TcpListener::bind(config.admin_addr)
        .await
        .map_err(|error| anyhow::anyhow!("ADMIN_ADDR {}: {error}", config.admin_addr))?;
    tracing::info!(
        admin.addr = %admin.local_addr()?,
        concurrency = config.concurrency,
        model = config.openai.model,
        meta = worker.providers.meta.is_some(),
        twilio = worker.providers.twilio.is_some(),
        shop = worker.shop.is_some(),
        traces = config.telemetry.export.is_on(),
        version = shared::build::VERSION,
        commit = shared::build::COMMIT,
        "postly-worker has started"
    );
    let admin = tokio::spawn(admin::serve(admin, worker.clone(), metrics, stop.clone()));
    if config.migrate {
        migrate(&worker.pool, &worker.vault, &stop).await;
    }
    let watching = tokio::spawn(worker.openai.clone().watches_its_end(stop.clone()));
    worker.pulse.watch(worker.patience.stands_still);
    let result = worker.run(config.concurrency, stop.clone()).await;
    stop.cancel();
    admin.await??;
    let _ = watching.await;
    tracing::info!("postly-worker has stopped");
    tracing.close().await;
    result
}

/// Shows what any increase of is news, before anything has happened.
fn begin_counting() {
    let providers = &Provider::ALL.map(Provider::as_str);
    telemetry::begins("postly_replies_total", &[("outcome", delivery::REPLIES)]);
    telemetry::begins("postly_sweeps_total", &[("outcome", sweep::OUTCOMES)]);
    telemetry::begins("postly_erasures_total", &[("outcome", erase::OUTCOMES)]);
    telemetry::begins(
        "postly_retention_deleted_total",
        &[("kind", &retention::Kind::ALL.map(retention::Kind::as_str))],
    );
    telemetry::begins("postly_number_pauses_total", &[("provider", providers)]);
    telemetry::begins("postly_provider_notices_total", &[("provider", providers), ("kind", notice::KINDS)]);
    let steps = ("step", &["intent", "prompt", "posts", openai::TRANSCRIPTION][..]);
    telemetry::begins("postly_llm_failures_total", &[steps, ("reason", openai::FAILURES)]);
}

/// Applies pending migrations, waiting for Postgres as long as it takes.
async fn migrate(pool: &PgPool, vault: &Vault, stop: &CancellationToken) {
    let mut failures = 0;
    while let Err(error) = shared::db::migrate(pool, vault).await {
        failures += 1;
        tracing::warn!("migrations wait: {error:#}");
        tokio::select! {
            () = tokio::time::sleep(policy::RETRY.pause(failures)) => {}
            () = stop.cancelled() => return,
        }
    }
}
