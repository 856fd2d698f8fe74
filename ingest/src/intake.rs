//! Where verified work becomes durable: in Redis, or, while Redis is away or full, in Postgres. Only when both
//! are away is a webhook refused, so that its provider keeps it for us.

use std::time::Duration;

use metrics::counter;
use shared::clock::Clock;
use shared::job::{Job, Notice};
use shared::message::Provider;
use shared::queue::{Enqueued, Queue};
use shared::spill::{self, SpillError};
use shared::trace::{self, TraceContext};
use shared::vault::Vault;
use shared::{db, fault};
use sqlx::PgPool;
use tokio::time::timeout;

use crate::group_commit::GroupCommit;
use crate::limits;
use crate::redis::Redis;
use crate::webhook::Arrival;

/// The way into the system. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    redis: Redis,
    group: GroupCommit,
    pool: PgPool,
    clock: Clock,
}

/// Neither Redis nor Postgres took the work.
#[derive(Debug, thiserror::Error)]
#[error("neither Redis nor Postgres could keep it")]
pub struct BothAway;

impl Intake {
    /// An intake into this queue, with this refuge.
    #[must_use]
    pub fn new(queue: Queue, pool: PgPool, clock: Clock) -> Self {
        let redis = Redis::new(queue, clock.clone());
        Self { group: GroupCommit::new(redis.clone()), redis, pool, clock }
    }

    /// The refuge.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.redis.queue
    }

    /// Makes everything that a webhook carried durable. May be called again with the same: every id is taken once.
    pub async fn take(
        &self,
        provider: Provider,
        arrivals: Vec<Arrival>,
        trace: Option<TraceContext>,
    ) -> Result<(), BothAway> {
        if fault::without("durable") {
            let intake = self.clone();
            tokio::spawn(async move { intake.keep(provider, arrivals, trace).await });
            return Ok(());
        }
        self.keep(provider, arrivals, trace).await
    }

    /// Makes work durable that the door itself wants done.
    pub async fn wants(&self, job: Job) -> Result<(), BothAway> {
        let jobs = [job.traced(TraceContext::current())];
        let queued = self.group.enqueue(&jobs).await;
        if queued.is_some_and(|answers| answers.iter().all(|answer| *answer != Enqueued::Full)) {
            return Ok(());
        }
        match timeout(limits::SPILL_PATIENCE, self.spills(&jobs)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(BothAway),
        }
    }

    async fn keep(
        &self,
        provider: Provider,
        arrivals: Vec<Arrival>,
        trace: Option<TraceContext>,
    ) -> Result<(), BothAway> {
        let mut jobs = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            match arrival {
                Arrival::Job(job) => {
                    let job = job.traced(trace);
                    jobs.push(match self.redis.queue.vault() {
                        Some(vault) => job.hidden(vault),
                        None => job,
                    });
                }
                Arrival::Ignored(_) => count(provider, "ignored", 1),
                Arrival::Unreadable { id, reason, bytes } => {
                    count(provider, "unreadable", 1);
                    let message = id.fingerprint();
                    tracing::warn!(
                        %provider, message.id = message, trace_id = trace::id(trace), reason, "signed, but not understood"
                    );
                    let kept = self.redis.ask(self.redis.queue.set_aside(&id, reason, &bytes)).await;
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
        let refused = match self.group.enqueue(&jobs).await {
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

    async fn spills(&self, jobs: &[Job]) -> Result<(), SpillError> {
        spill::put(&self.pool, self.redis.queue.vault(), jobs, self.clock.now()).await
    }

    async fn spill(&self, provider: Provider, jobs: &[Job]) -> Result<(), BothAway> {
        match timeout(limits::SPILL_PATIENCE, self.spills(jobs)).await {
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
pub fn migrate_when_possible(pool: PgPool, vault: Vault) {
    tokio::spawn(async move {
        let mut pause = Duration::from_millis(200);
        while let Err(error) = db::migrate(&pool, &vault).await {
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
