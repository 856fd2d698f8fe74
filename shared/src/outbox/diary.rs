//! What was said to a person, as far as it is kept: for whoever wants to read what we know of them.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::person::UserId;
use crate::vault::{Place, Vault};

/// One message of ours.
#[derive(Clone, sqlx::FromRow)]
pub struct Spoken {
    cause: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// Its words.
    pub body: String,
    /// How far it has come.
    pub state: String,
}

/// Everything that was said to a person in answer to what they wrote, in order.
pub async fn diary(db: &mut PgConnection, vault: &Vault, user: &UserId) -> Result<Vec<Spoken>, sqlx::Error> {
    let rows: Vec<Spoken> = sqlx::query_as(
        "select o.cause, o.created_at, o.body, o.state from wa.outbox o join wa.receipt r on r.message_id = o.cause
         where r.user_id in (select wa.accounts_of($1)) and o.body <> '' order by o.id",
    )
    .bind(user.as_str())
    .fetch_all(&mut *db)
    .await?;
    let stored: Vec<&str> = rows.iter().map(|spoken| spoken.body.as_str()).collect();
    let keys = vault.keys(db, &stored).await?;
    let mut all = Vec::new();
    for spoken in rows {
        if let Some(body) = keys.open(Place::Body, &spoken.cause, spoken.body)? {
            all.push(Spoken { body, ..spoken });
        }
    }
    Ok(all)
}
