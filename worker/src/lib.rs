#![doc = include_str!("../README.md")]

pub mod admin;
pub mod command;
pub mod config;
pub mod delivery;
pub mod error;
pub mod generate;
pub mod inbox;
pub mod lanes;
pub mod openai;
pub mod pipeline;
pub mod policy;
pub mod relay;
pub mod reply;
pub mod whatsapp;

use std::any::Any;
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::layers::catch_panic::{CatchPanicLayer, PanicError};
use apalis_core::task::data::Data;
use apalis_core::worker::builder::WorkerBuilder;
use futures_util::future::BoxFuture;
use shared::clock::Clock;
use shared::queue::{Queue, QueueSettings};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::error::JobError;
use crate::lanes::Assignment;
use crate::openai::OpenAi;
use crate::policy::Patience;
use crate::whatsapp::Providers;

/// What a job can reach. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The books.
    pub pool: PgPool,
    /// The queue.
    pub queue: Queue,
    /// The model.
    pub openai: OpenAi,
    /// Those who carry our words.
    pub providers: Providers,
    /// The time.
    pub clock: Clock,
    /// How long to try and to wait.
    pub patience: Patience,
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
        let settings = QueueSettings { lease: config.lease, ..QueueSettings::default() };
        Ok(Self {
            pool: shared::db::pool(config.database.clone(), config.connections),
            queue: Queue::open(&config.redis_url, settings)?,
            openai: OpenAi::new(config.openai.clone(), http.clone(), patience.model_timeout),
            providers: config.providers(&http, patience.send_timeout),
            clock,
            patience,
        })
    }

    /// Works until `stop` is cancelled, then finishes what runs (bounded), gives back the rest, and returns.
    pub async fn run(self, slots: usize, stop: CancellationToken) -> anyhow::Result<()> {
        let owner = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        let (lanes, engine) = lanes::start(&self.queue, &owner, slots);
        let relay =
            tokio::spawn(relay::run(self.pool.clone(), self.queue.clone(), self.clock.clone(), stop.clone()));
        let worker = WorkerBuilder::new(owner.as_str())
            .backend(lanes)
            .data(self)
            .timeout(policy::JOB_TIMEOUT)
            // Innermost: without it one panic would drop every other job of the process.
            .layer(CatchPanicLayer::with_panic_handler(panicked as fn(&Box<dyn Any + Send>) -> PanicError))
            .build(handle);
        let stop_fetching = engine.stop_fetching();
        let stopping = stop.clone();
        // Boxed here: with the handler's own type in it, the future could not be moved to another thread.
        let ended: BoxFuture<'static, _> = Box::pin(worker.run_until(async move {
            stopping.cancelled().await;
            stop_fetching.cancel();
            Ok::<(), std::io::Error>(())
        }));
        let drained = async {
            stop.cancelled().await;
            tokio::time::sleep(policy::DRAIN).await;
        };
        let result = tokio::select! {
            // Dropping the worker drops what still runs; every hold then gives its message back.
            ended = ended => ended.map_err(anyhow::Error::new),
            () = drained => {
                tracing::warn!("what still ran after the drain time goes back to the queue");
                Ok(())
            }
        };
        engine.close(policy::CLOSE).await;
        let _ = relay.await;
        anyhow::ensure!(stop.is_cancelled(), "the worker ended without being asked to: {result:?}");
        result
    }
}

fn panicked(_: &Box<dyn Any + Send>) -> PanicError {
    PanicError("a handler panicked".to_owned())
}

async fn handle(assignment: Assignment, worker: Data<Worker>) -> Result<(), JobError> {
    inbox::handle((*worker).clone(), assignment).await
}

/// The whole life of the process: what `main` does, and what the sandbox starts as a process of its own.
pub async fn run() -> anyhow::Result<()> {
    let config = Config::from_env(shared::env::Env::of_process())?;
    shared::telemetry::log(config.log_format, config.log_filter.as_deref());
    let metrics = shared::telemetry::metrics()?;
    let stop = shared::shutdown::on_signal()?;
    let worker = Worker::new(&config, Clock::system(), Patience::default())?;
    let admin = TcpListener::bind(config.admin_addr)
        .await
        .map_err(|error| anyhow::anyhow!("ADMIN_ADDR {}: {error}", config.admin_addr))?;
    tracing::info!(
        admin.addr = %admin.local_addr()?,
        concurrency = config.concurrency,
        model = config.openai.model,
        meta = worker.providers.meta.is_some(),
        twilio = worker.providers.twilio.is_some(),
        version = env!("CARGO_PKG_VERSION"),
        "postly-worker has started"
    );
    let admin = tokio::spawn(admin::serve(admin, worker.clone(), metrics, stop.clone()));
    if config.migrate {
        migrate(&worker.pool, &stop).await;
    }
    let result = worker.run(config.concurrency, stop.clone()).await;
    stop.cancel();
    admin.await??;
    tracing::info!("postly-worker has stopped");
    result
}

/// Applies pending migrations, waiting for Postgres as long as it takes.
async fn migrate(pool: &PgPool, stop: &CancellationToken) {
    let mut failures = 0;
    while let Err(error) = shared::db::migrate(pool).await {
        failures += 1;
        tracing::warn!("migrations wait: {error:#}");
        tokio::select! {
            () = tokio::time::sleep(policy::RETRY.pause(failures)) => {}
            () = stop.cancelled() => return,
        }
    }
}
