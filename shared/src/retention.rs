//! How long what is over is kept, kind by kind, and how the rest goes: by small batches, each a short transaction of its
//! own that waits for nobody and holds nothing that anybody waits for.
//!
//! Three rules stand over every period. What is not over stays: a message that has not ended, an answer that may still
//! leave, a row that somebody holds at this moment. What something else is found by stays until that is gone: by its receipt
//! an erasure finds what was answered (`erasure/reach.rs`), so the answers go first. And what an operator may still replay
//! stays whole: nothing that failed since the oldest dead letter loses its words, its steps or its receipt.
//!
//! Owner of `wa.retention`. Nothing here touches the money or the history: `wa.credit_op` outlives the receipt, and
//! that is what keeps a message from being charged twice (`receipt::start`).

mod books;
mod periods;
mod spilled;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgExecutor, PgPool};

use crate::vault::Vault;

pub use books::{Batch, plans};
pub use periods::{Periods, Unkept};

/// What is kept for a time, in the order in which it goes: whatever is found by something else before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Dead letters, in Redis.
    DeadLetters,
    /// Words: of what was said to people, of what they wrote where it is kept, of bytes that nobody could read. The rows
    /// stay.
    Texts,
    /// What the model answered.
    Steps,
    /// What was said to people and how far it came, with what they made of it.
    Outbox,
    /// Starts of messages: as long as their receipts.
    Attempts,
    /// That a message came and how it ended.
    Receipts,
    /// One-time codes, and who asked for them.
    Codes,
    /// Signing in from the phone.
    SignIns,
    /// Where somebody is signed in.
    Sessions,
    /// Briefs for which there was no credit.
    KeptBriefs,
    /// Pages to pay on.
    Checkouts,
    /// What numbers mean that people type.
    Menus,
    /// What came while Redis was away, and still waits.
    Spill,
    /// Who decided what, but for the lines that explain a line of the money.
    Audit,
    /// What is needed to undo that two accounts became one.
    Joins,
    /// What stood beside a number that passed on.
    PassedNumbers,
}

impl Kind {
    /// All of them, in their order.
    pub const ALL: [Self; 16] = [
        Self::DeadLetters,
        Self::Texts,
        Self::Steps,
        Self::Outbox,
        Self::Attempts,
        Self::Receipts,
        Self::Codes,
        Self::SignIns,
        Self::Sessions,
        Self::KeptBriefs,
        Self::Checkouts,
        Self::Menus,
        Self::Spill,
        Self::Audit,
        Self::Joins,
        Self::PassedNumbers,
    ];

    /// Its word: stored, counted and shown to operators.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeadLetters => "dead_letters",
            Self::Texts => "texts",
            Self::Steps => "steps",
            Self::Outbox => "outbox",
            Self::Attempts => "attempts",
            Self::Receipts => "receipts",
            Self::Codes => "codes",
            Self::SignIns => "sign_ins",
            Self::Sessions => "sessions",
            Self::KeptBriefs => "kept_briefs",
            Self::Checkouts => "checkouts",
            Self::Menus => "menus",
            Self::Spill => "spill",
            Self::Audit => "audit",
            Self::Joins => "joins",
            Self::PassedNumbers => "passed_numbers",
        }
    }
}

/// Up to when something is over for long enough.
#[derive(Debug, Clone, Copy)]
pub struct Until {
    /// What ended before this moment goes.
    pub before: DateTime<Utc>,
    /// Of what failed, and of nothing else, only what ended before this moment as well: see [`replayable`].
    pub failed_before: DateTime<Utc>,
}

/// How much later than its receipt a dead letter may be: its apology may wait for an operator for most of a day, and the
/// clocks of Redis and of a worker differ.
const LETTER_LATER: TimeDelta = TimeDelta::days(2);

/// From when on what failed may still be replayed, by when the oldest dead letter died. Without one, what failed lately may yet
/// become one.
#[must_use]
pub fn replayable(oldest_letter: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    oldest_letter.map_or(now, |died| died.min(now)) - LETTER_LATER
}

/// Takes one batch of a kind that lives in the books, of at most so many rows. Of [`Kind::DeadLetters`] there is nothing
/// here: [`crate::queue::Queue::forget_dead`].
pub async fn batch(
    pool: &PgPool,
    vault: &Vault,
    kind: Kind,
    until: Until,
    at_most: i64,
    now: DateTime<Utc>,
) -> Result<Batch, sqlx::Error> {
    match kind {
        Kind::Spill => spilled::batch(pool, vault, until.before, at_most, now).await,
        kind => books::batch(pool, kind, until, at_most).await,
    }
}

/// Notes the kinds that nobody has looked at before: from now on it counts when they were done.
pub async fn begin(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into wa.retention (kind, done_at) select kind, $2 from unnest($1::text[]) kind
         on conflict (kind) do nothing",
    )
    .bind(Kind::ALL.map(Kind::as_str).to_vec())
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that nothing of this kind is left that could go.
pub async fn done(db: impl PgExecutor<'_>, kind: Kind, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.retention set done_at = $2 where kind = $1 and done_at < $2")
        .bind(kind.as_str())
        .bind(now)
        .execute(db)
        .await?;
    Ok(())
}

/// When each kind was last found without anything that could go.
pub async fn standing(db: impl PgExecutor<'_>) -> Result<Vec<(Kind, DateTime<Utc>)>, sqlx::Error> {
    let rows: Vec<(String, DateTime<Utc>)> =
        sqlx::query_as("select kind, done_at from wa.retention").fetch_all(db).await?;
    let known = |word: &str| Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
    Ok(rows.iter().filter_map(|(word, at)| Some((known(word)?, *at))).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = Kind::ALL.map(Kind::as_str).into();
        assert_eq!(words.len(), Kind::ALL.len());
    }

    #[test]
    fn what_a_letter_may_need_is_older_than_the_letter() {
        let (now, died) =
            (DateTime::UNIX_EPOCH + TimeDelta::days(90), DateTime::UNIX_EPOCH + TimeDelta::days(60));
        assert_eq!(replayable(None, now), now - LETTER_LATER);
        assert_eq!(replayable(Some(died), now), died - LETTER_LATER);
    }
}
