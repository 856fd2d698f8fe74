//! The receipt of a message: that we have it, how often it was tried, how it ended.
//!
//! Owner of `wa.receipt` and `wa.attempt`. A receipt ends exactly once; whoever ends it does so in the transaction
//! that holds the effects of the end, so that a zombie's second end changes nothing at all.

pub mod burst;
mod conversation;
mod diary;
mod open;
mod recent;
mod unbegun;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::fault;
use crate::message::{Content, Inbound, MessageId, conceal};
use crate::person::UserId;
use crate::vault::{Place, Vault};

pub use burst::Changed;
pub use conversation::{Answer, Conversation, answer, conversation, has_written};
pub use diary::{Entry, diary};
pub use open::{Open, lock_open, open};
pub use recent::{nth_voice, revisions};
pub use unbegun::never_begun;

/// How a message ended. The word is stored, counted and shown to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Three posts were written.
    Posts,
    /// Three posts were revised, free of charge.
    Revised,
    /// A command, or a hint, was answered.
    Answered,
    /// There was no credit for a brief.
    NoCredit,
    /// A limit of the day was reached before a brief was begun.
    Capped,
    /// The model declined the brief.
    Refused,
    /// It was no brief: nothing was written, and nothing charged.
    OffTopic,
    /// Its words became a part of the brief of another message, with which it ends.
    Joined,
    /// Its person deleted it before it was answered: nothing is charged.
    Withdrawn,
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
            Self::Revised => "revised",
            Self::Answered => "answered",
            Self::NoCredit => "no_credit",
            Self::Capped => "capped",
            Self::Refused => "refused",
            Self::OffTopic => "off_topic",
            Self::Joined => "joined",
            Self::Withdrawn => "withdrawn",
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
    /// Work is to be done, about what the message says or was changed to.
    Open(Changed),
    /// Work was begun before, with a credit held: about this brief, where it is not the message's own words.
    Begun(Option<String>),
    /// An earlier message of its conversation still stands in the spill: it comes first.
    Behind,
    /// It ended before: at most something remains to be sent.
    Ended,
    /// It was given up before, for this reason: at most an apology remains to be sent.
    Failed(String),
    /// It was charged for long ago, and its receipt is not kept any more: it has ended, nobody knows how, and nothing about it
    /// is done again. The caller rolls back: it does not begin anew.
    Forgotten,
}

/// One start of a message.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Which one, from 1. A start that only waited keeps its number.
    pub number: u32,
    /// Who starts it.
    pub worker: &'a str,
    /// When ingest received the message.
    pub received_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct StartRow {
    state: String,
    outcome: Option<String>,
    detail: Option<String>,
    brief: Option<String>,
    behind: bool,
    /// If it was charged for: whether its receipt is a new one all the same.
    charged: Option<bool>,
    edited_by: Option<String>,
    edited: Option<String>,
    withdrawn: bool,
}

/// Records that a message is being handled, for the first time or again. When it stands [`Standing::Behind`] another,
/// the caller rolls back: it has not begun.
pub async fn start(
    db: &mut PgConnection,
    vault: &Vault,
    inbound: &Inbound,
    start: Start<'_>,
    now: DateTime<Utc>,
) -> Result<Standing, sqlx::Error> {
    // Between two transactions somebody has listened to it: still the same start.
    let counted = matches!(&inbound.content, Content::Voice(voice) if voice.words.is_some());
    let row: StartRow = sqlx::query_as(
        "with receipt as (
           insert into wa.receipt as r
             (message_id, provider, business, lane, kind, state, attempts, sent_at, received_at, started_at)
           values ($1, $2, $3, $4, $5, 'started', $6, $7, $8, $9)
           on conflict (message_id) do update set attempts = greatest(r.attempts, excluded.attempts)
           returning state, outcome, detail, brief, xmax = 0 as fresh
         ), attempt as (
           insert into wa.attempt as a (message_id, number, worker, began_at)
           select $1::text, $6::int, $10::text, $9::timestamptz where not $11::boolean
           on conflict (message_id, number) do update
             set runs = a.runs + 1, worker = excluded.worker, resumed_at = excluded.began_at,
                 ended_at = null, verdict = null, reason = null
         )
         select state, outcome, detail, receipt.brief,
                exists (select from wa.spill where lane = $4 and received_at < $8 and message_id <> $1)
                  as behind,
                (select fresh from wa.credit_op where key = 'generation:' || $1) as charged,
                edit.message_id as edited_by, edit.brief as edited,
                exists (select from wa.receipt where changes = $1 and kind = 'revoke') as withdrawn
         from receipt left join lateral (
           select e.message_id, e.brief from wa.receipt e
           where e.changes = $1 and e.brief is not null order by e.sent_at desc limit 1) edit on true",
    )
    .bind(inbound.id.as_str())
    .bind(inbound.provider.as_str())
    .bind(&inbound.business)
    .bind(inbound.lane().as_str())
    .bind(inbound.content.kind())
    .bind(i32::try_from(start.number).unwrap_or(i32::MAX))
    .bind(inbound.sent_at)
    .bind(start.received_at)
    .bind(now)
    .bind(start.worker)
    .bind(counted)
    .fetch_one(&mut *db)
    .await?;
    let started = row.state == "started";
    Ok(match row.outcome.as_deref() {
        _ if started && row.behind && !fault::without("order") => Standing::Behind,
        // A credit is held in a transaction that finds the receipt or makes it: one without the other was left by retention.
        _ if started && row.charged == Some(true) => Standing::Forgotten,
        _ if started && row.charged.is_some() => {
            Standing::Begun(open_brief(db, vault, inbound.id.as_str(), row.brief).await?)
        }
        _ if started || fault::without("receipt") => {
            let edit = row.edited_by.unwrap_or_default();
            let text = open_brief(db, vault, &edit, row.edited).await?;
            Standing::Open(Changed { text, withdrawn: row.withdrawn })
        }
        Some("failed") => Standing::Failed(row.detail.unwrap_or_default()),
        _ => Standing::Ended,
    })
}

/// The words that stand with a receipt.
async fn open_brief(
    db: &mut PgConnection,
    vault: &Vault,
    message: &str,
    stored: Option<String>,
) -> Result<Option<String>, sqlx::Error> {
    let Some(stored) = stored else { return Ok(None) };
    let keys = vault.keys(db, &[&stored]).await?;
    Ok(keys.open(Place::Brief, message, stored)?)
}

/// Notes how a start ended that was not the last. The reason holds no text of a person.
pub async fn interrupted(
    db: impl PgExecutor<'_>,
    message: &MessageId,
    number: u32,
    verdict: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wa.attempt set ended_at = $3, verdict = $4, reason = $5 where message_id = $1 and number = $2",
    )
    .bind(message.as_str())
    .bind(i32::try_from(number).unwrap_or(i32::MAX))
    .bind(now)
    .bind(verdict)
    .bind(reason)
    .execute(db)
    .await?;
    Ok(())
}

/// Lets a message that had failed, or that was begun and never ended, be handled again. What it did before stays done:
/// it was charged and perhaps refunded, and will be neither again. `false`: it had ended otherwise, or never begun.
///
/// It counts as begun now: the message is not yet in its lane, and the sweep must not take it for lost meanwhile.
pub async fn reopen(
    db: impl PgExecutor<'_>,
    message: &MessageId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update wa.receipt
         set state = 'started', outcome = null, detail = null, finished_at = null, started_at = $2,
             replays = replays + case when state = 'failed' then 1 else 0 end
         where message_id = $1 and (state = 'started' or state = 'failed' and outcome = 'failed')",
    )
    .bind(message.as_str())
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
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

/// Whose message it is today. `None`: nobody's, or not any more.
pub async fn whose(db: impl PgExecutor<'_>, message: &MessageId) -> Result<Option<UserId>, sqlx::Error> {
    let user: Option<Option<String>> =
        sqlx::query_scalar("select wa.survivor(user_id) from wa.receipt where message_id = $1")
            .bind(message.as_str())
            .fetch_optional(db)
            .await?;
    Ok(user.flatten().map(UserId::from_stored))
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
        "update wa.receipt set state = $2, outcome = $3, detail = $4, finished_at = $5,
                brief = case when $3 in ('failed', 'recorded') then brief end
         where message_id = $1 and (state = 'started' or $6)",
    )
    .bind(message.as_str())
    .bind(state)
    .bind(outcome.as_str())
    .bind(detail)
    .bind(now)
    .bind(fault::without("receipt"))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps an event that wants no answer (a notice about the account): recorded and ended at once, once. What a provider tells may
/// name messages, and does not here.
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
    .bind(conceal(detail))
    .bind(received_at)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// A message whose posts nobody received counts as failed. `false`: it had not ended with posts, or was failed before.
#[must_use = "the refund hangs on it"]
pub async fn fail_undelivered(
    db: &mut PgConnection,
    message: &MessageId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update wa.receipt set state = 'failed', outcome = $2, detail = 'the reply was refused', finished_at = $3
         where message_id = $1 and state = 'finished' and outcome = 'posts'",
    )
    .bind(message.as_str())
    .bind(Outcome::Undelivered.as_str())
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
