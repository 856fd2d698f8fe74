//! Taking work out for good, wherever it stands: what is left of a person who wants to be forgotten.
//!
//! Everything is read, in pages, so that nobody waits for the answer. What comes while that is done may be missed: whoever
//! asks makes sure that nothing more can come, or asks again.

use super::{BATCH, PREFIX, Queue, QueueError, key};
use crate::job::in_the_open;
use crate::message::Lane;

/// What was taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// Jobs that waited or were being worked on.
    pub jobs: usize,
    /// Dead letters.
    pub letters: usize,
}

/// Elements of a lane, and dead letters, that are read at once.
const PAGE: isize = 200;

impl Queue {
    /// Takes out every job and every dead letter of which its bytes, in the open, say that it is meant.
    pub async fn withdraw(&self, is_meant: impl Fn(&[u8]) -> bool) -> Result<Withdrawn, QueueError> {
        let mut withdrawn = Withdrawn::default();
        for lane in self.lanes().await? {
            let meant = self.meant(&lane, &is_meant).await?;
            for payloads in meant.chunks(BATCH) {
                withdrawn.jobs += self.take_out(&lane, payloads).await?;
            }
        }
        let mut after = None;
        loop {
            let page = self.dead_letters(after.as_ref(), BATCH).await?;
            let Some(last) = page.last() else { return Ok(withdrawn) };
            after = Some(last.id.clone());
            for letter in page {
                if is_meant(&letter.job) && self.discard(&letter.id).await? {
                    withdrawn.letters += 1;
                }
            }
        }
    }

    async fn meant(&self, lane: &Lane, is_meant: impl Fn(&[u8]) -> bool) -> Result<Vec<Vec<u8>>, QueueError> {
        let mut connection = self.connection.clone();
        let list = format!("{PREFIX}lane:{}", lane.as_str());
        let (mut from, mut meant) = (-PAGE, Vec::new());
        loop {
            // From the tail to the head, the way that elements move when the head goes.
            let mut command = redis::cmd("LRANGE");
            command.arg(&list).arg(from).arg(from + PAGE - 1);
            let page: Vec<Vec<u8>> = command.query_async(&mut connection).await?;
            if page.is_empty() {
                return Ok(meant);
            }
            meant.extend(
                page.into_iter().filter(|payload| is_meant(&in_the_open(payload.clone(), self.vault()))),
            );
            from -= PAGE;
        }
    }

    async fn take_out(&self, lane: &Lane, payloads: &[Vec<u8>]) -> Result<usize, QueueError> {
        let mut connection = self.connection.clone();
        let mut call = self.scripts.withdraw.prepare_invoke();
        for name in ["ready", "leased", "fence", "tries", "lost", "stats", "wake"] {
            call.key(key(name));
        }
        call.arg(PREFIX).arg(lane.as_str());
        for payload in payloads {
            call.arg(payload);
        }
        Ok(call.invoke_async(&mut connection).await?)
    }
}
