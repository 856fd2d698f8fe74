//! Where a person wrote last, for what is to be said without having been asked for; and the receipt of saying it.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::message::{Lane, MessageId, Provider};
use crate::person::UserId;

/// A conversation.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// Who carries it.
    pub provider: Provider,
    /// Our number in it.
    pub business: String,
    /// Its lane.
    pub lane: Lane,
    /// When its person last wrote.
    pub at: DateTime<Utc>,
}

/// When a person wrote a message, as its provider counts. Meta redelivers for seven days at most: an older time is
/// nonsense, as is one that is still to come, and then the arrival counts.
const WROTE: &str = "case when sent_at between received_at - interval '8 days' and received_at then sent_at else received_at end";

/// What opens no window: what nobody wrote to us, and what only changes something that was written before.
const UNWRITTEN: &str = "('payment', 'system', 'group', 'edit', 'revoke')";

/// Whether a person has written after this moment, in the conversation in which what this message causes is said.
pub async fn has_written(
    db: impl PgExecutor<'_>,
    cause: &MessageId,
    after: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    // Who wrote after a moment was received after it, which is what the index knows.
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "select exists (
           select from wa.receipt
           where lane = coalesce((select lane from wa.outbox where cause = $1 and lane is not null limit 1),
                                 (select lane from wa.receipt where message_id = $1))
             and received_at > $2 and {WROTE} > $2 and kind not in {UNWRITTEN})"
    )))
    .bind(cause.as_str())
    .bind(after)
    .fetch_one(db)
    .await
}

/// The conversation in which a person wrote last, also to an account that has joined theirs. `None`: they never did. What
/// a provider announces about a person is nothing that they wrote.
pub async fn conversation(
    db: impl PgExecutor<'_>,
    user: &UserId,
) -> Result<Option<Conversation>, sqlx::Error> {
    let row: Option<(String, String, String, DateTime<Utc>)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select provider, business, lane, {WROTE} from wa.receipt
         where user_id in (select wa.accounts_of($1)) and business <> '' and kind not in {UNWRITTEN}
         order by received_at desc limit 1"
    )))
    .bind(user.as_str())
    .fetch_optional(db)
    .await?;
    let Some((provider, business, lane, at)) = row else { return Ok(None) };
    let provider = provider.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?;
    Ok(Some(Conversation { provider, business, lane: Lane::from_stored(lane), at }))
}

/// Something that is said without having been asked for.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The job that says it.
    pub message: &'a MessageId,
    /// Where it is said.
    pub conversation: &'a Conversation,
    /// The lane of the job.
    pub lane: &'a Lane,
    /// To whom.
    pub user: &'a UserId,
    /// What it is about.
    pub kind: &'a str,
    /// When it became true.
    pub received_at: DateTime<Utc>,
}

/// Keeps that it is said: begun and ended at once. `false`: it was said before.
#[must_use = "what was said must not be said again"]
pub async fn answer(
    db: impl PgExecutor<'_>,
    answer: Answer<'_>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "insert into wa.receipt
           (message_id, provider, business, lane, user_id, kind, state, outcome, attempts, received_at, started_at,
            finished_at)
         values ($1, $2, $3, $4, $5, $6, 'finished', 'answered', 1, $7, $8, $8)
         on conflict (message_id) do nothing",
    )
    .bind(answer.message.as_str())
    .bind(answer.conversation.provider.as_str())
    .bind(&answer.conversation.business)
    .bind(answer.lane.as_str())
    .bind(answer.user.as_str())
    .bind(answer.kind)
    .bind(answer.received_at)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
