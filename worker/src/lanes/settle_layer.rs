//! Turns the end of a handler into a verdict. Outermost of the layers, so that a panic and a timeout, which the
//! layers inside turn into errors, are judged here as well.

use std::pin::Pin;
use std::task::{Context, Poll};

use apalis_core::error::BoxDynError;
use apalis_core::task::Task;
use shared::fault;
use shared::queue::Verdict;
use tower::{Layer, Service};

use super::Assignment;
use crate::error::JobError;
use crate::policy::RETRY;

/// Starts after which even a message that its handler cannot give up becomes a dead letter: a report that the books
/// refuse, an apology that panics. With the usual pauses that is an hour, in which an operator may mend the cause.
pub const STARTS_AT_MOST: u32 = 60;

/// See the module.
#[derive(Debug, Clone)]
pub struct SettleLayer;

impl<S> Layer<S> for SettleLayer {
    type Service = Settle<S>;

    fn layer(&self, inner: S) -> Settle<S> {
        Settle { inner }
    }
}

/// A handler whose end is a verdict.
#[derive(Debug, Clone)]
pub struct Settle<S> {
    inner: S,
}

impl<S> Service<Task<Assignment>> for Settle<S>
where
    S: Service<Task<Assignment>>,
    S::Future: Send + 'static,
    S::Response: Send,
    S::Error: Into<BoxDynError> + Send,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxDynError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, task: Task<Assignment>) -> Self::Future {
        let (hold, attempt) = (task.args.hold.clone(), task.args.attempt);
        let work = self.inner.call(task);
        Box::pin(async move {
            let ended = tokio::select! {
                ended = work => ended.map(drop).map_err(Into::into),
                // Someone else has the message now; whatever is left of our work would only collide with theirs.
                () = hold.lost() => return Ok(()),
            };
            fault::point("job.ended");
            hold.settle(verdict(&ended, attempt));
            Ok(())
        })
    }
}

fn verdict(ended: &Result<(), BoxDynError>, attempt: u32) -> Verdict {
    let Err(error) = ended else { return Verdict::Done };
    match error.downcast_ref::<JobError>() {
        Some(JobError::Wait { after, .. }) => Verdict::Wait(*after),
        Some(JobError::Fail { reason, .. }) => Verdict::Dead(reason.clone()),
        _ if attempt >= STARTS_AT_MOST => {
            tracing::error!(attempt, "a job ended badly too often: {error}");
            Verdict::Dead("every start ended badly".to_owned())
        }
        Some(JobError::Retry { after: Some(after), .. }) => Verdict::Retry(*after),
        // A panic or a timeout is a failed attempt like any other.
        Some(JobError::Retry { after: None, .. }) | None => {
            if error.downcast_ref::<JobError>().is_none() {
                tracing::error!(attempt, "a job ended badly: {error}");
            }
            Verdict::Retry(RETRY.pause(attempt))
        }
    }
}
