//! Lets go what was kept long enough. Of all workers one does it at a time, kind by kind and batch by batch; told to stop it
//! stops between two, or in one that then did not happen, and whoever comes next goes on.

use anyhow::Result;
use chrono::{DateTime, Utc};
use metrics::counter;
use shared::fault;
use shared::retention::{self, Batch, Kind, Until, replayable};
use tokio_util::sync::CancellationToken;

use crate::{Worker, chore, policy};

/// Retains until told to stop.
pub async fn run(worker: Worker, stop: CancellationToken) {
    let every = worker.patience.retain_period;
    chore::regularly("postly.retain", every, &worker.pool, &stop, || pass(&worker)).await;
}

/// Once through all kinds. One that cannot go now is the next turn's, and the others do not wait for it.
async fn pass(worker: &Worker) -> Result<()> {
    let now = worker.clock.now();
    retention::begin(&worker.pool, now).await?;
    // Before any letter goes: what belongs to it is the next turn's.
    let failed_before = failed_before(worker, now).await;
    for kind in Kind::ALL {
        match turn(worker, kind, failed_before).await {
            Ok(true) => retention::done(&worker.pool, kind, worker.clock.now()).await?,
            Ok(false) => {
                tracing::debug!(kind = kind.as_str(), "more was kept long enough than goes in a turn");
            }
            Err(error) => {
                tracing::warn!(kind = kind.as_str(), "what was kept long enough could not go: {error:#}");
            }
        }
    }
    Ok(())
}

/// Batches of a kind, until nothing is left that could go, or for as long as a turn may be. `false`: there may be more.
async fn turn(worker: &Worker, kind: Kind, failed_before: DateTime<Utc>) -> Result<bool> {
    let now = worker.clock.now();
    let until = Until { before: now - worker.periods.of(kind), failed_before };
    let mut gone = 0;
    let mut drained = false;
    for _ in 0..policy::RETAIN_BATCHES {
        let batch = batch(worker, kind, until, now).await?;
        if batch.gone > 0 {
            fault::point("retention.gone");
        }
        counter!("postly_retention_deleted_total", "kind" => kind.as_str()).increment(batch.gone);
        gone += batch.gone;
        if !batch.more {
            drained = true;
            break;
        }
        tokio::time::sleep(policy::RETAIN_PAUSE).await;
    }
    if gone > 0 {
        tracing::info!(kind = kind.as_str(), gone, "what was kept long enough is gone");
    }
    Ok(drained)
}

async fn batch(worker: &Worker, kind: Kind, until: Until, now: DateTime<Utc>) -> Result<Batch> {
    let at_most = worker.patience.retain_batch;
    if kind != Kind::DeadLetters {
        return Ok(retention::batch(&worker.pool, &worker.vault, kind, until, at_most, now).await?);
    }
    let at_most = usize::try_from(at_most)?;
    let gone = worker.queue.forget_dead(until.before, at_most).await?;
    Ok(Batch { gone: u64::try_from(gone)?, more: gone >= at_most })
}

/// From when on what failed may still be replayed. While nobody can say which letters there are, that is all of it.
async fn failed_before(worker: &Worker, now: DateTime<Utc>) -> DateTime<Utc> {
    match worker.queue.oldest_dead().await {
        Ok(oldest) => replayable(oldest, now),
        Err(_) => DateTime::UNIX_EPOCH,
    }
}
