//! A document that is told with a row: named here, and made when it leaves, so that what is in it is kept no second time.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::{OutboxId, Recipient, write};
use crate::message::MessageId;
use crate::person::UserId;
use crate::vault::{PersonKey, Place, Vault};

/// Which document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// All that is kept of whoever is answered.
    Export,
}

impl Document {
    /// The word that stands in the row.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Export => "export",
        }
    }

    /// What a row says, which a newer worker may have written.
    pub(super) fn from_stored(word: &str) -> Result<Self, sqlx::Error> {
        match word {
            "export" => Ok(Self::Export),
            other => Err(sqlx::Error::Decode(format!("{other} is no document").into())),
        }
    }
}

/// Puts a document in the outbox, with the words that stand beside it. Belongs in the transaction that decides the answer.
pub async fn put_document(
    db: &mut PgConnection,
    (vault, key): (&Vault, &PersonKey),
    to: Recipient<'_>,
    document: Document,
    caption: String,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    write(db, (vault, Some(key)), to, &[caption], (None, Some(document)), now).await
}

/// The document of this row will not be sent: these words are said in its place, and the row is a text like any other from now on.
pub async fn instead_of_document(
    db: impl PgExecutor<'_>,
    key: &PersonKey,
    cause: &MessageId,
    id: OutboxId,
    words: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.outbox set document = null, body = $2 where id = $1")
        .bind(id.get())
        .bind(key.seal(Place::Body, cause.as_str(), words))
        .execute(db)
        .await?;
    Ok(())
}

/// When this person asked last, after `since`, for a document that came or may still come, by another message than this one.
pub async fn last_document(
    db: &mut PgConnection,
    user: &UserId,
    without: &MessageId,
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar(
        "select max(r.received_at) from wa.receipt r join wa.outbox o on o.cause = r.message_id
         where r.user_id in (select wa.accounts_of($1)) and r.received_at > $2 and r.message_id <> $3
           and o.document is not null and o.state <> 'failed'",
    )
    .bind(user.as_str())
    .bind(since)
    .bind(without.as_str())
    .fetch_one(db)
    .await
}
