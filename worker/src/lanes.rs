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

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::layers::catch_panic::{CatchPanicLayer, PanicError};
use apalis_core::task::data::Data;
use apalis_core::worker::builder::WorkerBuilder;
use futures_util::future::BoxFuture;
use shared::queue::Queue;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::JobError;
use crate::policy;
use crate::pulse::Pulse;

pub use backend::Lanes;
pub use hold::{Assignment, Hold};
pub use settle_layer::STARTS_AT_MOST;

/// What is done with one message. It may run again at any time, and its future may be dropped at any time.
pub type Handler = Arc<dyn Fn(Assignment) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync>;

/// How much one worker takes on. `owner` names one start of one process.
#[derive(Debug, Clone)]
pub struct Shift {
    /// Names one start of one process.
    pub owner: String,
    /// How many messages are worked on at once.
    pub slots: usize,
    /// How long what runs may take to finish once the shift is over.
    pub drain: Duration,
    /// Where its loops show that they go round.
    pub pulse: Pulse,
}

/// Works until `stop` is cancelled, then finishes what runs (bounded), gives back the rest, and returns. Ending
/// earlier is an error.
pub async fn work(
    queue: &Queue,
    shift: Shift,
    handler: Handler,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (lanes, engine) = start(queue, &shift);
    let worker = WorkerBuilder::new(shift.owner.as_str())
        .backend(lanes)
        .data(handler)
        .timeout(policy::JOB_TIMEOUT)
        // Innermost: without it one panic would drop every other job of the process.
        .layer(CatchPanicLayer::with_panic_handler(panicked as fn(&Box<dyn Any + Send>) -> PanicError))
        .build(handle);
    let stop_fetching = engine.stop_fetching();
    let stopping = stop.clone();
    // Boxed here: with the handler's own type in it, the future could not be moved to another thread.
    let ended: BoxFuture<'static, _> = Box::pin(worker.run_until(async move {
        stopping.cancelled().await;
        stop_fetching.cancel();
        Ok::<(), std::io::Error>(())
    }));
    let drained = async {
        stop.cancelled().await;
        tokio::time::sleep(shift.drain).await;
    };
    let result = tokio::select! {
        // Dropping the worker drops what still runs; every hold then gives its message back.
        ended = ended => ended.map_err(anyhow::Error::new),
        () = drained => {
            tracing::warn!("what still ran after the drain time goes back to the queue");
            Ok(())
        }
    };
    engine.close(policy::CLOSE).await;
    anyhow::ensure!(stop.is_cancelled(), "the worker ended without being asked to: {result:?}");
    result
}

fn panicked(_: &Box<dyn Any + Send>) -> PanicError {
    PanicError("a handler panicked".to_owned())
}

async fn handle(assignment: Assignment, handler: Data<Handler>) -> Result<(), JobError> {
    (**handler)(assignment).await
}

/// The running parts of a worker's side of the queue.
#[derive(Debug)]
pub struct Engine {
    queue: Queue,
    owner: String,
    stop_fetching: CancellationToken,
    stop_renewing: CancellationToken,
    fetcher: JoinHandle<()>,
    renewer: JoinHandle<()>,
    settler: JoinHandle<()>,
}

/// Starts the three tasks and returns the backend that apalis is given.
#[must_use]
pub fn start(queue: &Queue, shift: &Shift) -> (Lanes, Engine) {
    let Shift { owner, slots, pulse, .. } = shift;
    let slots = *slots;
    let held = Arc::new(hold::Register::default());
    let (settlements, inbox) = mpsc::unbounded_channel();
    let (hand_out, assignments) = mpsc::channel(slots.max(1));
    let counter = backend::Counter::new(assignments);
    let stop_fetching = CancellationToken::new();
    let stop_renewing = CancellationToken::new();
    let fetcher = fetcher::Fetcher {
        queue: queue.clone(),
        owner: owner.clone(),
        slots: Arc::new(Semaphore::new(slots)),
        held: held.clone(),
        settlements: settlements.clone(),
        hand_out,
        counter: counter.clone(),
        pulse: pulse.clone(),
    };
    let engine = Engine {
        queue: queue.clone(),
        owner: owner.clone(),
        fetcher: tokio::spawn(fetcher.run(stop_fetching.clone())),
        renewer: tokio::spawn(hold::renew(queue.clone(), held.clone(), pulse.clone(), stop_renewing.clone())),
        settler: tokio::spawn(settler::run(queue.clone(), held, inbox)),
        stop_fetching,
        stop_renewing,
    };
    (Lanes::new(counter), engine)
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
        // Who still renewed a lease after the last fetch has shown once more that it is alive.
        let _ = tokio::time::timeout(patience, self.queue.leave(&self.owner)).await;
    }
}
