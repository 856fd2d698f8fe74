//! Receipts that have not ended: for the sweep, which looks whether their messages are still in Redis.
//!
//! What is read here is old by the time it is used: whoever ends a receipt of this list locks it first and asks again.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::message::{Lane, MessageId, Provider};
use crate::person::UserId;

/// A message that was begun and has not ended.
#[derive(Debug, Clone)]
pub struct Open {
    /// The message.
    pub message: MessageId,
    /// Who carried it.
    pub provider: Provider,
    /// Our number that it came to.
    pub business: String,
    /// Its conversation.
    pub lane: Lane,
    /// What was written, as a kind.
    pub kind: String,
    /// Whose it is, once somebody has looked.
    pub user: Option<UserId>,
    /// How often an operator had it handled again.
    pub replays: i32,
    /// Whether a worker has met it since it was begun or reopened.
    pub met: bool,
    /// When ingest received it.
    pub received_at: DateTime<Utc>,
    /// When it was begun, or taken up again by an operator.
    pub started_at: DateTime<Utc>,
}

/// Messages that were begun before this moment and have not ended, the oldest first, from the one after `after` on.
/// One that stands in the spill as well is on its way to its lane, and not among them.
pub async fn open(
    db: impl PgExecutor<'_>,
    before: DateTime<Utc>,
    after: Option<&Open>,
    at_most: i64,
) -> Result<Vec<Open>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select message_id, provider, business, lane, kind, user_id, replays, received_at, started_at,
                replays = 0 or exists (
                  select from wa.attempt a
                  where a.message_id = r.message_id and coalesce(a.resumed_at, a.began_at) >= r.started_at
                ) as met
         from wa.receipt r
         where state = 'started' and started_at <= $1 and (started_at, message_id) > ($2, $3)
           and not exists (select from wa.spill s where s.message_id = r.message_id)
         order by started_at, message_id limit $4",
    )
    .bind(before)
    .bind(after.map(|open| open.started_at).unwrap_or_default())
    .bind(after.map_or("", |open| open.message.as_str()))
    .bind(at_most)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// Holds a receipt until the transaction ends, if it is still open and was begun before this moment. Returns the
/// account that was charged for it, if one was; the outer `None`: it has ended, or was taken up again.
pub async fn lock_open(
    db: &mut PgConnection,
    message: &MessageId,
    before: DateTime<Utc>,
) -> Result<Option<Option<UserId>>, sqlx::Error> {
    let held: Option<Option<String>> = sqlx::query_scalar(
        "select (select user_id from wa.credit_op where key = 'generation:' || r.message_id)
         from wa.receipt r where message_id = $1 and state = 'started' and started_at <= $2 for update of r",
    )
    .bind(message.as_str())
    .bind(before)
    .fetch_optional(db)
    .await?;
    Ok(held.map(|user| user.map(UserId::from_stored)))
}

#[derive(sqlx::FromRow)]
struct Row {
    message_id: String,
    provider: String,
    business: String,
    lane: String,
    kind: String,
    user_id: Option<String>,
    replays: i32,
    met: bool,
    received_at: DateTime<Utc>,
    started_at: DateTime<Utc>,
}

impl Row {
    fn read(self) -> Result<Open, sqlx::Error> {
        Ok(Open {
            message: MessageId::from_stored(self.message_id),
            provider: self.provider.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?,
            business: self.business,
            lane: Lane::from_stored(self.lane),
            kind: self.kind,
            user: self.user_id.map(UserId::from_stored),
            replays: self.replays,
            met: self.met,
            received_at: self.received_at,
            started_at: self.started_at,
        })
    }
}
