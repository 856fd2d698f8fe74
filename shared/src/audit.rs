//! What was done by hand or by decision, by whom and why: written once for each key, never changed. [`record`] is for accounts,
//! in the transaction of the act; [`deed`] for what is done elsewhere.
//!
//! Owner of `wa.audit`.

mod author;
pub mod deed;
mod lines;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::person::UserId;

pub use author::{Author, Unsigned};
pub use lines::{Line, lines};

/// One such act.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// Who did it: an operator's login, or the part of the system.
    pub actor: &'a str,
    /// What, such as `credits.adjust`.
    pub action: &'a str,
    /// To whom.
    pub subject: &'a UserId,
    /// The key of the act: the same one is written once.
    pub key: &'a str,
    /// Why, in the actor's words.
    pub note: &'a str,
}

/// Writes it down. Belongs in the transaction of the act.
pub async fn record(db: impl PgExecutor<'_>, act: Act<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into wa.audit (at, actor, action, subject, key, note) values ($1, $2, $3, $4, $5, $6)
         on conflict (key) do nothing",
    )
    .bind(now)
    .bind(act.actor)
    .bind(act.action)
    .bind(act.subject.as_str())
    .bind(act.key)
    .bind(crate::message::clean(act.note))
    .execute(db)
    .await?;
    Ok(())
}
