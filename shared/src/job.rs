//! What travels through the queue: one verified event and what is needed to handle it.
//!
//! The JSON is versioned and only ever grows: a job queued by last week's ingest must be read by today's worker.

mod code;
mod envelope;
mod report;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::message::{Inbound, Lane, MessageId, Provider, opaque, short};
use crate::trace::TraceContext;
use crate::vault::Vault;

pub use code::{CodeRoute, CodeWish};
pub use envelope::{Unread, sealed_by};
pub(crate) use envelope::{in_the_open, pack_bytes};
pub use report::{Pricing, SendStatus, StatusReport};

/// The version that this build writes.
const VERSION: u8 = 1;

/// For how long one look at the shop is good enough for everybody who asks for one.
const LOOK_SECONDS: i64 = 5;

/// One unit of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "envelope::Incoming")]
pub struct Job {
    /// Version of the shape.
    v: u8,
    /// The key under which the queue takes it at most once.
    pub id: MessageId,
    /// The conversation it waits in.
    pub lane: Lane,
    /// When ingest received it: the start of what the user feels.
    pub received_at: DateTime<Utc>,
    /// What to do.
    pub work: Work,
    /// The trace that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

/// What a job is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A person wrote.
    Message(Inbound),
    /// A provider reports on something we sent.
    Status(StatusReport),
    /// A provider tells about the account (restriction, template decision, opt-out): kept for operators.
    Notice(Notice),
    /// What stands in the outbox for this message has lost the job that was to send it. A worker from before this kind
    /// makes a dead letter of it ("no job that this version knows"), which can be replayed once all workers know it.
    Answer(MessageId),
    /// Somebody's payment has come, or will not: its person is to be told. A worker from before this kind makes a dead
    /// letter of it, which can be replayed once all workers know it.
    Payment(PaymentNotice),
    /// Somebody wants to pay in the portal: the page of this key is to be opened ([`crate::checkout`]).
    Checkout(String),
    /// Somebody wants to know what is for sale ([`crate::shelf`]).
    Shelf,
    /// Somebody has asked for a one-time code. A worker from before this kind makes a dead letter of it; whoever asked is told
    /// that it has not left yet, and asks again.
    Code(CodeWish),
}

impl Work {
    /// The word for it in logs and traces.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Status(_) => "status",
            Self::Notice(_) => "notice",
            Self::Answer(_) => "answer",
            Self::Payment(_) => "payment",
            Self::Checkout(_) => "checkout",
            Self::Shelf => "shelf",
            Self::Code(_) => "code",
        }
    }
}

/// What is to be told of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentNotice {
    /// The checkout (`cs_...`).
    pub session: String,
    /// What became of it.
    pub told: PaymentTold,
}

/// What became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentTold {
    /// Its credits are there.
    Paid,
    /// Its money will not come.
    Failed,
}

impl PaymentTold {
    /// The word in keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Failed => "failed",
        }
    }
}

/// Something about the account rather than about a conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Who tells.
    pub provider: Provider,
    /// Meta's webhook field, or the kind of a Twilio event.
    pub kind: String,
    /// The raw JSON of the change.
    pub body: String,
}

/// What an account is told may name its people.
impl fmt::Debug for Notice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Notice({} {})", self.provider, self.kind)
    }
}

impl Job {
    fn new(id: MessageId, lane: Lane, received_at: DateTime<Utc>, work: Work) -> Self {
        Self { v: VERSION, id, lane, received_at, work, trace: None }
    }

    /// The same work, as a part of this trace.
    #[must_use]
    pub fn traced(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    /// A person's message.
    #[must_use]
    pub fn message(inbound: Inbound, received_at: DateTime<Utc>) -> Self {
        Self::new(inbound.id.clone(), inbound.lane(), received_at, Work::Message(inbound)).known()
    }

    /// The same job, in a lane that does not say whose message it is ([`Inbound::hidden`]). Other work waits in lanes that name
    /// nobody.
    #[must_use]
    pub fn hidden(self, vault: &Vault) -> Self {
        match self.work {
            Work::Message(inbound) => {
                Self::message(inbound.hidden(vault), self.received_at).traced(self.trace)
            }
            _ => self,
        }
    }

    /// Tells a message which lane it waits in: one that was queued before lanes hid who wrote goes on in its own.
    fn known(mut self) -> Self {
        if let Work::Message(inbound) = &mut self.work {
            inbound.lane = Some(self.lane.clone());
        }
        self
    }

    /// A delivery report. Each stage of each message is taken once; all stages of one message share a lane.
    #[must_use]
    pub fn status(report: StatusReport, received_at: DateTime<Utc>) -> Self {
        let message = opaque(&report.provider_message_id);
        let id = MessageId::new(report.provider, "status", &format!("{message}:{}", report.status.as_str()));
        Self::new(id, Lane::aside("status", &message), received_at, Work::Status(report))
    }

    /// A notice about the account. `key` tells one notice from another.
    #[must_use]
    pub fn notice(notice: Notice, key: &str, received_at: DateTime<Utc>) -> Self {
        let id = MessageId::new(notice.provider, "notice", key);
        Self::new(id, Lane::aside("notice", notice.provider.as_str()), received_at, Work::Notice(notice))
    }

    /// Tells a person of a payment, once for each thing that becomes of it.
    #[must_use]
    pub fn payment(notice: PaymentNotice, received_at: DateTime<Utc>) -> Self {
        let id =
            MessageId::from_stored(format!("payment:{}:{}", short(&notice.session), notice.told.as_str()));
        Self::new(id, Lane::aside("payment", &notice.session), received_at, Work::Payment(notice))
    }

    /// Opens a page to pay on, once for its key.
    #[must_use]
    pub fn checkout(key: &str, received_at: DateTime<Utc>) -> Self {
        let id = MessageId::from_stored(format!("checkout:{}", short(key)));
        Self::new(id, Lane::aside("checkout", key), received_at, Work::Checkout(key.to_owned()))
    }

    /// Looks at what is for sale: once for all who ask within a few seconds.
    #[must_use]
    pub fn shelf(received_at: DateTime<Utc>) -> Self {
        let id = MessageId::from_stored(format!("shelf:{}", received_at.timestamp() / LOOK_SECONDS));
        Self::new(id, Lane::aside("shelf", "shelf"), received_at, Work::Shelf)
    }

    /// Sends a one-time code, once for each time that it was asked for, in the order in which its number asks.
    #[must_use]
    pub fn code(wish: CodeWish, received_at: DateTime<Utc>) -> Self {
        Self::new(wish.cause(), Lane::aside("code", &wish.challenge), received_at, Work::Code(wish))
    }

    /// Sends what stands in the outbox for a message, in that message's lane. Once for each time that the message was
    /// handled, however often it is offered.
    #[must_use]
    pub fn answer(
        provider: Provider,
        cause: MessageId,
        lane: Lane,
        replays: i32,
        received_at: DateTime<Utc>,
    ) -> Self {
        let key = format!("{}:{replays}", cause.as_str());
        Self::new(MessageId::new(provider, "answer", &key), lane, received_at, Work::Answer(cause))
    }
}

#[cfg(test)]
mod tests;
