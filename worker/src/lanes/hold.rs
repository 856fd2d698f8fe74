//! What a worker holds: leases, from the fetch until their settlement is confirmed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::fault;
use shared::queue::{Lease, Leased, Queue, Settlement, Verdict};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use crate::pulse::{Loop, Pulse};

/// A message handed to a handler.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The job, as it was queued.
    pub payload: Arc<[u8]>,
    /// Which start this is, from 1.
    pub attempt: u32,
    /// How many earlier workers fell silent over it.
    pub lost: u32,
    /// The right to settle it, and the slot that it takes.
    pub hold: Arc<Hold>,
}

/// The right to settle one message. Dropped without a verdict, it gives the message back at once.
#[derive(Debug)]
pub struct Hold {
    lease: Lease,
    settled: AtomicBool,
    lost: CancellationToken,
    settlements: mpsc::UnboundedSender<Settlement>,
    _slot: OwnedSemaphorePermit,
}

impl Hold {
    /// Who holds it: one start of one worker process.
    #[must_use]
    pub fn worker(&self) -> &str {
        self.lease.owner()
    }

    /// Ends the hold. Only the first verdict counts.
    pub fn settle(&self, verdict: Verdict) {
        if !self.settled.swap(true, Ordering::SeqCst) {
            // The receiver outlives every hold; were it gone, the lease would expire by itself.
            let _ = self.settlements.send(Settlement { lease: self.lease.clone(), verdict });
        }
    }

    /// Resolves when the lease was lost to another worker: whoever works on it should stop.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.settle(Verdict::Wait(Duration::ZERO));
    }
}

/// Every lease of this process that is not yet settled for certain, by fence.
#[derive(Debug, Default)]
pub(super) struct Register(Mutex<HashMap<String, (Lease, CancellationToken)>>);

impl Register {
    pub(super) fn hold(
        &self,
        leased: Leased,
        slot: OwnedSemaphorePermit,
        settlements: mpsc::UnboundedSender<Settlement>,
    ) -> Assignment {
        let lost = CancellationToken::new();
        let Leased { lease, attempt, lost: times_lost, payload } = leased;
        self.lock().insert(lease.fence.clone(), (lease.clone(), lost.clone()));
        let hold = Hold { lease, settled: AtomicBool::new(false), lost, settlements, _slot: slot };
        Assignment { payload: payload.into(), attempt, lost: times_lost, hold: Arc::new(hold) }
    }

    pub(super) fn leases(&self) -> Vec<Lease> {
        self.lock().values().map(|(lease, _)| lease.clone()).collect()
    }

    pub(super) fn forget(&self, lease: &Lease) -> Option<CancellationToken> {
        self.lock().remove(&lease.fence).map(|(_, lost)| lost)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Lease, CancellationToken)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps every held lease, three times per lease length, until told to stop: also while the worker drains.
pub(super) async fn renew(queue: Queue, held: Arc<Register>, pulse: Pulse, stop: CancellationToken) {
    let period = queue.lease() / 3;
    let mut pause = period;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        fault::stands_still("renew").await;
        pulse.beat(Loop::Renew);
        let leases = held.leases();
        pause = period;
        if leases.is_empty() || fault::without("renewal") {
            continue;
        }
        match queue.renew(&leases).await {
            Ok(kept) => {
                for (lease, kept) in leases.iter().zip(kept) {
                    if !kept && let Some(lost) = held.forget(lease) {
                        tracing::warn!(?lease.lane, "a lease was lost");
                        lost.cancel();
                    }
                }
            }
            Err(error) => {
                tracing::warn!("leases could not be renewed: {error}");
                pause = period / 4;
            }
        }
    }
}
