//! The worker's side: taking the heads of lanes, keeping them, ending them.

use std::time::Duration;

use super::{BATCH, LOST_LEASES_AT_MOST, PREFIX, Queue, QueueError, key, millis};
use crate::message::Lane;

/// The right to settle the head of a lane, until it expires. The fence names the owner and is never used twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The conversation.
    pub lane: Lane,
    /// The token of this one lease.
    pub fence: String,
}

impl Lease {
    /// Who holds it: one start of one worker process.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.fence.rsplit_once(':').map_or("", |(owner, _)| owner)
    }
}

/// A message with its lease.
#[derive(Debug, Clone)]
pub struct Leased {
    /// The right to settle it.
    pub lease: Lease,
    /// Which start this is, from 1.
    pub attempt: u32,
    /// How many earlier leases of it ended because their worker fell silent.
    pub lost: u32,
    /// The job, as it stands there: [`Queue::read`] reads it.
    pub payload: Vec<u8>,
}

/// What a fetch found.
#[derive(Debug)]
pub struct Fetched {
    /// Messages to work on.
    pub leased: Vec<Leased>,
    /// When nothing was ready: how long until the next lane is due, if any waits.
    pub next_due: Option<Duration>,
}

/// How a message leaves the hands of its worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Finished: gone from Redis.
    Done,
    /// Failed; once more after this delay. The attempt counts.
    Retry(Duration),
    /// Not its fault (a dependency is away, we are stopping); again after this delay. The attempt does not count.
    Wait(Duration),
    /// Given up, with the reason.
    Dead(String),
}

/// One ending.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Which lease.
    pub lease: Lease,
    /// How it ends.
    pub verdict: Verdict,
}

impl Queue {
    /// Leases up to `at_most` heads of lanes for this owner, those that have waited longest first. An owner is one
    /// start of one worker process.
    pub async fn fetch(&self, owner: &str, at_most: usize) -> Result<Fetched, QueueError> {
        let mut connection = self.connection.clone();
        let mut call = self.scripts.fetch.prepare_invoke();
        for name in ["ready", "leased", "fence", "tries", "lost", "stats", "dead", "workers"] {
            call.key(key(name));
        }
        call.arg(PREFIX).arg(millis(self.settings.lease)).arg(at_most.min(BATCH));
        call.arg(LOST_LEASES_AT_MOST).arg(owner);
        let (next_due, heads): (i64, Vec<redis::Value>) = call.invoke_async(&mut connection).await?;
        let mut leased = Vec::with_capacity(heads.len() / 5);
        for head in heads.as_chunks::<5>().0 {
            let (lane, fence, attempt, lost, payload): (String, String, u32, u32, Vec<u8>) =
                redis::from_redis_value(redis::Value::Array(head.to_vec()))
                    .map_err(redis::RedisError::from)?;
            leased.push(Leased {
                lease: Lease { lane: Lane::from_stored(lane), fence },
                attempt,
                lost,
                payload,
            });
        }
        let next_due = u64::try_from(next_due).ok().map(Duration::from_millis);
        Ok(Fetched { leased, next_due })
    }

    /// Ends leases. `false` in the answer: the lease was no longer ours, and nothing changed.
    pub async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<bool>, QueueError> {
        let mut answers = Vec::with_capacity(settlements.len());
        let mut connection = self.connection.clone();
        for settlements in settlements.chunks(BATCH) {
            let mut call = self.scripts.settle.prepare_invoke();
            for name in ["ready", "leased", "fence", "tries", "lost", "stats", "dead", "wake"] {
                call.key(key(name));
            }
            call.arg(PREFIX);
            for Settlement { lease, verdict } in settlements {
                call.arg(lease.lane.as_str()).arg(&lease.fence);
                match verdict {
                    Verdict::Done => call.arg("done").arg(""),
                    Verdict::Retry(delay) => call.arg("retry").arg(millis(*delay)),
                    Verdict::Wait(delay) => call.arg("wait").arg(millis(*delay)),
                    Verdict::Dead(reason) => call.arg("dead").arg(reason),
                };
            }
            answers.extend(call.invoke_async::<Vec<bool>>(&mut connection).await?);
        }
        Ok(answers)
    }

    /// Extends leases of one owner by their full length from now. `false` in the answer: it is lost.
    pub async fn renew(&self, leases: &[Lease]) -> Result<Vec<bool>, QueueError> {
        let mut answers = Vec::with_capacity(leases.len());
        let mut connection = self.connection.clone();
        for leases in leases.chunks(BATCH) {
            let mut call = self.scripts.renew.prepare_invoke();
            call.key(key("leased")).key(key("fence")).key(key("stats")).key(key("workers"));
            call.arg(millis(self.settings.lease));
            for lease in leases {
                call.arg(lease.lane.as_str()).arg(&lease.fence);
            }
            answers.extend(call.invoke_async::<Vec<bool>>(&mut connection).await?);
        }
        Ok(answers)
    }

    /// Gives back what was leased to this owner in a reply that never arrived. Called after a lost connection,
    /// with every lease that the owner does hold. Returns how many came back.
    pub async fn recover(&self, owner: &str, held: &[Lease]) -> Result<u64, QueueError> {
        let mut connection = self.connection.clone();
        let (mut cursor, mut recovered) = (0_u64, 0);
        loop {
            let mut call = self.scripts.recover.prepare_invoke();
            for name in ["ready", "leased", "fence", "tries", "wake"] {
                call.key(key(name));
            }
            call.arg(owner).arg(cursor);
            for lease in held {
                call.arg(&lease.fence);
            }
            let (next, back): (u64, u64) = call.invoke_async(&mut connection).await?;
            recovered += back;
            cursor = next;
            if cursor == 0 {
                return Ok(recovered);
            }
        }
    }

    /// Signs an owner off: it no longer counts among the workers that are alive.
    pub async fn leave(&self, owner: &str) -> Result<(), QueueError> {
        let mut connection = self.connection.clone();
        redis::cmd("ZREM").arg(key("workers")).arg(owner).query_async::<()>(&mut connection).await?;
        Ok(())
    }
}
