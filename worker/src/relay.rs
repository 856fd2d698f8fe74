//! Brings what was spilled into Postgres while Redis was away into its lanes. Any worker may do it; one at a time
//! does.

use shared::job::{Job, Notice};
use shared::message::Provider;
use shared::queue::{Enqueued, Queue};
use shared::{clock::Clock, spill};
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
        loop {
            match batch(&pool, &queue, &clock).await {
                Ok(0) => break,
                Ok(relayed) => tracing::info!(relayed, "spilled messages are in their lanes"),
                Err(error) => {
                    tracing::debug!("the spill waits: {error:#}");
                    break;
                }
            }
        }
    }
}

/// One batch, in order. A row is forgotten only after the queue has taken its job: dying in between, the next
/// relay offers it again and the queue's claim refuses it.
async fn batch(pool: &PgPool, queue: &Queue, clock: &Clock) -> anyhow::Result<usize> {
    let mut tx = pool.begin().await?;
    let rows = spill::take(&mut tx, policy::RELAY_BATCH).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let jobs: Vec<Job> = rows
        .iter()
        .map(|row| {
            serde_json::from_str(&row.job).unwrap_or_else(|_| {
                let notice =
                    Notice { provider: Provider::Meta, kind: "unreadable".to_owned(), body: row.job.clone() };
                Job::notice(notice, &format!("spill-{}", row.id), clock.now())
            })
        })
        .collect();
    let answers = queue.enqueue(&jobs).await?;
    // At the first that the queue has no room for, the rest waits, so that the order stays.
    let taken = answers.iter().take_while(|answer| **answer != Enqueued::Full).count();
    let ids: Vec<i64> = rows.iter().take(taken).map(|row| row.id).collect();
    spill::done(&mut tx, &ids).await?;
    tx.commit().await?;
    anyhow::ensure!(taken == rows.len(), "the queue is full");
    Ok(taken)
}
