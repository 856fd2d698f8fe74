//! What a person had done lately, for limits.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::message::MessageId;
use crate::person::UserId;

/// How many of a person's messages since this moment had posts revised.
pub async fn revisions(
    db: impl PgExecutor<'_>,
    user: &UserId,
    since: DateTime<Utc>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from wa.receipt
         where user_id in (select wa.accounts_of($1)) and received_at > $2 and outcome = 'revised'",
    )
    .bind(user.as_str())
    .bind(since)
    .fetch_one(db)
    .await
}

/// When the `n`-th last voice note of this person after `since` was received that was listened to, without this one.
pub async fn nth_voice(
    db: &mut PgConnection,
    user: &UserId,
    without: &MessageId,
    n: u32,
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar(
        "select received_at from wa.receipt
         where user_id in (select wa.accounts_of($1)) and received_at > $2 and kind = 'voice' and message_id <> $3
           and outcome is distinct from 'capped'
         order by received_at desc offset $4 limit 1",
    )
    .bind(user.as_str())
    .bind(since)
    .bind(without.as_str())
    .bind(i64::from(n) - 1)
    .fetch_optional(db)
    .await
}
