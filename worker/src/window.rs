//! The 24 hours after a person wrote, in which WhatsApp takes free text for them (Meta, Twilio: customer service window).
//!
//! Known before anything is sent: Meta refuses what comes later, at once or by a report, and Twilio takes it and fails it.
//! After the window only an approved template could be sent. Here is the place for one; this product has none for its
//! answers, so nothing is sent, and nobody pays for it.

use chrono::{DateTime, TimeDelta, Utc};
use shared::message::MessageId;
use shared::receipt;
use sqlx::PgExecutor;

use crate::policy;

/// Whether free text may be sent to somebody who wrote last at this moment.
#[must_use]
pub fn is_open(wrote: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    wrote > opened_after(now)
}

/// Whether free text may be sent that this message causes to be said: to its person, from the number that they wrote to.
pub async fn is_open_for(
    db: impl PgExecutor<'_>,
    cause: &MessageId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    receipt::has_written(db, cause, opened_after(now)).await
}

fn opened_after(now: DateTime<Utc>) -> DateTime<Utc> {
    now - TimeDelta::from_std(policy::WINDOW).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_closes_some_minutes_before_the_provider_closes_it() {
        let now = DateTime::UNIX_EPOCH;
        assert!(is_open(now - TimeDelta::hours(23), now));
        assert!(is_open(now, now));
        assert!(!is_open(now - TimeDelta::hours(24), now));
        assert!(!is_open(now - TimeDelta::minutes(24 * 60 - 5), now));
    }
}
