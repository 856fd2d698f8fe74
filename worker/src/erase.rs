//! Carries out what people have asked for: to be forgotten. Of all workers one does it at a time, every few seconds, and an
//! erasure that was begun by somebody who died is taken up where it stands.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use metrics::counter;
use shared::erasure::{self, Erasure, Reach};
use shared::fault;
use shared::job::Job;
use shared::queue::{Queue, Withdrawn};
use shared::vault::Vault;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::error::JobError;
use crate::{Worker, chore, policy};

/// What can become of one in a turn.
pub const OUTCOMES: &[&str] = &["done", "failed"];

/// Carries out until told to stop.
pub async fn run(worker: Worker, stop: CancellationToken) {
    let every = worker.patience.erase_period;
    chore::regularly("postly.erase", every, &worker.pool, &stop, || pass(&worker)).await;
}

/// Once through all that are open.
async fn pass(worker: &Worker) -> Result<()> {
    let now = worker.clock.now();
    let told = TimeDelta::from_std(policy::ERASURE_IS_TOLD).unwrap_or_default();
    let mut due = Vec::new();
    for open in erasure::open(&worker.pool).await? {
        if now >= open.asked_at + told || !open.is_being_told(&worker.pool).await? {
            due.push(open);
        }
    }
    if due.is_empty() {
        return empties_the_file(worker, now).await;
    }
    let people = u64::try_from(due.len()).unwrap_or(u64::MAX);
    let carried =
        carry_out(&worker.pool, &worker.queue, &worker.vault, &due, now).await.unwrap_or_else(|error| {
            tracing::error!(people, "erasures could not be carried out: {error}");
            Carried { failed: people, ..Carried::default() }
        });
    counter!("postly_erasures_total", "outcome" => "done").increment(carried.done);
    counter!("postly_erasures_total", "outcome" => "failed").increment(carried.failed);
    Ok(())
}

/// What was taken out of the queue goes from Redis' file as well, soon.
async fn empties_the_file(worker: &Worker, now: DateTime<Utc>) -> Result<()> {
    let Some(gone) = erasure::last_done(&worker.pool, now - policy::REWRITE_WITHIN).await? else {
        return Ok(());
    };
    // Refused while Redis is at it, or where an operator allows it to nobody: PRIVACY.md says so.
    match worker.queue.rewrite(gone, worker.patience.rewrite_every, now).await {
        Ok(true) => tracing::info!("Redis writes its file anew, without those who were forgotten"),
        Ok(false) => {}
        Err(error) => tracing::debug!("Redis' file is written anew later: {error}"),
    }
    Ok(())
}

/// What became of some erasures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// Of so many nothing is left.
    pub done: u64,
    /// So many could not be carried out; the log says why.
    pub failed: u64,
    /// What was taken out of the queue.
    pub withdrawn: Withdrawn,
}

/// Does all that is left to do of these. Anybody may do it at any time, also two at once; one that is neither done nor failed
/// is to be looked at again, since somebody is learning a name of its person at this moment.
pub async fn carry_out(
    pool: &PgPool,
    queue: &Queue,
    vault: &Vault,
    erasures: &[Erasure],
    now: DateTime<Utc>,
) -> Result<Carried, JobError> {
    let mut carried = Carried::default();
    let mut reaches = Vec::new();
    let mut db = pool.acquire().await?;
    for erasure in erasures.iter().filter(|erasure| !erasure.has_left_the_books()) {
        reaches.push(erasure.reaches(&mut db, vault).await?);
    }
    drop(db);
    // First from the queue: what is being worked on loses its lease, and does not come again after the books have forgotten.
    let before = withdraw(queue, &reaches).await?;
    fault::point("erasure.withdrawn");
    let (mut forgotten, mut reaches) = (Vec::new(), Vec::new());
    for erasure in erasures {
        match forget(pool, vault, erasure, now).await {
            Ok(Some(reach)) => {
                forgotten.push(erasure);
                reaches.push(reach);
            }
            Ok(None) => {}
            Err(error) => {
                carried.failed += 1;
                tracing::error!(receipt = erasure.receipt, "an erasure could not be carried out: {error}");
            }
        }
    }
    fault::point("erasure.forgot");
    // Once more: what was on its way into the queue, or died meanwhile.
    let after = withdraw(queue, &reaches).await?;
    carried.withdrawn = Withdrawn { jobs: before.jobs + after.jobs, letters: before.letters + after.letters };
    if !is_settled(pool).await? {
        tracing::debug!("an erasure waits for a transaction that began before it");
        return Ok(carried);
    }
    for erasure in forgotten {
        let mut tx = pool.begin().await?;
        let done = erasure.finish(&mut tx, vault, now).await?;
        tx.commit().await?;
        if done {
            carried.done += 1;
            let took_ms = (now - erasure.asked_at).num_milliseconds();
            tracing::info!(receipt = erasure.receipt, took_ms, "a person has been forgotten");
        }
    }
    Ok(carried)
}

/// Waits, for a moment, until whoever had looked somebody up before the books forgot them has ended. `false`: somebody takes
/// longer.
async fn is_settled(pool: &PgPool) -> Result<bool, JobError> {
    let moment = erasure::moment(pool).await?;
    for _ in 0..policy::SETTLING_LOOKS {
        if erasure::settled(pool, &moment).await? {
            return Ok(true);
        }
        tokio::time::sleep(policy::SETTLING_PAUSE).await;
    }
    Ok(false)
}

/// The books forget, unless they have. `None`: later.
async fn forget(
    pool: &PgPool,
    vault: &Vault,
    erasure: &Erasure,
    now: DateTime<Utc>,
) -> Result<Option<Reach>, JobError> {
    if let Some(reach) = erasure.reach(vault)? {
        return Ok(Some(reach));
    }
    let mut tx = pool.begin().await?;
    let reach = erasure.forget(&mut tx, vault, now).await?;
    // What was held for nothing is let go.
    if reach.is_some() {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(reach)
}

/// Takes everything of these people out of the queue.
async fn withdraw(queue: &Queue, reaches: &[Reach]) -> Result<Withdrawn, JobError> {
    if reaches.is_empty() {
        return Ok(Withdrawn::default());
    }
    // What cannot be opened here is searched as it is.
    let is_theirs = |payload: &[u8]| match serde_json::from_slice::<Job>(payload) {
        Ok(job) => reaches.iter().any(|reach| reach.has(&job)),
        Err(_) => reaches.iter().any(|reach| reach.is_named_in(payload)),
    };
    queue.withdraw(is_theirs).await.map_err(JobError::retry)
}
