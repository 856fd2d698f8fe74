//! Messages that end with another one, since their words have become a part of its brief, and words that were changed.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::message::{Inbound, MessageId};
use crate::person::UserId;
use crate::vault::{PersonKey, Place};

/// What became of the words of a message before it arrived: its provider may deliver a change first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// These are its words now.
    pub text: Option<String>,
    /// It was deleted.
    pub withdrawn: bool,
}

/// Ends a message that stands behind `head` in their lane, together with what `head` is about. `false`, and it is left
/// alone: it has begun by itself, or an earlier one of the lane is still spilled and comes first.
#[must_use = "the words of what is left alone must not be used"]
pub async fn join(
    db: &mut PgConnection,
    part: &Inbound,
    received_at: DateTime<Utc>,
    head: &MessageId,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "insert into wa.receipt
           (message_id, provider, business, lane, user_id, kind, state, outcome, joined_to, attempts, sent_at,
            received_at, started_at, finished_at)
         select $1, $2, $3, $4, $5, $6, 'finished', 'joined', $7, 0, $8, $9, $10, $10
         where not exists (select from wa.spill where lane = $4 and received_at < $9)
         on conflict (message_id) do nothing",
    )
    .bind(part.id.as_str())
    .bind(part.provider.as_str())
    .bind(&part.business)
    .bind(part.lane().as_str())
    .bind(user.as_str())
    .bind(part.content.kind())
    .bind(head.as_str())
    .bind(part.sent_at)
    .bind(received_at)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a message asks for, in other words than its own: for every further start of it.
pub async fn about(
    db: &mut PgConnection,
    key: &PersonKey,
    message: &MessageId,
    brief: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.receipt set brief = $2 where message_id = $1")
        .bind(message.as_str())
        .bind(key.seal(Place::Brief, message.as_str(), brief))
        .execute(db)
        .await?;
    Ok(())
}

/// Notes which message a change is about, and the new words where that one has not arrived yet. A second start of the
/// change notes the same.
pub async fn changes(
    db: &mut PgConnection,
    change: &MessageId,
    of: &MessageId,
    text: Option<(&PersonKey, &str)>,
) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.receipt set changes = $2, brief = $3 where message_id = $1")
        .bind(change.as_str())
        .bind(of.as_str())
        .bind(text.map(|(key, text)| key.seal(Place::Brief, change.as_str(), text)))
        .execute(db)
        .await?;
    Ok(())
}

/// How a message ended, or the one that it became a part of; `posts` also where it was changed later and posts were written
/// about that. `None`: it has never been met, or has not ended.
pub async fn outcome(db: impl PgExecutor<'_>, message: &MessageId) -> Result<Option<String>, sqlx::Error> {
    let outcome: Option<Option<String>> = sqlx::query_scalar(
        "select case when exists (select from wa.receipt later where later.changes = $1 and later.outcome = 'posts') then 'posts'
                     when r.joined_to is null then r.outcome else head.outcome end
         from wa.receipt r left join wa.receipt head on head.message_id = r.joined_to
         where r.message_id = $1",
    )
    .bind(message.as_str())
    .fetch_optional(db)
    .await?;
    Ok(outcome.flatten())
}
