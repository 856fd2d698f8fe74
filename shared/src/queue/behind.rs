//! What stands behind a message in its lane: whoever works on it may have to know what was said since.

use super::{PREFIX, Queue, QueueError};
use crate::job::Job;
use crate::message::{Lane, MessageId};

impl Queue {
    /// The next messages of a lane, at most so many, behind its head, in their order. Nothing when another message is the
    /// head: then this one is not the caller's any more.
    pub async fn behind(
        &self,
        head: &MessageId,
        lane: &Lane,
        at_most: usize,
    ) -> Result<Vec<Job>, QueueError> {
        let mut connection = self.connection.clone();
        let mut command = redis::cmd("LRANGE");
        command.arg(format!("{PREFIX}lane:{}", lane.as_str())).arg(0).arg(at_most);
        let payloads: Vec<Vec<u8>> = command.query_async(&mut connection).await?;
        // One that this version cannot read is between those around it, and nothing is known about it.
        let mut jobs = payloads.iter().map_while(|payload| self.read(payload).ok());
        Ok(match jobs.next() {
            Some(job) if job.id == *head => jobs.collect(),
            _ => Vec::new(),
        })
    }
}
