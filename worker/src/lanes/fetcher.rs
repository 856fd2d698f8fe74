//! Takes messages from the queue, never more than there are free slots, and sleeps on a wake token otherwise.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::fault;
use shared::queue::{Queue, QueueError, Settlement};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::backend::Counter;
use super::hold::{Assignment, Register};
use crate::policy::{self, Backoff};
use crate::pulse::{Loop, Pulse};

/// How long a sleep may last when nothing is known to be due.
const IDLE: Duration = Duration::from_secs(1);

/// Pauses after errors of Redis: short at first, since most outages are restarts.
const OUTAGE: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(2) };

/// Whether a fetch of ours may have leased what we never heard of: its answer was lost, or Redis was frozen and has
/// yet to read it.
#[derive(Debug, Default, Clone, Copy)]
enum Suspicion {
    /// No.
    #[default]
    None,
    /// An error has just come.
    Fresh,
    /// We looked once; a request that was still on its way then has arrived when this moment comes.
    Again(Instant),
}

impl Suspicion {
    fn is_due(self) -> bool {
        match self {
            Self::None => false,
            Self::Fresh => true,
            Self::Again(at) => Instant::now() >= at,
        }
    }

    fn looked(&mut self, lease: Duration) {
        *self = match self {
            Self::Fresh => Self::Again(Instant::now() + lease / 4),
            _ => Self::None,
        };
    }
}

pub(super) struct Fetcher {
    pub(super) queue: Queue,
    pub(super) owner: String,
    pub(super) slots: Arc<Semaphore>,
    pub(super) held: Arc<Register>,
    pub(super) settlements: mpsc::UnboundedSender<Settlement>,
    pub(super) hand_out: mpsc::Sender<Assignment>,
    pub(super) counter: Counter,
    pub(super) pulse: Pulse,
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
        // It takes nothing more, also while it drains. Whoever renews a lease meanwhile signs off once more at the end.
        let _ = self.queue.leave(&self.owner).await;
    }

    async fn fetch_for_ever(&self) {
        let mut waker = self.queue.waker();
        let mut failures = 0;
        let mut suspicion = Suspicion::default();
        loop {
            fault::stands_still("fetch").await;
            let Some(slot) = self.slot().await else { return };
            drop(slot);
            self.pulse.beat(Loop::Fetch);
            if suspicion.is_due() && self.queue.recover(&self.owner, &self.held.leases()).await.is_ok() {
                suspicion.looked(self.queue.lease());
            }
            let outcome = match self.round().await {
                Ok(Some(due)) => waker.wait(due).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => failures = 0,
                Err(error) => {
                    suspicion = Suspicion::Fresh;
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!("the queue cannot be reached: {error}");
                    }
                    tokio::time::sleep(OUTAGE.pause(failures)).await;
                }
            }
        }
    }

    /// Waits for a free slot. That is progress as long as every job ends in its time, and not for longer.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        let overdue = Instant::now() + policy::JOB_TIMEOUT;
        loop {
            if let Ok(slot) = timeout(IDLE, self.slots.clone().acquire_owned()).await {
                return slot.ok();
            }
            if Instant::now() < overdue {
                self.pulse.beat(Loop::Fetch);
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
