//! Whether this worker's loops still go round. They never wait for anything without an end: one that has not been seen for a
//! while stands still, by a mistake of ours, and only a new process helps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use metrics::gauge;

/// What the process ends with when it stands still (sysexits: `EX_SOFTWARE`).
const STUCK: i32 = 70;

/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(500);

/// The loops that are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loop {
    /// Takes messages from the queue.
    Fetch,
    /// Keeps what is worked on.
    Renew,
}

impl Loop {
    const ALL: [Self; 2] = [Self::Fetch, Self::Renew];

    /// The word in labels and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Renew => "renew",
        }
    }
}

/// When each loop was last seen. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Pulse {
    began: Instant,
    seen: Arc<[AtomicU64; 2]>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { began: Instant::now(), seen: Arc::default() }
    }
}

impl Pulse {
    /// This loop goes round.
    pub fn beat(&self, which: Loop) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.seen[which as usize].store(now, Ordering::Relaxed);
    }

    /// How long ago that was.
    #[must_use]
    pub fn age(&self, which: Loop) -> Duration {
        let seen = Duration::from_millis(self.seen[which as usize].load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(seen)
    }

    /// The loop that has not been seen for longer than this.
    #[must_use]
    pub fn stands_still(&self, limit: Duration) -> Option<Loop> {
        Loop::ALL.into_iter().find(|which| self.age(*which) > limit)
    }

    /// Sets the gauges that operators watch.
    pub fn publish(&self) {
        for which in Loop::ALL {
            gauge!("postly_worker_progress_age_seconds", "loop" => which.as_str())
                .set(self.age(which).as_secs_f64());
        }
    }

    /// Ends the process when a loop stands still, so that its supervisor starts another: what it held goes to others when
    /// its leases expire. On a thread of its own, since all others may be what stands still.
    pub fn watch(&self, limit: Duration) {
        let pulse = self.clone();
        thread::spawn(move || {
            let mut watch = Watch { seen: pulse.times(), still: [Duration::ZERO; 2] };
            loop {
                thread::sleep(LOOK);
                if let Some((which, still)) = watch.look(pulse.times(), limit) {
                    ends(which, still);
                }
            }
        });
    }

    fn times(&self) -> [u64; 2] {
        Loop::ALL.map(|which| self.seen[which as usize].load(Ordering::Relaxed))
    }
}

/// What the watch remembers from one look to the next.
struct Watch {
    seen: [u64; 2],
    still: [Duration; 2],
}

impl Watch {
    /// The loop that stands still for longer than this. Looks are counted and not time: while the whole process was frozen,
    /// nobody could go round.
    fn look(&mut self, seen: [u64; 2], limit: Duration) -> Option<(Loop, Duration)> {
        for (still, (before, now)) in self.still.iter_mut().zip(self.seen.iter().zip(&seen)) {
            *still = if before == now { *still + LOOK } else { Duration::ZERO };
        }
        self.seen = seen;
        let stuck = Loop::ALL.into_iter().find(|which| self.still[*which as usize] > limit)?;
        Some((stuck, self.still[stuck as usize]))
    }
}

fn ends(which: Loop, still: Duration) -> ! {
    tracing::error!(
        name = which.as_str(),
        seconds = still.as_secs(),
        "this worker makes no progress: it ends, for its supervisor to start another"
    );
    std::process::exit(STUCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_is_not_seen_stands_still_and_the_other_does_not_hide_it() {
        let pulse = Pulse::default();
        let limit = Duration::from_millis(20);
        assert_eq!(pulse.stands_still(Duration::from_mins(1)), None);
        while pulse.age(Loop::Fetch) <= limit {
            pulse.beat(Loop::Renew);
            thread::yield_now();
        }
        pulse.beat(Loop::Renew);
        assert_eq!(pulse.stands_still(limit), Some(Loop::Fetch));
        pulse.beat(Loop::Fetch);
        assert_eq!(pulse.stands_still(limit), None);
    }

    #[test]
    fn the_watch_counts_its_looks_since_a_loop_has_last_gone_round() {
        let mut watch = Watch { seen: [0, 0], still: [Duration::ZERO; 2] };
        let limit = LOOK * 3;
        for look in 1..=3 {
            assert_eq!(watch.look([0, look], limit), None);
        }
        assert_eq!(watch.look([7, 3], limit), None, "it has gone round in time");
        for _ in 0..2 {
            assert_eq!(watch.look([7, 3], limit), None);
        }
        assert_eq!(watch.look([7, 3], limit), Some((Loop::Renew, LOOK * 4)));
    }
}
