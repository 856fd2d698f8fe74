//! Our apalis backend over the queue's lanes.
//!
//! apalis drives the handlers; this room keeps the queue's promises around it. Three tasks of their own do that,
//! since apalis does not poll a backend while it drains: the *fetcher* leases no more than there are free slots,
//! the *renewer* keeps what is being worked on, the *settler* ends leases in batches. No error of Redis ever
//! reaches apalis, which would end the worker at the first one: they wait, with backoff, and go on.

mod backend;
mod fetcher;
mod hold;
mod settle_layer;
mod settler;

use std::sync::Arc;
use std::time::Duration;

use shared::queue::Queue;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use backend::Lanes;
pub use hold::{Assignment, Hold};

/// The running parts of a worker's side of the queue.
#[derive(Debug)]
pub struct Engine {
    stop_fetching: CancellationToken,
    stop_renewing: CancellationToken,
    fetcher: JoinHandle<()>,
    renewer: JoinHandle<()>,
    settler: JoinHandle<()>,
}

/// Starts the three tasks and returns the backend that apalis is given. `owner` names one start of one process;
/// `slots` is how many messages are worked on at once.
#[must_use]
pub fn start(queue: &Queue, owner: &str, slots: usize) -> (Lanes, Engine) {
    let held = Arc::new(hold::Register::default());
    let (settlements, inbox) = mpsc::unbounded_channel();
    let (hand_out, assignments) = mpsc::channel(slots.max(1));
    let stop_fetching = CancellationToken::new();
    let stop_renewing = CancellationToken::new();
    let fetcher = fetcher::Fetcher {
        queue: queue.clone(),
        owner: owner.to_owned(),
        slots: Arc::new(Semaphore::new(slots)),
        held: held.clone(),
        settlements: settlements.clone(),
        hand_out,
    };
    let engine = Engine {
        fetcher: tokio::spawn(fetcher.run(stop_fetching.clone())),
        renewer: tokio::spawn(hold::renew(queue.clone(), held.clone(), stop_renewing.clone())),
        settler: tokio::spawn(settler::run(queue.clone(), held, inbox)),
        stop_fetching,
        stop_renewing,
    };
    (Lanes::new(assignments), engine)
}

impl Engine {
    /// A token that ends the taking of new messages when it is cancelled.
    #[must_use]
    pub fn stop_fetching(&self) -> CancellationToken {
        self.stop_fetching.clone()
    }

    /// Ends the engine after every hold is gone: what was not finished goes back at once, without counting an
    /// attempt; what was finished is settled. Bounded, since Redis may be away.
    pub async fn close(self, patience: Duration) {
        self.stop_fetching.cancel();
        let orderly = async {
            let _ = self.fetcher.await;
            let _ = self.settler.await;
        };
        if tokio::time::timeout(patience, orderly).await.is_err() {
            tracing::warn!("stopping with unsettled leases: they expire by themselves");
        }
        self.stop_renewing.cancel();
        let _ = self.renewer.await;
    }
}
