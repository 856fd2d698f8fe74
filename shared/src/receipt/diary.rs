//! What a person sent us and what became of it, as far as it is kept: for whoever wants to read what we know of them.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::person::UserId;

/// One message.
#[derive(Clone, sqlx::FromRow)]
pub struct Entry {
    /// What it was: `text`, `voice`, ...
    pub kind: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// How it ended, if it has.
    pub outcome: Option<String>,
    /// Its words, where they were kept.
    pub brief: Option<String>,
    /// What was understood of a voice note.
    pub heard: Option<String>,
}

/// Every message of a person, in order. Receipts stay where an account has joined another, and are its person's.
pub async fn diary(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<Entry>, sqlx::Error> {
    sqlx::query_as(
        "select r.kind, r.received_at, coalesce(r.outcome, r.state) as outcome, r.brief, s.output as heard
         from wa.receipt r left join wa.step s on s.message_id = r.message_id and s.name = 'transcription'
         where r.user_id in (select wa.accounts_of($1)) order by r.received_at, r.message_id",
    )
    .bind(user.as_str())
    .fetch_all(db)
    .await
}
