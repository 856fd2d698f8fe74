//! Where verified work becomes durable: in Redis, or, while Redis is away or full, in Postgres. Only when both
//! are away is a webhook refused, so that its provider keeps it for us.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use metrics::counter;
use shared::clock::Clock;
use shared::job::{Job, Notice};
use shared::message::Provider;
use shared::queue::{Enqueued, Queue};
use shared::trace::TraceContext;
use shared::{db, fault, spill};
use sqlx::PgPool;
use tokio::time::timeout;

use crate::limits;
use crate::webhook::Arrival;

/// The way into the system. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    queue: Queue,
    pool: PgPool,
    clock: Clock,
    /// Until when Redis is not asked, in Unix milliseconds: a dead server must not cost every webhook its patience.
    redis_away_until: Arc<AtomicI64>,
}

/// Neither Redis nor Postgres took the work.
#[derive(Debug, thiserror::Error)]
#[error("neither Redis nor Postgres could keep it")]
pub struct BothAway;

impl Intake {
    /// An intake into this queue, with this refuge.
    #[must_use]
    pub fn new(queue: Queue, pool: PgPool, clock: Clock) -> Self {
        Self { queue, pool, clock, redis_away_until: Arc::default() }
    }

    /// The refuge.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Makes everything that a webhook carried durable. May be called again with the same: every id is taken once.
    pub async fn take(&self, provider: Provider, arrivals: Vec<Arrival>) -> Result<(), BothAway> {
        if fault::without("durable") {
            let intake = self.clone();
            tokio::spawn(async move { intake.keep(provider, arrivals).await });
            return Ok(());
        }
        self.keep(provider, arrivals).await
    }

    /// Makes work durable that the door itself wants done.
    pub async fn wants(&self, job: Job) -> Result<(), BothAway> {
        let jobs = [job.traced(TraceContext::current())];
        let queued = self.redis(self.queue.enqueue(&jobs)).await;
        if queued.is_some_and(|answers| answers.iter().all(|answer| *answer != Enqueued::Full)) {
            return Ok(());
        }
        match timeout(limits::SPILL_PATIENCE, spill::put(&self.pool, &jobs, self.clock.now())).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(BothAway),
        }
    }

    async fn keep(&self, provider: Provider, arrivals: Vec<Arrival>) -> Result<(), BothAway> {
        let mut jobs = Vec::with_capacity(arrivals.len());
        let trace = TraceContext::current();
        for arrival in arrivals {
            match arrival {
                Arrival::Job(job) => jobs.push(job.traced(trace)),
                Arrival::Ignored(_) => count(provider, "ignored", 1),
                Arrival::Unreadable { id, reason, bytes } => {
                    count(provider, "unreadable", 1);
                    tracing::warn!(%provider, message.id = id.fingerprint(), reason, "signed, but not understood");
                    let kept = self.redis(self.queue.set_aside(&id, reason, &bytes)).await;
                    if !matches!(kept, Some(Enqueued::Queued | Enqueued::Duplicate)) {
                        let body = String::from_utf8_lossy(&bytes).replace('\0', "");
                        let notice = Notice { provider, kind: "unreadable".to_owned(), body };
                        jobs.push(Job::notice(notice, id.as_str(), self.clock.now()));
                    }
                }
            }
        }
        if jobs.is_empty() {
            return Ok(());
        }
        let refused = match self.redis(self.queue.enqueue(&jobs)).await {
            Some(answers) => {
                let duplicates = answers.iter().filter(|answer| **answer == Enqueued::Duplicate).count();
                count(provider, "duplicate", duplicates);
                let mut answers = answers.into_iter();
                jobs.retain(|_| answers.next() == Some(Enqueued::Full));
                jobs
            }
            None => jobs,
        };
        if refused.is_empty() {
            fault::point("intake.queued");
            return Ok(());
        }
        self.spill(provider, &refused).await?;
        fault::point("intake.spilled");
        Ok(())
    }

    /// One errand to Redis, bounded: each of its calls by the queue's own patience, all of them by ours. `None`: it is
    /// away (and is left alone for a moment).
    async fn redis<T>(&self, call: impl Future<Output = Result<T, shared::queue::QueueError>>) -> Option<T> {
        if self.clock.now().timestamp_millis() < self.redis_away_until.load(Ordering::Relaxed) {
            return None;
        }
        let failure = match timeout(limits::BATCH_PATIENCE, call).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!("Redis is away: {failure}");
        let pause = TimeDelta::from_std(limits::REDIS_PAUSE).unwrap_or_default();
        self.redis_away_until.store((self.clock.now() + pause).timestamp_millis(), Ordering::Relaxed);
        None
    }

    async fn spill(&self, provider: Provider, jobs: &[Job]) -> Result<(), BothAway> {
        match timeout(limits::SPILL_PATIENCE, spill::put(&self.pool, jobs, self.clock.now())).await {
            Ok(Ok(())) => {
                count(provider, "spilled", jobs.len());
                Ok(())
            }
            Ok(Err(error)) => {
                tracing::warn!("Postgres did not take the spill: {error}");
                Err(BothAway)
            }
            Err(_) => Err(BothAway),
        }
    }
}

/// What a webhook carried beyond new work: one webhook may carry a thousand events, so they are counted apart.
fn count(provider: Provider, outcome: &'static str, events: usize) {
    if events > 0 {
        counter!("postly_webhook_events_total", "provider" => provider.as_str(), "outcome" => outcome)
            .increment(events as u64);
    }
}

/// Applies migrations in the background, again and again until Postgres is there: the door opens without it.
pub fn migrate_when_possible(pool: PgPool) {
    tokio::spawn(async move {
        let mut pause = Duration::from_millis(200);
        while let Err(error) = db::migrate(&pool).await {
            tracing::warn!("migrations wait: {error:#}");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    });
}

/// Uses a connection to the refuge from time to time, so that one is there when it is needed.
pub fn keep_warm(pool: PgPool) {
    tokio::spawn(async move {
        let mut turns = tokio::time::interval(limits::KEEP_WARM);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            // That it is away is told by whoever needs it.
            let _ = timeout(limits::KEEP_WARM, sqlx::query("select 1").execute(&pool)).await;
        }
    });
}
