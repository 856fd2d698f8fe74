//! The system that scales: servers, simulators, one ingest, and as many workers as are asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use futures_util::future::{join_all, try_join_all};
use futures_util::stream::{self, StreamExt};
use nix::sys::signal::Signal;
use shared::clock::Clock;
use shared::db;
use shared::message::Provider;
use shared::queue::{Queue, QueueSettings};
use sqlx::PgPool;

use super::super::crowd;
use crate::person::Person;
use crate::port::free_address;
use crate::process::{Process, Role};
use crate::servers::{Options, Servers, default_base};
use crate::simulators::receipts::Statuses;
use crate::stage::Stage;

/// How long a process may take to become ready, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Webhooks on their way at once.
const WEBHOOKS: usize = 16;

/// The running system.
pub struct System {
    /// The queue.
    pub queue: Queue,
    /// The time of the books.
    pub clock: Clock,
    slots: u32,
    stage: Stage,
    pool: PgPool,
    ingest: Process,
    workers: Vec<Process>,
    exe: PathBuf,
    logs: PathBuf,
    variables: BTreeMap<String, String>,
    servers: Servers,
}

impl System {
    /// Starts everything but the workers, which will have so many slots and a model that takes this long.
    pub async fn start(slots: u32, model: Duration) -> Result<Self> {
        let exe = std::env::current_exe().context("finding this program")?;
        let private = Options { database_url: None, redis_url: None, ..Options::demo(&exe) };
        let servers = Servers::start(private).await?;
        let stage = Stage::open().await.context("opening the simulated providers")?;
        stage.statuses(Statuses::Delayed(Duration::from_millis(150)));
        stage.openai.slow(model);
        let pool = PgPool::connect(&servers.database_url).await.context("connecting to Postgres")?;
        db::migrate(&pool, &crate::stage::vault()).await.context("migrating the database")?;
        let queue = Queue::open(&servers.redis_url.clone().into(), QueueSettings::default())?;
        let address = free_address()?;
        let mut variables = stage.variables();
        for (name, value) in [
            ("DATABASE_URL", servers.database_url.clone()),
            ("REDIS_URL", servers.redis_url.clone()),
            ("INGEST_ADDR", address.clone()),
            ("WORKER_CONCURRENCY", slots.to_string()),
            ("MIGRATE", "off".to_owned()),
            // What is measured is our own speed, not the provider's.
            ("META_MESSAGES_PER_SECOND", "1000000".to_owned()),
            ("TWILIO_MESSAGES_PER_SECOND", "1000000".to_owned()),
            ("LOG_FORMAT", "pretty".to_owned()),
        ] {
            variables.insert(name.to_owned(), value);
        }
        let logs = default_base().with_file_name("load-logs");
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(&logs).context("making a directory for logs")?;
        let mut ingest = Process::start(&exe, Role::Ingest, &variables, &logs.join("ingest.log"))?;
        ingest.ready(PATIENCE).await?;
        stage.calls(&format!("http://{address}"));
        let (workers, clock) = (Vec::new(), Clock::system());
        Ok(Self { queue, clock, slots, stage, pool, ingest, workers, exe, logs, variables, servers })
    }

    /// So many people with enough credits write so many briefs each. Returns how many seconds that took.
    pub async fn say(&self, people: usize, each: usize) -> Result<f64> {
        let credits = i32::try_from(each)?;
        let people = stream::iter(0..people)
            .map(|person| {
                let number = crowd::number(person);
                let person = Person::new(&self.stage, &self.pool, Provider::Meta, &number, "Camille Durand");
                person.with_credits(credits)
            })
            .buffer_unordered(WEBHOOKS)
            .collect::<Vec<_>>()
            .await;
        let began = Instant::now();
        for round in 0..each {
            let deliveries: Vec<_> = stream::iter(&people)
                .map(|person| person.says(crowd::brief(1 + round % 4)))
                .buffer_unordered(WEBHOOKS)
                .collect()
                .await;
            let taken = deliveries.iter().all(|said| said.delivery.status == Some(200));
            ensure!(taken, "a webhook was not taken; the logs are in {}", self.logs.display());
        }
        Ok(began.elapsed().as_secs_f64())
    }

    /// Lets workers join or leave until there are so many, and returns when all that are there have all their
    /// slots taken and all that leave have left.
    pub async fn becomes(&mut self, workers: usize) -> Result<()> {
        let leaving = self.workers.split_off(workers.min(self.workers.len()));
        for worker in &leaving {
            worker.signal(Signal::SIGTERM);
        }
        let ends =
            join_all(leaving.into_iter().map(|mut worker| async move { worker.ended(PATIENCE).await }));
        for ended in ends.await {
            let status = ended?;
            ensure!(status.success(), "a worker that was asked to stop ended badly ({status})");
        }
        for number in self.workers.len()..workers {
            let log = self.logs.join(format!("worker-{number}.log"));
            self.workers.push(Process::start(&self.exe, Role::Worker, &self.variables, &log)?);
        }
        try_join_all(self.workers.iter_mut().map(|worker| worker.ready(PATIENCE))).await?;
        let slots = u64::from(self.slots) * workers as u64;
        let deadline = Instant::now() + PATIENCE;
        let mut turns = tokio::time::interval(Duration::from_millis(20));
        // Now and then one of many slots is between two messages.
        while self.queue.figures().await?.leased < slots - slots / 10 {
            turns.tick().await;
            ensure!(
                Instant::now() < deadline,
                "the slots are not taken; the logs are in {}",
                self.logs.display()
            );
        }
        Ok(())
    }

    /// From when to when each finished message was worked on.
    pub async fn lives(&self) -> Result<Vec<(DateTime<Utc>, DateTime<Utc>)>> {
        let lives = "select started_at, finished_at from wa.receipt where finished_at is not null";
        Ok(sqlx::query_as(lives).fetch_all(&self.pool).await?)
    }

    /// Whether joining and leaving cost anything, by the books.
    pub async fn books(&self) -> Result<String> {
        let (finished, failed, open, attempts): (i64, i64, i64, Option<i32>) = sqlx::query_as(
            "select count(*) filter (where outcome = 'posts'), count(*) filter (where state = 'failed'),
                    count(*) filter (where state = 'started'), max(attempts) from wa.receipt",
        )
        .fetch_one(&self.pool)
        .await?;
        let (generations, debits): (i64, i64) = sqlx::query_as(
            r#"select (select count(*) from "Generation"),
                      (select count(*) from "CreditLedger" where "reason" = 'whatsapp_generation')"#,
        )
        .fetch_one(&self.pool)
        .await?;
        let dead = self.queue.figures().await?.dead;
        Ok(format!(
            "books: {finished} messages ended in posts, {generations} generations, {debits} debits, {failed} failed, \
             {open} left open, {dead} dead letters, at most {} starts of one message",
            attempts.unwrap_or_default()
        ))
    }

    /// Stops everything.
    pub async fn stop(mut self) -> Result<()> {
        let workers = self.becomes(0).await;
        self.ingest.signal(Signal::SIGTERM);
        let _ = self.ingest.ended(PATIENCE).await;
        self.stage.close().await;
        self.pool.close().await;
        self.servers.stop().await.and(workers)
    }
}
