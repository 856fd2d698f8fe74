//! Errands to Redis, each bounded, and none of them while it has just been found away.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use shared::clock::Clock;
use shared::queue::{Queue, QueueError};
use tokio::time::timeout;

use crate::limits;

/// The queue, as the door asks it. Clones know the same.
#[derive(Clone)]
pub struct Redis {
    /// The queue.
    pub queue: Queue,
    clock: Clock,
    /// Until when it is not asked, in Unix milliseconds: a dead server must not cost every webhook its patience.
    away_until: Arc<AtomicI64>,
}

impl Redis {
    /// One that counts as there.
    #[must_use]
    pub fn new(queue: Queue, clock: Clock) -> Self {
        Self { queue, clock, away_until: Arc::default() }
    }

    /// One errand: each of its calls is bounded by the queue's own patience, all of them by ours. `None`: Redis is away,
    /// and is left alone for a moment.
    pub async fn ask<T>(&self, errand: impl Future<Output = Result<T, QueueError>>) -> Option<T> {
        if self.clock.now().timestamp_millis() < self.away_until.load(Ordering::Relaxed) {
            return None;
        }
        let failure = match timeout(limits::BATCH_PATIENCE, errand).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!("Redis is away: {failure}");
        let pause = TimeDelta::from_std(limits::REDIS_PAUSE).unwrap_or_default();
        self.away_until.store((self.clock.now() + pause).timestamp_millis(), Ordering::Relaxed);
        None
    }
}
