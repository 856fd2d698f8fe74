//! How fast one person may be sent messages, whoever carries them: `WhatsApp` lets one through every six seconds, and a burst
//! that borrows from the future (Meta: Pair rate limits).

use chrono::{DateTime, TimeDelta, Utc};

/// How many messages a pair may borrow from the future.
const BURST: i32 = 45;

/// Counts a message against a pair's rate, unless there is no room. `busy_until`: what the pair has borrowed.
pub(super) fn takes_turn(
    busy_until: &mut Option<DateTime<Utc>>,
    every: TimeDelta,
    now: DateTime<Utc>,
) -> bool {
    let then = busy_until.unwrap_or(now).max(now) + every;
    let fits = then - now <= every * BURST;
    if fits {
        *busy_until = Some(then);
    }
    fits
}
