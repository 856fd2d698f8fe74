//! The face that the lanes show to apalis: a stream of assignments that never errs and ends when the fetcher does.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::task_id::RandomId;
use apalis_core::worker::context::WorkerContext;
use tokio::sync::mpsc;

use super::Assignment;
use super::settle_layer::SettleLayer;

/// The backend.
#[derive(Debug)]
pub struct Lanes {
    counter: Counter,
}

/// Where fetched messages lie until apalis takes them.
#[derive(Debug, Clone)]
pub(super) struct Counter(Arc<Mutex<mpsc::Receiver<Assignment>>>);

impl Counter {
    pub(super) fn new(assignments: mpsc::Receiver<Assignment>) -> Self {
        Self(Arc::new(Mutex::new(assignments)))
    }

    /// Gives back what still lies there, and ends the stream. apalis does not look here while it drains, and what
    /// it will not take must not wait for what it has taken.
    pub(super) fn clear(&self) {
        let mut assignments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assignments.close();
        while assignments.try_recv().is_ok() {}
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Assignment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll_recv(context)
    }
}

impl Lanes {
    pub(super) fn new(counter: Counter) -> Self {
        Self { counter }
    }
}

impl Backend for Lanes {
    type Task = Task<Assignment>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Infallible>>> {
        match self.counter.poll(context) {
            Poll::Ready(Some(assignment)) => Poll::Ready(Some(Ok(Task::new(assignment)))),
            Poll::Ready(None) => {
                // A stream that ends without a stop would leave apalis waiting in its shutdown for ever.
                let _ = worker.stop();
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for Lanes {
    type Args = Assignment;
    type Id = RandomId;
    // The wire format is ours: an undecodable payload becomes a dead letter, where apalis' codec would end the
    // worker.
    type Kind = Ephemeral;
    type Config = ();
    type Layer = SettleLayer;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> SettleLayer {
        SettleLayer
    }
}
