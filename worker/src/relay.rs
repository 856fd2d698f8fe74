//! Brings what was spilled into Postgres while Redis was away into its lanes. Any worker may do it; one at a time
//! does.

use shared::job::{Job, Notice, Unread};
use shared::message::Provider;
use shared::queue::{Queue, Restored};
use shared::vault::VaultError;
use shared::{clock::Clock, fault, spill};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::policy;

/// Relays until told to stop.
pub async fn run(pool: PgPool, queue: Queue, clock: Clock, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(policy::RELAY_PERIOD) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = pass(&pool, &queue, &clock).await {
            tracing::debug!("the spill waits: {error:#}");
        }
    }
}

/// Once through the spill, from the oldest. What cannot go yet (the queue is full, or a later message of its lane is
/// just being worked on) stays for the next time; other lanes do not wait for it. Fails where something is sealed that nobody here can
/// open.
pub async fn pass(pool: &PgPool, queue: &Queue, clock: &Clock) -> anyhow::Result<()> {
    let mut after = 0;
    while let Some(last) = batch(pool, queue, clock, after).await? {
        after = last;
    }
    Ok(())
}

/// One batch, in order. Returns the last row that it looked at. A row is forgotten only after the queue has taken its
/// job: dying in between, the next relay offers it again and the queue's claim refuses it.
async fn batch(pool: &PgPool, queue: &Queue, clock: &Clock, after: i64) -> anyhow::Result<Option<i64>> {
    let mut tx = pool.begin().await?;
    let rows = spill::take(&mut tx, after, policy::RELAY_BATCH).await?;
    let Some(last) = rows.last() else { return Ok(None) };
    let mut jobs = Vec::with_capacity(rows.len());
    for row in &rows {
        jobs.push(match queue.read(row.job.as_bytes()) {
            Ok(job) => job,
            // Nothing may overtake what nobody here can read.
            Err(Unread::Sealed(error @ VaultError::UnknownMaster)) => return Err(error.into()),
            Err(_) => {
                let notice =
                    Notice { provider: Provider::Meta, kind: "unreadable".to_owned(), body: row.job.clone() };
                Job::notice(notice, &format!("spill-{}", row.id), clock.now())
            }
        });
    }
    let answers = queue.restore(&jobs).await?;
    fault::point("relay.restored");
    let settled: Vec<i64> = rows
        .iter()
        .zip(answers)
        .filter(|(_, answer)| *answer == Restored::Settled)
        .map(|(row, _)| row.id)
        .collect();
    spill::done(&mut tx, &settled).await?;
    tx.commit().await?;
    if !settled.is_empty() {
        tracing::info!(relayed = settled.len(), "spilled messages are in their lanes");
    }
    Ok(Some(last.id))
}
