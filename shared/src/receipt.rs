//! The receipt of a message: that we have it, how often it was tried, how it ended.
//!
//! Owner of `wa.receipt`. A receipt ends exactly once; whoever ends it does so in the transaction that holds the
//! effects of the end, so that a zombie's second end changes nothing at all.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::message::{Inbound, MessageId};
use crate::person::UserId;

/// How a message ended. The word is stored, counted and shown to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Three posts were written.
    Posts,
    /// A command, or a hint, was answered.
    Answered,
    /// There was no credit for a brief.
    NoCredit,
    /// The model declined the brief.
    Refused,
    /// Recorded; no answer was due.
    Recorded,
    /// Given up after the last attempt.
    Failed,
    /// The posts were written, and no part of them arrived.
    Undelivered,
}

impl Outcome {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Posts => "posts",
            Self::Answered => "answered",
            Self::NoCredit => "no_credit",
            Self::Refused => "refused",
            Self::Recorded => "recorded",
            Self::Failed => "failed",
            Self::Undelivered => "undelivered",
        }
    }
}

/// Where a message stands when it is picked up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Standing {
    /// Work is to be done.
    Open,
    /// It ended before: at most something remains to be sent.
    Ended,
    /// It was given up before, for this reason: at most an apology remains to be sent.
    Failed(String),
}

/// Records that a message is being handled, for the first time or again.
pub async fn start(
    db: &mut PgConnection,
    inbound: &Inbound,
    received_at: DateTime<Utc>,
    attempt: u32,
    now: DateTime<Utc>,
) -> Result<Standing, sqlx::Error> {
    let (state, outcome, detail): (String, Option<String>, Option<String>) = sqlx::query_as(
        "insert into wa.receipt as r
           (message_id, provider, business, lane, kind, state, attempts, sent_at, received_at, started_at)
         values ($1, $2, $3, $4, $5, 'started', $6, $7, $8, $9)
         on conflict (message_id) do update set attempts = greatest(r.attempts, excluded.attempts)
         returning state, outcome, detail",
    )
    .bind(inbound.id.as_str())
    .bind(inbound.provider.as_str())
    .bind(&inbound.business)
    .bind(inbound.lane().as_str())
    .bind(inbound.content.kind())
    .bind(i32::try_from(attempt).unwrap_or(i32::MAX))
    .bind(inbound.sent_at)
    .bind(received_at)
    .bind(now)
    .fetch_one(db)
    .await?;
    Ok(match outcome.as_deref() {
        _ if state == "started" => Standing::Open,
        Some("failed") => Standing::Failed(detail.unwrap_or_default()),
        _ => Standing::Ended,
    })
}

/// Notes whose message it is.
pub async fn belongs_to(
    db: &mut PgConnection,
    message: &MessageId,
    user: &UserId,
) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.receipt set user_id = $2 where message_id = $1 and user_id is distinct from $2")
        .bind(message.as_str())
        .bind(user.as_str())
        .execute(db)
        .await?;
    Ok(())
}

/// Ends a message. `false` when someone else has ended it: the caller's transaction must then be rolled back.
#[must_use = "a message that had ended must not have a second set of effects"]
pub async fn end(
    db: &mut PgConnection,
    message: &MessageId,
    outcome: Outcome,
    detail: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let state = if outcome == Outcome::Failed { "failed" } else { "finished" };
    let done = sqlx::query(
        "update wa.receipt set state = $2, outcome = $3, detail = $4, finished_at = $5
         where message_id = $1 and state = 'started'",
    )
    .bind(message.as_str())
    .bind(state)
    .bind(outcome.as_str())
    .bind(detail)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps an event that wants no answer (a notice about the account): recorded and ended at once, once.
pub async fn record(
    db: &mut PgConnection,
    message: &MessageId,
    provider: crate::message::Provider,
    kind: &str,
    detail: &str,
    received_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into wa.receipt
           (message_id, provider, business, lane, kind, state, outcome, detail, attempts, received_at, started_at,
            finished_at)
         values ($1, $2, '', '', $3, 'finished', 'recorded', $4, 1, $5, $6, $6)
         on conflict (message_id) do nothing",
    )
    .bind(message.as_str())
    .bind(provider.as_str())
    .bind(kind)
    .bind(detail)
    .bind(received_at)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// A message whose posts nobody received counts as failed. Returns who is to be refunded; `None` when it had not
/// ended with posts, or was failed before.
#[must_use = "the refund hangs on it"]
pub async fn fail_undelivered(
    db: &mut PgConnection,
    message: &MessageId,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, sqlx::Error> {
    let user: Option<Option<String>> = sqlx::query_scalar(
        "update wa.receipt set state = 'failed', outcome = $2, detail = 'the reply was refused', finished_at = $3
         where message_id = $1 and state = 'finished' and outcome = 'posts'
         returning user_id",
    )
    .bind(message.as_str())
    .bind(Outcome::Undelivered.as_str())
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(user.flatten().map(UserId::from_stored))
}
