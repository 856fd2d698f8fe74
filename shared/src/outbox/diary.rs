//! What was said to a person, as far as it is kept: for whoever wants to read what we know of them.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::person::UserId;

/// One message of ours.
#[derive(Clone, sqlx::FromRow)]
pub struct Spoken {
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// Its words.
    pub body: String,
    /// How far it has come.
    pub state: String,
}

/// Everything that was said to a person in answer to what they wrote, in order.
pub async fn diary(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<Spoken>, sqlx::Error> {
    sqlx::query_as(
        "select o.created_at, o.body, o.state from wa.outbox o join wa.receipt r on r.message_id = o.cause
         where r.user_id in (select wa.accounts_of($1)) and o.body <> '' order by o.id",
    )
    .bind(user.as_str())
    .fetch_all(db)
    .await
}
