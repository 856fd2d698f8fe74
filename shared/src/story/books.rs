//! What the tables hold of one message, row by row: for an operator who wants to know more than its story.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::message::{MessageId, conceal};
use crate::vault::{Place, Vault};

/// A receipt, as an operator reads it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Receipt {
    /// The message.
    pub message_id: String,
    /// Its conversation.
    pub lane: String,
    /// What was written, as a kind.
    pub kind: String,
    /// How it ended, if it has.
    pub outcome: Option<String>,
    /// Why, where that says more.
    pub detail: Option<String>,
    /// How often an operator had it handled again.
    pub replays: i32,
}

/// The receipts that an operator may mean: by our key, by the provider's id of the message, or by its fingerprint.
pub async fn find(db: impl PgExecutor<'_>, name: &str) -> Result<Vec<Receipt>, sqlx::Error> {
    // Typed as the provider, or an older version, wrote it.
    let name = conceal(name);
    sqlx::query_as(
        "select message_id, lane, kind, outcome, detail, replays from wa.receipt
         where message_id = $1
            or split_part(message_id, ':', 3) = $1
            or left(encode(sha256(convert_to(message_id, 'UTF8')), 'hex'), 12) = ltrim($1, '#')
         limit 10",
    )
    .bind(name)
    .fetch_all(db)
    .await
}

/// One start of a message, as it went.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Attempt {
    /// Which one, from 1.
    pub number: i32,
    /// Who had it last.
    pub worker: String,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// How often it was begun or resumed.
    pub runs: i32,
    /// When it was last resumed.
    pub resumed_at: Option<DateTime<Utc>>,
    /// When it ended, unless it was the last or its worker died.
    pub ended_at: Option<DateTime<Utc>>,
    /// What became of it then (`retry`, `wait`, `dead`).
    pub verdict: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Every start of a message, in order.
pub async fn attempts(db: impl PgExecutor<'_>, message: &MessageId) -> Result<Vec<Attempt>, sqlx::Error> {
    sqlx::query_as(
        "select number, worker, began_at, runs, resumed_at, ended_at, verdict, reason
         from wa.attempt where message_id = $1 order by number",
    )
    .bind(message.as_str())
    .fetch_all(db)
    .await
}

/// A part of an answer, and how far it has come.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Part {
    /// Its row: what travels with the send.
    pub id: i64,
    /// Its number. Those of a replay begin a hundred later.
    pub part: i32,
    /// Who carries it.
    pub provider: String,
    /// Where it stands.
    pub state: String,
    /// How often it may have reached the provider.
    pub attempts: i32,
    /// When it was last handed over.
    pub sending_at: Option<DateTime<Utc>>,
    /// The provider's error, or a word of ours.
    pub error_code: Option<String>,
    /// What the provider said that it bills: whether anything, which rate, and of which kind.
    pub billable: Option<bool>,
    /// `service`, `authentication`, ...
    pub pricing_category: Option<String>,
    /// `regular`, or why it is free.
    pub pricing_type: Option<String>,
}

/// Every part of what a message caused to be said.
pub async fn parts(db: impl PgExecutor<'_>, message: &MessageId) -> Result<Vec<Part>, sqlx::Error> {
    sqlx::query_as(
        "select id, part, provider, state, attempts, sending_at, error_code, billable, pricing_category, pricing_type
         from wa.outbox where cause = $1 order by part",
    )
    .bind(message.as_str())
    .fetch_all(db)
    .await
}

/// The words of these parts: to be shown only to those who ask for them. Without those that nobody can read any more.
pub async fn words(
    db: &mut PgConnection,
    vault: &Vault,
    message: &MessageId,
) -> Result<Vec<String>, sqlx::Error> {
    let stored: Vec<String> = sqlx::query_scalar("select body from wa.outbox where cause = $1 order by part")
        .bind(message.as_str())
        .fetch_all(&mut *db)
        .await?;
    let all: Vec<&str> = stored.iter().map(String::as_str).collect();
    let keys = vault.keys(db, &all).await?;
    let mut words = Vec::new();
    for stored in stored {
        words.extend(keys.open(Place::Body, message.as_str(), stored)?);
    }
    Ok(words)
}
