//! What an operator does to a message, a dead letter or the queue. That is done in Redis, and cannot be one transaction with
//! its line: so the line is written before, and what came of it after. A line that says nothing of the end was begun by
//! somebody who died, or whose deed was not answered for; it may have been done.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Author;
use crate::db;
use crate::message::MessageId;
use crate::queue::DeadId;

/// What it is done to.
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// A message that was given up. The line has its digest, as lists and logs show it.
    Message(&'a DeadId, &'a MessageId),
    /// Bytes that are no message.
    Letter(&'a DeadId),
    /// All of the queue.
    Queue,
    /// The keys of everybody.
    Keys,
}

/// Something that is being done, and stands in the audit already.
#[derive(Debug)]
#[must_use = "what came of it belongs in the audit"]
pub struct Deed {
    key: String,
}

/// Writes down what is about to be done. Each one has a line of its own: of two who want the same at once, one is told by
/// its end that it found nothing to do.
pub async fn begin(
    db: impl PgExecutor<'_>,
    author: &Author,
    action: &str,
    object: Object<'_>,
    now: DateTime<Utc>,
) -> Result<Deed, sqlx::Error> {
    let (about, subject, part) = match object {
        Object::Message(letter, message) => {
            ("message", format!("#{}", message.fingerprint()), format!("{}:", letter.as_str()))
        }
        Object::Letter(letter) => ("letter", letter.as_str().to_owned(), String::new()),
        Object::Queue => ("queue", "queue".to_owned(), String::new()),
        Object::Keys => ("keys", "keys".to_owned(), String::new()),
    };
    let key = format!("{action}:{part}{}", db::new_id());
    sqlx::query(
        "insert into wa.audit (at, actor, action, about, subject, key, note) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(now)
    .bind(author.actor())
    .bind(action)
    .bind(about)
    .bind(subject)
    .bind(&key)
    .bind(author.why())
    .execute(db)
    .await?;
    Ok(Deed { key })
}

impl Deed {
    /// Writes down what came of it, once.
    pub async fn ended(self, db: impl PgExecutor<'_>, outcome: &str) -> Result<(), sqlx::Error> {
        sqlx::query("update wa.audit set outcome = $2 where key = $1 and outcome is null")
            .bind(self.key)
            .bind(outcome)
            .execute(db)
            .await?;
        Ok(())
    }
}
