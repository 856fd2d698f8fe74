//! How many codes may be asked for: by number, by the beginnings of numbers, by address, and by everybody.
//!
//! Counted in Postgres, beside the challenges and in their transaction: a count can then never say otherwise than they do,
//! all ingests share it, it outlives a restart of Redis, and a code that came to nothing is given back in one statement.
//! Without Postgres there is no challenge either: nothing is sent.

use chrono::TimeDelta;

/// How long a code counts.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// How often a code may be guessed. A constraint of the table says the same.
pub const TRIES: i32 = 3;

/// Between two codes of one challenge: longer than a message takes.
pub const COOL_DOWN: TimeDelta = TimeDelta::seconds(60);

/// So many in so much time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) at_most: i64,
    pub(super) within: TimeDelta,
}

/// Of one number, whoever asks.
pub(super) const PHONE: [Limit; 2] =
    [Limit { at_most: 5, within: TimeDelta::hours(1) }, Limit { at_most: 10, within: TimeDelta::days(1) }];

/// Of one number, with those that WhatsApp refused: a code that nobody was sent can be guessed at as well.
pub(super) const PHONE_ALL: Limit = Limit { at_most: 20, within: TimeDelta::days(1) };

/// From one address.
pub(super) const ADDRESS: Limit = Limit { at_most: 5, within: TimeDelta::minutes(5) };

/// From one address, with those that WhatsApp refused: what is not held against who mistypes a number is no way to have us
/// ask WhatsApp about every number there is.
pub(super) const ADDRESS_ALL: Limit = Limit { at_most: 20, within: TimeDelta::minutes(5) };

/// The first digits that numbers share which are rented together: a country code and some more.
pub(super) const PREFIX_DIGITS: usize = 5;

/// A prefix is looked at over this much time.
pub(super) const PREFIX_WITHIN: TimeDelta = TimeDelta::days(1);

/// So many codes of a prefix need not be verified before it looks unusual.
const PREFIX_FREE: i64 = 10;

/// One verified code speaks for so many others: people mistype, change their minds, ask twice.
const SPEAKS_FOR: i64 = 4;

/// The first pause between two codes of an unusual prefix. It doubles with every five more that nobody verifies.
const PREFIX_PAUSE: TimeDelta = TimeDelta::seconds(30);

/// The longest such pause: some of its people may be real.
const PREFIX_LONGEST: TimeDelta = TimeDelta::hours(1);

/// What an operator may choose.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Codes for everybody together, in an hour. Also what one prefix may have is a part of it.
    pub hourly: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { hourly: 1000 }
    }
}

impl Limits {
    pub(super) fn overall(self) -> Limit {
        Limit { at_most: i64::from(self.hourly), within: TimeDelta::hours(1) }
    }

    /// A quarter of all, with those that came to nothing: no prefix takes the codes of the others with it.
    pub(super) fn prefix(self) -> Limit {
        Limit { at_most: i64::from(self.hourly.div_ceil(4)), within: TimeDelta::hours(1) }
    }
}

/// How long after the last code of a prefix the next one may leave, when of so many that were sent so many were verified.
/// Who has codes sent to numbers of their own to be paid for them verifies none (Meta: Authentication, SMS pumping).
pub(super) fn pause(sent: i64, verified: i64) -> TimeDelta {
    let unusual = sent - PREFIX_FREE - SPEAKS_FOR * verified;
    if unusual < 0 {
        return TimeDelta::zero();
    }
    let doublings = u32::try_from(unusual / 5).unwrap_or(u32::MAX).min(10);
    (PREFIX_PAUSE * 2_i32.pow(doublings)).min(PREFIX_LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_slows_down_by_itself_when_nobody_verifies() {
        assert_eq!(pause(9, 0), TimeDelta::zero());
        assert_eq!(pause(10, 0), TimeDelta::seconds(30));
        assert_eq!(pause(20, 0), TimeDelta::minutes(2));
        assert_eq!(pause(10_000, 0), TimeDelta::hours(1));
    }

    #[test]
    fn a_prefix_whose_people_verify_is_let_alone() {
        for sent in [1, 10, 100, 1000] {
            assert_eq!(pause(sent, sent / 3), TimeDelta::zero(), "{sent}");
        }
    }
}
