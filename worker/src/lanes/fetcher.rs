//! Takes messages from the queue, never more than there are free slots, and sleeps on a wake token otherwise.

use std::sync::Arc;
use std::time::Duration;

use shared::queue::{Queue, QueueError, Settlement};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::backend::Counter;
use super::hold::{Assignment, Register};
use crate::policy::Backoff;

/// How long a sleep may last when nothing is known to be due.
const IDLE: Duration = Duration::from_secs(1);

/// Pauses after errors of Redis: short at first, since most outages are restarts.
const OUTAGE: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(2) };

pub(super) struct Fetcher {
    pub(super) queue: Queue,
    pub(super) owner: String,
    pub(super) slots: Arc<Semaphore>,
    pub(super) held: Arc<Register>,
    pub(super) settlements: mpsc::UnboundedSender<Settlement>,
    pub(super) hand_out: mpsc::Sender<Assignment>,
    pub(super) counter: Counter,
}

impl Fetcher {
    pub(super) async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = self.fetch_for_ever() => {}
            () = stop.cancelled() => {}
        }
        self.counter.clear();
        // A fetch cut off on its way may have leased what nobody will ever know of: give that back.
        let _ = self.queue.recover(&self.owner, &self.held.leases()).await;
    }

    async fn fetch_for_ever(&self) {
        let mut waker = self.queue.waker();
        let mut failures = 0;
        let mut suspicious = false;
        loop {
            let Ok(slot) = self.slots.clone().acquire_owned().await else { return };
            drop(slot);
            if suspicious && self.queue.recover(&self.owner, &self.held.leases()).await.is_ok() {
                suspicious = false;
            }
            let outcome = match self.round().await {
                Ok(Some(due)) => waker.wait(due).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => failures = 0,
                Err(error) => {
                    suspicious = true;
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!("the queue cannot be reached: {error}");
                    }
                    tokio::time::sleep(OUTAGE.pause(failures)).await;
                }
            }
        }
    }

    /// One fetch. Returns how long to sleep, when nothing was ready.
    async fn round(&self) -> Result<Option<Duration>, QueueError> {
        let fetched = self.queue.fetch(&self.owner, self.slots.available_permits().max(1)).await?;
        let nothing = fetched.leased.is_empty();
        for leased in fetched.leased {
            // Slots are only ever taken here, so there are as many as were asked for.
            let Ok(slot) = self.slots.clone().acquire_owned().await else { break };
            let assignment = self.held.hold(leased, slot, self.settlements.clone());
            if self.hand_out.send(assignment).await.is_err() {
                break;
            }
        }
        // Often enough that our own sleep never looks like an outage of Redis, after which no lease may expire.
        let idle = IDLE.min(self.queue.lease() / 5);
        Ok(nothing.then(|| fetched.next_due.unwrap_or(idle).min(idle)))
    }
}
