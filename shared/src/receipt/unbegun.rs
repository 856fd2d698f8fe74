//! The receipt of a message that nobody will begin: it came, it was not answered, and whoever asks is told why.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::message::Inbound;

/// Keeps that a message failed before anybody began it, unless more is known of it.
pub async fn never_begun(
    db: &mut PgConnection,
    inbound: &Inbound,
    why: &str,
    received_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into wa.receipt
           (message_id, provider, business, lane, kind, state, outcome, detail, attempts, sent_at, received_at,
            started_at, finished_at)
         values ($1, $2, $3, $4, $5, 'failed', 'failed', $6, 0, $7, $8, $9, $9)
         on conflict (message_id) do nothing",
    )
    .bind(inbound.id.as_str())
    .bind(inbound.provider.as_str())
    .bind(&inbound.business)
    .bind(inbound.lane().as_str())
    .bind(inbound.content.kind())
    .bind(why)
    .bind(inbound.sent_at)
    .bind(received_at)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}
