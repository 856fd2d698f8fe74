//! Who has been waiting for long: read without taking anything, for those who tell them.

use std::time::Duration;

use super::{PREFIX, Queue, QueueError, key, millis};
use crate::job::Job;

impl Queue {
    /// The first message of each lane that could have run for this long and has not been taken, the longest wait first: of
    /// `at_most` lanes, without the first `skip`. `None`: there are no such lanes.
    pub async fn waiting(
        &self,
        longer_than: Duration,
        skip: usize,
        at_most: usize,
    ) -> Result<Option<Vec<Job>>, QueueError> {
        let mut connection = self.connection.clone();
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await?;
        let before = (seconds * 1_000 + micros / 1_000).saturating_sub(millis(longer_than));
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(key("ready")).arg("-inf").arg(before).arg("LIMIT").arg(skip).arg(at_most);
        let lanes: Vec<String> = command.query_async(&mut connection).await?;
        if lanes.is_empty() {
            return Ok(None);
        }
        let mut heads = redis::pipe();
        for lane in &lanes {
            heads.cmd("LINDEX").arg(format!("{PREFIX}lane:{lane}")).arg(0);
        }
        // A lane that was finished meanwhile has no head.
        let heads: Vec<Option<Vec<u8>>> = heads.query_async(&mut connection).await?;
        let jobs = heads.into_iter().flatten().filter_map(|payload| self.read(&payload).ok());
        Ok(Some(jobs.collect()))
    }
}
