//! What an operator does in the queue: by the tool and by the page, always with who and why, and never without a line in the
//! audit.
//!
//! Of many dead letters each has a line of its own: whoever looks for one message finds who moved it and why, and of a replay
//! of thousands that broke off the lines say how far it came.

use chrono::{DateTime, Utc};
use shared::audit::Author;
use shared::audit::deed::{self, Deed, Object};
use shared::job::{Job, Work};
use shared::queue::{DeadLetter, QueueError};
use shared::receipt;

use serde::Serialize;

use super::Desk;

/// Why it was not done, or is not known to have been.
#[derive(Debug, thiserror::Error)]
pub enum DeedError {
    /// Nothing is done that cannot be written down.
    #[error("Postgres did not take the line of the audit, and nothing was done: {0}")]
    Books(#[from] sqlx::Error),
    /// An answer that did not come may have been on its way.
    #[error("it may have been done all the same, look before you do it again: {0}")]
    Queue(#[from] QueueError),
}

/// What became of a dead letter that was to be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Replayed {
    /// It is in its lane again.
    Queued,
    /// It was no longer there.
    Gone,
    /// It is no job: bytes that no version of ours could read, or work of no lane.
    NotAJob,
}

/// Has a dead letter handled again, under the id that it had. A message that had failed was refunded; what is written
/// for it now is not charged a second time.
///
/// Dying between the two steps leaves the letter where it is, and the next replay goes on. When none comes, the sweep
/// ends the message again, and says nothing to its person, who knows of no replay.
pub async fn replay(
    desk: &Desk,
    letter: &DeadLetter,
    author: &Author,
    now: DateTime<Utc>,
) -> Result<Replayed, DeedError> {
    let job: Option<Job> = serde_json::from_slice(&letter.job).ok();
    let (Some(job), Some(_)) = (&job, &letter.lane) else { return Ok(Replayed::NotAJob) };
    let mut tx = desk.pool.begin().await?;
    if matches!(job.work, Work::Message(_)) {
        receipt::reopen(&mut *tx, &job.id, now).await?;
    }
    let object = Object::Message(&letter.id, &job.id);
    let deed = deed::begin(&mut *tx, author, "queue.replay", object, now).await?;
    tx.commit().await?;
    let queued = desk.queue.replay(&letter.id).await;
    ended(desk, deed, &queued, ["replayed", "was no longer there"]).await;
    Ok(if queued? { Replayed::Queued } else { Replayed::Gone })
}

/// Forgets a dead letter. `false`: it was no longer there.
pub async fn discard(
    desk: &Desk,
    letter: &DeadLetter,
    author: &Author,
    now: DateTime<Utc>,
) -> Result<bool, DeedError> {
    let job: Option<Job> = serde_json::from_slice(&letter.job).ok();
    let object = match &job {
        Some(job) => Object::Message(&letter.id, &job.id),
        None => Object::Letter(&letter.id),
    };
    let deed = deed::begin(&desk.pool, author, "queue.discard", object, now).await?;
    let gone = desk.queue.discard(&letter.id).await;
    ended(desk, deed, &gone, ["discarded", "was no longer there"]).await;
    Ok(gone?)
}

/// Lets no worker take anything more. `false`: that was so already.
pub async fn pause(desk: &Desk, author: &Author, now: DateTime<Utc>) -> Result<bool, DeedError> {
    let deed = deed::begin(&desk.pool, author, "queue.pause", Object::Queue, now).await?;
    let paused = desk.queue.pause().await;
    ended(desk, deed, &paused, ["paused", "was paused already"]).await;
    Ok(paused?)
}

/// Ends a pause. `false`: there was none.
pub async fn resume(desk: &Desk, author: &Author, now: DateTime<Utc>) -> Result<bool, DeedError> {
    let deed = deed::begin(&desk.pool, author, "queue.resume", Object::Queue, now).await?;
    let resumed = desk.queue.resume().await;
    ended(desk, deed, &resumed, ["resumed", "was not paused"]).await;
    Ok(resumed?)
}

/// Writes down what came of it. A failure takes this from the line, and nothing from the deed.
async fn ended(desk: &Desk, deed: Deed, done: &Result<bool, QueueError>, [yes, no]: [&str; 2]) {
    let outcome = match done {
        Ok(true) => yes,
        Ok(false) => no,
        Err(_) => "not known: Redis did not answer",
    };
    if let Err(error) = deed.ended(&desk.pool, outcome).await {
        tracing::warn!("the audit does not say what came of a deed: {error}");
    }
}
