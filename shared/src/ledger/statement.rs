//! Why a balance is what it is: every line of an account in order, down to the message or the payment that caused it.
//! Read by operators; it holds amounts, times, words of the field and ids, and no text of a person.

use chrono::{DateTime, NaiveDateTime, Utc};
use sqlx::PgExecutor;

use super::Credits;
use crate::message::MessageId;
use crate::person::UserId;

/// One line of an account.
#[derive(Debug, Clone)]
pub struct Line {
    /// When.
    pub at: DateTime<Utc>,
    /// What it moved.
    pub delta: i32,
    /// The word in the ledger.
    pub reason: String,
    /// The key of its cause; `None`: the line is the web app's.
    pub key: Option<String>,
    /// The balance that it left, as it was recorded then.
    pub balance: Option<i32>,
    /// The message that caused it, and how that ended.
    pub message: Option<(MessageId, String)>,
    /// The payment behind it: its pack.
    pub pack: Option<String>,
    /// What an operator wrote down.
    pub note: Option<String>,
}

/// Every line of an account, the oldest first: ours in the order in which they were posted.
pub async fn statement(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<Line>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        r#"select l."createdAt" as at, l."delta" as delta, l."reason" as reason, op.key, op.balance, op.message_id,
                  coalesce(r.outcome, r.state) as outcome, p.pack, a.note
           from "CreditLedger" l
           left join wa.credit_op op on op.ledger_id = l."id"
           left join wa.receipt r on r.message_id = op.message_id
           left join wa.payment p on op.key in ('purchase:' || p.session_id, 'debt:' || p.session_id)
           left join wa.audit a on a.key = op.key
           where l."userId" = $1
           order by l."createdAt", op.seq nulls first, l."id""#,
    )
    .bind(user.as_str())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Row::line).collect())
}

/// Messages for which an account's credit is held at this moment: debited, and neither ended nor refunded.
pub async fn held(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<MessageId>, sqlx::Error> {
    let ids: Vec<String> = sqlx::query_scalar(
        "select op.message_id from wa.credit_op op join wa.receipt r on r.message_id = op.message_id
         where op.user_id = $1 and op.key = 'generation:' || op.message_id and r.state = 'started'
           and not exists (select from wa.credit_op back where back.key = 'refund:' || op.message_id)
         order by op.created_at",
    )
    .bind(user.as_str())
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(MessageId::from_stored).collect())
}

/// Whether the debit of this message was the one that brought its account down to so few credits: the first since some
/// were last added. Refunds do not count as added: their credits had been there before.
pub async fn ran_low(
    db: impl PgExecutor<'_>,
    message: &MessageId,
    few: Credits,
) -> Result<bool, sqlx::Error> {
    let low: Option<bool> = sqlx::query_scalar(
        "select this.balance = $2 and not exists (
           select from wa.credit_op before
           where before.user_id = this.user_id and before.seq < this.seq and before.balance = $2
             and before.key like 'generation:%'
             and not exists (
               select from wa.credit_op added
               where added.user_id = this.user_id and added.seq > before.seq and added.seq < this.seq
                 and added.balance > $2 and added.key not like 'refund:%'))
         from wa.credit_op this where this.key = 'generation:' || $1",
    )
    .bind(message.as_str())
    .bind(few.column())
    .fetch_optional(db)
    .await?;
    Ok(low.unwrap_or(false))
}

#[derive(sqlx::FromRow)]
struct Row {
    at: NaiveDateTime,
    delta: i32,
    reason: String,
    key: Option<String>,
    balance: Option<i32>,
    message_id: Option<String>,
    outcome: Option<String>,
    pack: Option<String>,
    note: Option<String>,
}

impl Row {
    fn line(self) -> Line {
        let outcome = self.outcome.unwrap_or_else(|| "forgotten".to_owned());
        Line {
            at: self.at.and_utc(),
            delta: self.delta,
            reason: self.reason,
            key: self.key,
            balance: self.balance,
            message: self.message_id.map(|id| (MessageId::from_stored(id), outcome)),
            pack: self.pack,
            note: self.note,
        }
    }
}
