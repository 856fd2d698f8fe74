//! How fast messages come and go, from the queue's counters at two looks.

use std::collections::VecDeque;
use std::time::Duration;

use shared::queue::Figures;
use tokio::time::Instant;

/// Looks that are older say nothing of now.
const KEPT: Duration = Duration::from_mins(1);

/// Two looks that are closer measure the moment at which they came.
const APART: Duration = Duration::from_secs(1);

/// What was seen at the looks of the last minute, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Rates(VecDeque<(Instant, [u64; 2])>);

/// Messages a minute: taken in, and finished.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PerMinute {
    pub(super) taken: f64,
    pub(super) done: f64,
    /// The time in which they were counted.
    pub(super) over: Duration,
}

impl Rates {
    /// Notes a look, and says how fast it went since the oldest one that is kept. `None`: nobody has looked of late.
    pub(super) fn note(&mut self, at: Instant, figures: &Figures) -> Option<PerMinute> {
        let counted = [figures.taken, figures.done];
        while self.0.front().is_some_and(|(seen, _)| at.duration_since(*seen) > KEPT) {
            self.0.pop_front();
        }
        // Counters that went back are those of another Redis, or of an emptied one.
        if self.0.back().is_some_and(|(_, before)| before[0] > counted[0] || before[1] > counted[1]) {
            self.0.clear();
        }
        if self.0.back().is_none_or(|(seen, _)| at.duration_since(*seen) >= APART) {
            self.0.push_back((at, counted));
        }
        let (seen, before) = self.0.front()?;
        let over = at.duration_since(*seen);
        #[expect(clippy::cast_precision_loss, reason = "messages of a minute")]
        let rate = |place: usize| (counted[place] - before[place]) as f64 * 60.0 / over.as_secs_f64();
        (over >= APART).then(|| PerMinute { taken: rate(0), done: rate(1), over })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_made_of_the_looks_of_the_last_minute() {
        let (mut rates, began) = (Rates::default(), Instant::now());
        let mut look = |after_ms: u64, taken: u64, done: u64| {
            let figures = Figures { taken, done, ..Figures::default() };
            rates.note(began + Duration::from_millis(after_ms), &figures).map(|rate| (rate.taken, rate.done))
        };
        assert_eq!(look(0, 10, 10), None, "one look is no rate");
        assert_eq!(look(10, 1000, 1000), None, "the same moment");
        assert_eq!(look(30_000, 1010, 510), Some((2000.0, 1000.0)));
        assert_eq!(look(80_000, 1060, 1060), Some((60.0, 660.0)), "the first look is too old");
        assert_eq!(look(90_000, 3, 0), None, "another Redis");
        assert_eq!(look(92_000, 4, 1), Some((30.0, 30.0)));
        assert_eq!(look(300_000, 500, 500), None, "nobody had looked for a while");
    }
}
