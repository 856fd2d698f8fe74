//! What a person sent us and what became of it, as far as it is kept: for whoever wants to read what we know of them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::person::UserId;
use crate::step::{self, TRANSCRIPTION};
use crate::vault::{Place, Vault};

/// One message.
#[derive(Clone, sqlx::FromRow)]
pub struct Entry {
    message_id: String,
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
pub async fn diary(db: &mut PgConnection, vault: &Vault, user: &UserId) -> Result<Vec<Entry>, sqlx::Error> {
    let mut entries: Vec<Entry> = sqlx::query_as(
        "select r.message_id, r.kind, r.received_at, coalesce(r.outcome, r.state) as outcome, r.brief, s.output as heard
         from wa.receipt r left join wa.step s on s.message_id = r.message_id and s.name = $2
         where r.user_id in (select wa.accounts_of($1)) order by r.received_at, r.message_id",
    )
    .bind(user.as_str())
    .bind(TRANSCRIPTION)
    .fetch_all(&mut *db)
    .await?;
    let stored: Vec<&str> =
        entries.iter().flat_map(|entry| [&entry.brief, &entry.heard]).flatten().map(String::as_str).collect();
    let keys = vault.keys(db, &stored).await?;
    for entry in &mut entries {
        if let Some(stored) = entry.brief.take() {
            entry.brief = keys.open(Place::Brief, &entry.message_id, stored)?;
        }
        if let Some(stored) = entry.heard.take() {
            let row = step::row(&entry.message_id, TRANSCRIPTION);
            entry.heard = keys.open(Place::Output, &row, stored)?;
        }
    }
    Ok(entries)
}
