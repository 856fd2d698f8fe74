//! Ends leases in batches: one script call takes whatever verdicts have come in since the last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::queue::{Queue, Settlement};
use tokio::sync::mpsc;

use super::hold::Register;
use crate::policy::Backoff;

/// The most verdicts of one call.
const BATCH: usize = 200;

/// Pauses while Redis is away.
const OUTAGE: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(1) };

/// Runs until every sender is gone and everything sent has been settled.
pub(super) async fn run(queue: Queue, held: Arc<Register>, mut inbox: mpsc::UnboundedReceiver<Settlement>) {
    let mut batch = Vec::with_capacity(BATCH);
    while inbox.recv_many(&mut batch, BATCH).await > 0 {
        settle(&queue, &batch).await;
        for settlement in batch.drain(..) {
            held.forget(&settlement.lease);
        }
    }
}

/// Tries until it is done, or until the leases must have expired (they are renewed meanwhile, so that takes an
/// outage of Redis itself). Settling twice is harmless: the second time the fence is gone.
async fn settle(queue: &Queue, batch: &[Settlement]) {
    let give_up = Instant::now() + queue.lease() * 4;
    let mut failures = 0;
    loop {
        match queue.settle(batch).await {
            Ok(answers) => {
                let stale = answers.iter().filter(|settled| !**settled).count();
                if stale > 0 && failures == 0 {
                    tracing::warn!(stale, "verdicts came after their leases had passed to others");
                }
                return;
            }
            Err(error) if Instant::now() > give_up => {
                tracing::error!("verdicts could not be delivered, their messages will run again: {error}");
                return;
            }
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    tracing::warn!("verdicts wait for Redis: {error}");
                }
                tokio::time::sleep(OUTAGE.pause(failures)).await;
            }
        }
    }
}
