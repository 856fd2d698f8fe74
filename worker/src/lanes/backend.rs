//! The face that the lanes show to apalis: a stream of assignments that never errs and ends when the fetcher does.

use std::convert::Infallible;
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
    assignments: mpsc::Receiver<Assignment>,
}

impl Lanes {
    pub(super) fn new(assignments: mpsc::Receiver<Assignment>) -> Self {
        Self { assignments }
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
        match self.assignments.poll_recv(context) {
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
