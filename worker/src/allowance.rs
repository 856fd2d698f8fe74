//! How much one person may ask for, whatever they have paid: so many briefs and voice notes in ten minutes, so many free revisions in a
//! day. Asked before the model is, and before a credit is held.

use chrono::{DateTime, TimeDelta, Utc};
use shared::message::MessageId;
use shared::person::UserId;
use shared::{ledger, outbox, receipt};
use sqlx::PgConnection;

/// For how long briefs are counted.
const BRIEFS_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// For how long revisions are counted.
const REVISIONS_WITHIN: TimeDelta = TimeDelta::days(1);

/// How long after a document there is none: each costs a look at everything that is kept of its person, and says little that is new.
const DOCUMENT_EVERY: TimeDelta = TimeDelta::hours(1);

/// The limits; zero is none.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// `BRIEFS_PER_TEN_MINUTES`.
    pub briefs: u32,
    /// `REVISIONS_PER_DAY`.
    pub revisions: u32,
}

impl Default for Allowance {
    /// More than anybody writes by hand.
    fn default() -> Self {
        Self { briefs: 20, revisions: 50 }
    }
}

impl Allowance {
    /// In how many minutes this person may have another brief written about. `None`: now.
    ///
    /// Exact for one conversation, whose messages come one at a time; somebody who writes through two at once may get one
    /// more.
    pub async fn brief(
        &self,
        db: &mut PgConnection,
        user: &UserId,
        message: &MessageId,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, sqlx::Error> {
        self.often(now, async |n, since| ledger::nth_generation(db, user, message, n, since).await).await
    }

    /// In how many minutes this person may be listened to again: as often as briefs may be begun, since it costs money and
    /// no credit.
    pub async fn voice(
        &self,
        db: &mut PgConnection,
        user: &UserId,
        message: &MessageId,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, sqlx::Error> {
        self.often(now, async |n, since| receipt::nth_voice(db, user, message, n, since).await).await
    }

    /// In how many minutes there is one less of those, of which the `n`-th last since a moment is asked for.
    async fn often(
        &self,
        now: DateTime<Utc>,
        nth: impl AsyncFnOnce(u32, DateTime<Utc>) -> Result<Option<DateTime<Utc>>, sqlx::Error>,
    ) -> Result<Option<i64>, sqlx::Error> {
        if self.briefs == 0 {
            return Ok(None);
        }
        let since = now - BRIEFS_WITHIN;
        Ok(nth(self.briefs, since).await?.map(|oldest| minutes(oldest - since)))
    }

    /// In how many minutes this person may have another document with all that is kept of them. What did not arrive is not
    /// counted. Exact for one conversation, as above.
    pub async fn document(
        &self,
        db: &mut PgConnection,
        user: &UserId,
        message: &MessageId,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, sqlx::Error> {
        let since = now - DOCUMENT_EVERY;
        Ok(outbox::last_document(db, user, message, since).await?.map(|last| minutes(last - since)))
    }

    /// Whether this person has had enough revised for a day.
    pub async fn has_revised_enough(
        &self,
        db: &mut PgConnection,
        user: &UserId,
        now: DateTime<Utc>,
    ) -> Result<bool, sqlx::Error> {
        if self.revisions == 0 {
            return Ok(false);
        }
        Ok(receipt::revisions(db, user, now - REVISIONS_WITHIN).await? >= i64::from(self.revisions))
    }
}

/// A time in minutes, the last of them begun.
fn minutes(time: TimeDelta) -> i64 {
    (time.num_seconds() + 59) / 60
}
