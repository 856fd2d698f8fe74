//! Words that nobody asked for and nothing hangs on: said once or not at all, and never late.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::message::MessageId;

/// Which of these causes have caused nothing to be said.
pub async fn unsaid(db: impl PgExecutor<'_>, causes: &[MessageId]) -> Result<Vec<MessageId>, sqlx::Error> {
    let causes: Vec<&str> = causes.iter().map(MessageId::as_str).collect();
    let unsaid: Vec<String> = sqlx::query_scalar(
        "select cause from unnest($1::text[]) as asked (cause)
         where not exists (select from wa.outbox o where o.cause = asked.cause)",
    )
    .bind(causes)
    .fetch_all(db)
    .await?;
    Ok(unsaid.into_iter().map(MessageId::from_stored).collect())
}

/// What of these words, whose causes begin with `kind`, was written before this moment and is not known to have left, is
/// given up: those who were to send it are gone.
pub async fn expire(
    db: impl PgExecutor<'_>,
    kind: &str,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wa.outbox set state = 'failed', error_code = 'late', failed_at = $3
         where state in ('pending', 'sending', 'unknown') and starts_with(cause, $1) and created_at <= $2",
    )
    .bind(kind)
    .bind(before)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}
