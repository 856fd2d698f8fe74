//! One call of Redis for all webhooks that wait at the same moment.
//!
//! While calls are under way, those that arrive wait for the next one, which takes all of them. So nobody waits for
//! company: alone, a webhook is one call at once; the busier the door is, the larger the groups and the fewer the round
//! trips, and with `appendfsync always` the fewer the times that Redis has to write to its disk. Two calls at a time keep
//! Redis at work while the answers of the one are given.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::job::Job;
use shared::queue::{BATCH, Enqueued, Parcel};
use tokio::sync::oneshot;

use crate::redis::Redis;

/// Calls of Redis that may be under way at once.
const AT_ONCE: usize = 2;

/// Where offers wait for the next call. Clones share one.
#[derive(Clone)]
pub struct GroupCommit {
    redis: Redis,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    offers: VecDeque<Offer>,
    /// How many take offers to Redis.
    serving: usize,
}

/// What one webhook wants queued, and where its answer goes. `None`: Redis did not take it.
struct Offer {
    parcels: Vec<Parcel>,
    answer: oneshot::Sender<Option<Vec<Enqueued>>>,
}

impl GroupCommit {
    /// A place where nobody waits yet.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, waiting: Arc::default() }
    }

    /// Queues jobs together with those of others. The answers are in the order of the jobs; `None`: Redis is away, and
    /// whether it took any of them is not known: offering them again is safe.
    ///
    /// Whoever stops waiting stops nobody else: the jobs may still be queued.
    pub async fn enqueue(&self, jobs: &[Job]) -> Option<Vec<Enqueued>> {
        // Packed by each webhook for itself: one that cannot be packed must not cost the others their call.
        let parcels = self.redis.queue.parcels(jobs);
        let parcels = parcels.inspect_err(|error| tracing::error!("{error}")).ok()?;
        self.join(parcels).await.ok().flatten()
    }

    /// Puts an offer among those that wait, and sees to it that somebody serves them.
    fn join(&self, parcels: Vec<Parcel>) -> oneshot::Receiver<Option<Vec<Enqueued>>> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.offers.push_back(Offer { parcels, answer });
        if waiting.serving < AT_ONCE {
            waiting.serving += 1;
            tokio::spawn(self.clone().serve());
        }
        answered
    }

    /// Takes groups to Redis, one after the other, until nobody waits.
    async fn serve(self) {
        let closing = Closing(&self);
        loop {
            // Webhooks that have arrived by now, and only wait for a processor, come along.
            tokio::task::yield_now().await;
            let Some(group) = self.next() else { break };
            let (answers, parcels): (Vec<_>, Vec<_>) =
                group.into_iter().map(|offer| ((offer.answer, offer.parcels.len()), offer.parcels)).unzip();
            let parcels: Vec<Parcel> = parcels.into_iter().flatten().collect();
            let mut taken = self.redis.ask(self.redis.queue.offer(&parcels)).await.map(Vec::into_iter);
            for (answer, number) in answers {
                // Who has left does not want to know.
                let _ = answer.send(taken.as_mut().map(|taken| taken.by_ref().take(number).collect()));
            }
        }
        // The one that found nobody waiting has said so; what comes from now on is somebody else's.
        std::mem::forget(closing);
    }

    /// As many whole offers as one call of Redis takes, and at least one. `None`: nobody waits, and nobody serves any more.
    fn next(&self) -> Option<Vec<Offer>> {
        let mut waiting = self.lock();
        let (mut group, mut parcels) = (Vec::new(), 0);
        while let Some(offer) = waiting.offers.front() {
            parcels += offer.parcels.len();
            if parcels > BATCH && !group.is_empty() {
                break;
            }
            group.extend(waiting.offers.pop_front());
        }
        if group.is_empty() {
            waiting.serving -= 1;
        }
        (!group.is_empty()).then_some(group)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Should serving end before its time, nobody waits for what will not come: where no other serves, they spill.
struct Closing<'a>(&'a GroupCommit);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.serving -= 1;
        if waiting.serving == 0 {
            waiting.offers.clear();
        }
    }
}
