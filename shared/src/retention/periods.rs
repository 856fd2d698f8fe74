//! How long each kind is kept. What operators may choose has bounds, each with its reason; what only makes sense with the
//! rest of the code stands there.

use chrono::TimeDelta;

use super::Kind;
use crate::{checkout, kept, menu, session, signin};

/// What operators may choose, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// Words of messages.
    pub texts: u32,
    /// What the model answered.
    pub steps: u32,
    /// Receipts of messages, with their starts.
    pub receipts: u32,
    /// What was said, without its words.
    pub outbox: u32,
    /// One-time codes, from their end on.
    pub codes: u32,
    /// Dead letters.
    pub dead_letters: u32,
    /// What waits for Redis.
    pub spill: u32,
    /// Who decided what, and what two accounts that became one were before.
    pub audit: u32,
}

impl Default for Periods {
    /// What a data-protection officer can be shown: each is as long as something can still follow from it, and no longer
    /// (GDPR, article 5(1)(e)). The README says what that is.
    fn default() -> Self {
        Self {
            texts: 30,
            steps: 30,
            receipts: 90,
            outbox: 90,
            codes: 30,
            dead_letters: 30,
            spill: 30,
            audit: 3 * 365,
        }
    }
}

/// Two periods that do not go together, or one that is too short or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unkept {
    /// Of this kind, fewer or more days than these make no sense.
    Outside(Kind, u32, u32),
    /// The first must not be kept for longer than the second.
    Longer(Kind, Kind),
}

/// Longer than anything is meant to be kept here: more is a slip of the keyboard.
const LONGEST: u32 = 3650;

/// The shortest that each may be kept.
const SHORTEST: &[(Kind, u32)] = &[
    (Kind::Texts, 1),
    (Kind::Steps, 1),
    // A receipt, and what was said, keep a provider's redelivery from being taken for something new: Meta repeats for seven
    // days, and what it could not deliver it reports for thirty.
    (Kind::Receipts, 30),
    (Kind::Outbox, 30),
    // Limits count for a day.
    (Kind::Codes, 2),
    (Kind::DeadLetters, 1),
    // Meta repeats for seven days what we did not take; somebody who mends Redis within a week loses nothing.
    (Kind::Spill, 7),
    // Whoever looks into an incident, or is asked by an authority, looks back a year at least.
    (Kind::Audit, 365),
];

/// What must not outlive what: by the receipt an erasure finds what was said, and a replay what was done.
const WITHIN: &[(Kind, Kind)] = &[
    (Kind::Texts, Kind::Outbox),
    (Kind::Outbox, Kind::Receipts),
    (Kind::Steps, Kind::Receipts),
    (Kind::DeadLetters, Kind::Receipts),
];

impl Periods {
    /// How long after it is over something of this kind is kept.
    #[must_use]
    pub fn of(&self, kind: Kind) -> TimeDelta {
        match kind {
            Kind::SignIns => signin::KEPT,
            Kind::Sessions => session::FORGOTTEN_AFTER,
            Kind::KeptBriefs => kept::KEPT * 2,
            Kind::Checkouts => checkout::KEPT,
            Kind::Menus => menu::OPEN * 2,
            Kind::DeadLetters
            | Kind::Texts
            | Kind::Steps
            | Kind::Outbox
            | Kind::Attempts
            | Kind::Receipts
            | Kind::Codes
            | Kind::Spill
            | Kind::Audit
            | Kind::Joins
            | Kind::PassedNumbers => TimeDelta::days(i64::from(self.days(kind))),
        }
    }

    fn days(&self, kind: Kind) -> u32 {
        match kind {
            Kind::DeadLetters => self.dead_letters,
            Kind::Texts => self.texts,
            Kind::Steps => self.steps,
            Kind::Outbox => self.outbox,
            Kind::Codes => self.codes,
            Kind::Spill => self.spill,
            Kind::Audit | Kind::Joins | Kind::PassedNumbers => self.audit,
            _ => self.receipts,
        }
    }

    /// Everything that is wrong with them.
    #[must_use]
    pub fn problems(&self) -> Vec<Unkept> {
        let outside = SHORTEST
            .iter()
            .filter(|(kind, shortest)| !(*shortest..=LONGEST).contains(&self.days(*kind)))
            .map(|(kind, shortest)| Unkept::Outside(*kind, *shortest, LONGEST));
        let longer = WITHIN
            .iter()
            .filter(|(first, second)| self.days(*first) > self.days(*second))
            .map(|(first, second)| Unkept::Longer(*first, *second));
        outside.chain(longer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_go_together() {
        assert_eq!(Periods::default().problems(), []);
    }

    #[test]
    fn what_is_too_short_too_long_or_in_the_wrong_order_is_told_at_once() {
        let periods = Periods { receipts: 29, outbox: 31, texts: 30, audit: 5000, ..Periods::default() };
        let expected = [
            Unkept::Outside(Kind::Receipts, 30, LONGEST),
            Unkept::Outside(Kind::Audit, 365, LONGEST),
            Unkept::Longer(Kind::Outbox, Kind::Receipts),
            Unkept::Longer(Kind::Steps, Kind::Receipts),
            Unkept::Longer(Kind::DeadLetters, Kind::Receipts),
        ];
        assert_eq!(periods.problems(), expected);
    }
}
