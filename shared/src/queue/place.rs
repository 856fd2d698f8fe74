//! Where one message stands in the queue: asked by operators, in pages, so that nobody waits for the answer.

use std::time::Duration;

use super::enqueue::digest;
use super::{PREFIX, Queue, QueueError, key};
use crate::job::Job;
use crate::message::{Lane, MessageId};

/// Elements of a lane that are read at once.
const PAGE: isize = 200;

/// What the head of a lane is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A worker has it.
    Leased {
        /// Which one.
        worker: String,
        /// Until when it has to be heard of; zero: it is overdue.
        remaining: Duration,
    },
    /// It could run now.
    Ready,
    /// It waits for a moment to come.
    Delayed(Duration),
}

/// The place of a message.
#[derive(Debug, Clone)]
pub struct Place {
    /// How many messages of its conversation come first.
    pub ahead: usize,
    /// What the first of them (perhaps itself) is doing.
    pub head: Head,
    /// The message.
    pub job: Job,
}

impl Queue {
    /// Whether an id was taken in within the last eight to sixteen days.
    pub async fn knows(&self, id: &MessageId) -> Result<bool, QueueError> {
        let mut connection = self.connection.clone();
        let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await?;
        let window = seconds / self.settings.claim_window.as_secs().max(1);
        let digest = digest(id);
        let bucket = u32::from(digest[0]) * 64 + u32::from(digest[1]) / 4;
        for window in [window, window.saturating_sub(1)] {
            let mut command = redis::cmd("HEXISTS");
            command.arg(format!("{PREFIX}seen:{window}:{bucket}")).arg(&digest[..]);
            if command.query_async(&mut connection).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where a message stands in this lane, if it does. Looks from the tail to the head, the way that elements move
    /// when the head goes or others come: one that stands there throughout is not missed between two pages.
    pub async fn place(&self, id: &MessageId, lane: &Lane) -> Result<Option<Place>, QueueError> {
        let mut connection = self.connection.clone();
        let list = format!("{PREFIX}lane:{}", lane.as_str());
        let mut from = -PAGE;
        loop {
            let mut look = redis::pipe();
            look.atomic().cmd("LLEN").arg(&list);
            look.cmd("LRANGE").arg(&list).arg(from).arg(from + PAGE - 1);
            let (length, page): (isize, Vec<Vec<u8>>) = look.query_async(&mut connection).await?;
            for (place, payload) in ((length + from).max(0)..).zip(&page) {
                if let Ok(job) = self.read(payload)
                    && job.id == *id
                {
                    let ahead = usize::try_from(place).unwrap_or_default();
                    return Ok(Some(Place { ahead, head: self.head(lane).await?, job }));
                }
            }
            if page.is_empty() {
                return Ok(None);
            }
            from -= PAGE;
        }
    }

    /// Looks for a message in every lane: for one that nobody has begun, and of which only the id is known.
    pub async fn search(&self, id: &MessageId) -> Result<Option<Place>, QueueError> {
        for lane in self.lanes().await? {
            if let Some(place) = self.place(id, &lane).await? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Every lane that has something in it.
    pub(super) async fn lanes(&self) -> Result<Vec<Lane>, QueueError> {
        let mut connection = self.connection.clone();
        let prefix = key("lane:");
        let pattern = format!("{}*", prefix.replace(['[', ']', '*', '?'], "?"));
        let (mut cursor, mut lanes) = (0_u64, Vec::new());
        loop {
            let mut command = redis::cmd("SCAN");
            command.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(1_000);
            let (next, keys): (u64, Vec<String>) = command.query_async(&mut connection).await?;
            lanes.extend(
                keys.iter()
                    .filter_map(|key| key.strip_prefix(&prefix))
                    .map(|lane| Lane::from_stored(lane.to_owned())),
            );
            cursor = next;
            if cursor == 0 {
                return Ok(lanes);
            }
        }
    }

    async fn head(&self, lane: &Lane) -> Result<Head, QueueError> {
        let mut connection = self.connection.clone();
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await?;
        let now = seconds * 1_000 + micros / 1_000;
        let mut score = async |name: &str| -> Result<Option<Duration>, QueueError> {
            let mut command = redis::cmd("ZSCORE");
            let score: Option<u64> =
                command.arg(key(name)).arg(lane.as_str()).query_async(&mut connection).await?;
            Ok(score.map(|at| Duration::from_millis(at.saturating_sub(now))))
        };
        if let Some(remaining) = score("leased").await? {
            let mut command = redis::cmd("HGET");
            let mut connection = self.connection.clone();
            let fence: Option<String> =
                command.arg(key("fence")).arg(lane.as_str()).query_async(&mut connection).await?;
            let worker =
                fence.as_deref().and_then(|fence| fence.rsplit_once(':')).map_or("", |(owner, _)| owner);
            return Ok(Head::Leased { worker: worker.to_owned(), remaining });
        }
        Ok(match score("ready").await? {
            Some(wait) if !wait.is_zero() => Head::Delayed(wait),
            _ => Head::Ready,
        })
    }
}
