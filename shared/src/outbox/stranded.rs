//! Words that nobody may be about to send any more: for the sweep, which looks whether their message is still in Redis.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::job::Job;
use crate::message::{Lane, MessageId, Provider};

/// An ended message whose answer has not been sent, or not been seen to arrive at its provider.
#[derive(Debug, Clone)]
pub struct Stranded {
    /// The message.
    pub cause: MessageId,
    /// Its conversation.
    pub lane: Lane,
    provider: Provider,
    replays: i32,
    received_at: DateTime<Utc>,
}

impl Stranded {
    /// The job that sends its answer.
    #[must_use]
    pub fn job(self) -> Job {
        Job::answer(self.provider, self.cause, self.lane, self.replays, self.received_at)
    }
}

/// Ended messages of which a part was written before this moment and is still to be sent, in the order of their ids,
/// from the one after `after` on. One whose message stands in the spill is on its way to those who will send it.
pub async fn stranded(
    db: impl PgExecutor<'_>,
    before: DateTime<Utc>,
    after: Option<&MessageId>,
    at_most: i64,
) -> Result<Vec<Stranded>, sqlx::Error> {
    let rows: Vec<(String, String, String, i32, DateTime<Utc>)> = sqlx::query_as(
        "select distinct r.message_id, r.lane, r.provider, r.replays, r.received_at
         from wa.outbox o join wa.receipt r on r.message_id = o.cause
         where o.state in ('pending', 'sending', 'unknown') and o.cause > $2 and o.created_at <= $1
           and o.part > 100 * r.replays and r.state <> 'started'
           and not exists (select from wa.spill s where s.message_id = o.cause)
         order by r.message_id limit $3",
    )
    .bind(before)
    .bind(after.map_or("", MessageId::as_str))
    .bind(at_most)
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(cause, lane, provider, replays, received_at)| {
            Ok(Stranded {
                cause: MessageId::from_stored(cause),
                lane: Lane::from_stored(lane),
                provider: provider.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?,
                replays,
                received_at,
            })
        })
        .collect()
}
