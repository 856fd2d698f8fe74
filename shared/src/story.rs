//! The story of one message, from what the tables hold: when it came, what was done with it, what it cost, how
//! the answer arrived. Read by people (the demo's page, the operator), written by nobody.
//!
//! It holds times, words of the field and amounts; never a text and never a number.

mod books;

use std::fmt;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::message::MessageId;

pub use books::{Attempt, Part, Receipt, attempts, find, parts, words};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub what: What,
    /// Figures: tokens, a code, the number of an attempt.
    pub detail: Option<String>,
    /// How long it took, where that is known, in milliseconds.
    pub took_ms: Option<i32>,
}

/// The kinds of events, in the order in which a message meets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Signature verified, queued.
    Received,
    /// A worker picked it up.
    Started,
    /// A credit was held.
    Held,
    /// A model step finished, by its name.
    Step(String),
    /// The message ended, with this outcome.
    Ended(String),
    /// A held credit went back.
    Refunded,
    /// The provider accepted a part of the answer.
    Accepted,
    /// A part left the provider.
    Sent,
    /// A part reached the phone.
    Delivered,
    /// A part was read.
    Read,
    /// A part could not be sent.
    SendFailed,
    /// The person has reacted to a part, or taken that back.
    Reacted,
}

/// In the words of an operator.
impl fmt::Display for What {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Received => "signature verified, kept",
            Self::Started => "taken by a worker",
            Self::Held => "credit held",
            Self::Step(name) => return write!(out, "model: {name}"),
            Self::Ended(outcome) => return write!(out, "ended: {outcome}"),
            Self::Refunded => "credit refunded",
            Self::Accepted => "accepted by the provider",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::SendFailed => "not sent",
            Self::Reacted => "the person reacted",
        })
    }
}

type Row = (DateTime<Utc>, String, Option<String>, Option<i32>);

/// Everything that is known about a message, in order of time. Empty while no worker has met it.
pub async fn of(pool: &PgPool, message: &MessageId) -> Result<Vec<Event>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        r#"
        select at, what, detail, took_ms from (
            select received_at as at, 1 as place, 'received' as what, kind as detail, null::int as took_ms
            from wa.receipt where message_id = $1
          union all
            select started_at, 2, 'started', case when attempts > 1 then '× ' || attempts end, null from wa.receipt where message_id = $1
          union all
            select op.created_at, 3, case when l."reason" = 'refund' then 'refunded' else 'held' end,
                   replace(to_char(l."delta", 'SG9'), '-', '−'), null
            from wa.credit_op op join "CreditLedger" l on l."id" = op.ledger_id where op.message_id = $1
          union all
            select finished_at, 4, 'step:' || name,
                   coalesce(nullif(prompt_tokens + completion_tokens, 0) || ' tokens, ', '') || model
                     || coalesce(', $' || to_char(cost_micros / 1e6, 'FM999990.000000'), ''), took_ms
            from wa.step where message_id = $1
          union all
            select finished_at, 5, 'ended:' || outcome, detail, null
            from wa.receipt where message_id = $1 and finished_at is not null
          union all
            select stage.at, 6 + stage.place, stage.what, stage.detail, null
            from wa.outbox o, lateral (values
                (o.accepted_at, 1, 'accepted', null), (o.sent_at, 2, 'sent', null),
                (o.delivered_at, 3, 'delivered', null), (o.read_at, 4, 'read', null),
                (o.failed_at, 5, 'send_failed', o.error_code)
            ) as stage (at, place, what, detail)
            where o.cause = $1 and stage.at is not null
          union all
            select f.reacted_at, 12, 'reacted', coalesce(f.kind, 'taken back'), null
            from wa.feedback f join wa.outbox o on o.id = f.outbox_id where o.cause = $1
        ) events
        order by at, place
        "#,
    )
    .bind(message.as_str())
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(at, what, detail, took_ms)| Event { at, what: word(&what), detail, took_ms })
        .collect())
}

fn word(what: &str) -> What {
    match what {
        "received" => What::Received,
        "started" => What::Started,
        "held" => What::Held,
        "refunded" => What::Refunded,
        "accepted" => What::Accepted,
        "sent" => What::Sent,
        "delivered" => What::Delivered,
        "read" => What::Read,
        "send_failed" => What::SendFailed,
        "reacted" => What::Reacted,
        other => match other.split_once(':') {
            Some(("step", name)) => What::Step(name.to_owned()),
            Some((_, outcome)) => What::Ended(outcome.to_owned()),
            None => What::Ended(other.to_owned()),
        },
    }
}
