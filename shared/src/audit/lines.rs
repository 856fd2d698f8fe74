//! The audit, read back.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgExecutor;

/// One line of it.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
pub struct Line {
    /// When.
    pub at: DateTime<Utc>,
    /// Who: `operator:` and a name, or a part of the system.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what kind of thing: `account`, `message`, `letter` or `queue`.
    pub about: String,
    /// To which: an account's id, a message's digest, a dead letter's id.
    pub subject: String,
    /// Why.
    pub note: String,
    /// What came of it; nothing where the line and the deed are one, or where nobody lived to say.
    pub outcome: Option<String>,
}

/// The newest lines since then, the newest first: those of operators, or (`all`) also what the system has decided.
pub async fn lines(
    db: impl PgExecutor<'_>,
    since: DateTime<Utc>,
    all: bool,
    at_most: i64,
) -> Result<Vec<Line>, sqlx::Error> {
    sqlx::query_as(
        "select at, actor, action, about, subject, note, outcome from wa.audit
         where at >= $1 and ($2 or actor like 'operator:%') order by at desc, id desc limit $3",
    )
    .bind(since)
    .bind(all)
    .bind(at_most)
    .fetch_all(db)
    .await
}
