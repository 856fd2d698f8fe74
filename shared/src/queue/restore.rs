//! The way back from the spill: jobs that waited in Postgres go into their lanes, before whatever came later.

use super::enqueue::digest;
use super::{BATCH, LANE_AT_MOST, PREFIX, Queue, QueueError, key};
use crate::job::Job;

/// What became of a spilled job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Restored {
    /// It is where it belongs, or was handled before, or stands among the dead letters: the spill may forget it.
    Settled,
    /// No room, or a later message of its lane is just being worked on: the spill keeps it. What comes after it in
    /// its lane is kept as well.
    Later,
}

impl Queue {
    /// Brings spilled jobs into their lanes, each id once. A lane is in the order in which ingest first received its
    /// messages, whichever way they took; only a head that is being worked on is not overtaken.
    ///
    /// A job with others of its lane behind it is taken even when the queue is full: they wait for it.
    pub async fn restore(&self, jobs: &[Job]) -> Result<Vec<Restored>, QueueError> {
        let mut answers = Vec::with_capacity(jobs.len());
        let mut connection = self.connection.clone();
        for jobs in jobs.chunks(BATCH) {
            let mut call = self.scripts.restore.prepare_invoke();
            for name in ["ready", "leased", "tries", "lost", "stats", "wake", "dead"] {
                call.key(key(name));
            }
            call.arg(PREFIX).arg(self.settings.at_most).arg(LANE_AT_MOST);
            call.arg(self.settings.claim_window.as_secs());
            for job in jobs {
                // As it stands in the payload, so that both sides of a comparison were written by the same hand.
                let received_at = serde_json::to_value(job.received_at)?;
                call.arg(&digest(&job.id)[..]).arg(job.lane.as_str()).arg(job.id.as_str());
                call.arg(received_at.as_str().unwrap_or_default()).arg(job.pack(self.vault())?);
            }
            let replies: Vec<i8> = call.invoke_async(&mut connection).await?;
            answers.extend(replies.into_iter().map(|reply| match reply {
                -1 | -3 => Restored::Later,
                _ => Restored::Settled,
            }));
        }
        Ok(answers)
    }
}
