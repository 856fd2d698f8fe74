//! What travels through the queue: one verified event and what is needed to handle it.
//!
//! The JSON is versioned and only ever grows: a job queued by last week's ingest must be read by today's worker.

mod code;
mod envelope;
mod report;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::message::{Inbound, Lane, MessageId, Provider, short};
use crate::trace::{self, TraceContext};

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
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "trace::lenient")]
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
        Self::new(inbound.id.clone(), inbound.lane(), received_at, Work::Message(inbound))
    }

    /// A delivery report. Each stage of each message is taken once; all stages of one message share a lane.
    #[must_use]
    pub fn status(report: StatusReport, received_at: DateTime<Utc>) -> Self {
        let key = format!("{}:{}", report.provider_message_id, report.status.as_str());
        let id = MessageId::new(report.provider, "status", &key);
        Self::new(id, Lane::aside("status", &report.provider_message_id), received_at, Work::Status(report))
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
mod tests {
    use super::*;
    use crate::message::{Address, Content, Sender, Voice};
    use crate::person::Change;

    #[test]
    fn last_weeks_jobs_are_still_read() {
        let job = Job::message(
            Inbound {
                id: MessageId::new(Provider::Meta, "1098", "wamid.A"),
                provider: Provider::Meta,
                business: "1098".into(),
                sender: Sender {
                    address: Address::Phone("+33639980123".parse().unwrap()),
                    phone: Some("+33639980123".parse().unwrap()),
                    bsuid: Some("FR.1".into()),
                },
                sent_at: DateTime::UNIX_EPOCH,
                content: Content::Text("Crée un post".into()),
            },
            DateTime::UNIX_EPOCH,
        );
        let pinned = r#"{"v":1,"id":"meta:1098:wamid.A","lane":"meta:1098:FR.1","received_at":"1970-01-01T00:00:00Z","work":{"message":{"id":"meta:1098:wamid.A","provider":"meta","business":"1098","sender":{"address":{"phone":"+33639980123"},"phone":"+33639980123","bsuid":"FR.1"},"sent_at":"1970-01-01T00:00:00Z","content":{"text":"Crée un post"}}}}"#;
        assert_eq!(serde_json::to_string(&job).unwrap(), pinned);
        assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), job);
    }

    #[test]
    fn a_trace_travels_and_what_is_none_costs_no_message() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let job = Job::shelf(DateTime::UNIX_EPOCH).traced(TraceContext::read(trace));
        let pinned = format!(
            r#"{{"v":1,"id":"shelf:0","lane":"shelf:shelf","received_at":"1970-01-01T00:00:00Z","work":"shelf","trace":"{trace}"}}"#
        );
        assert_eq!(serde_json::to_string(&job).unwrap(), pinned);
        assert_eq!(serde_json::from_str::<Job>(&pinned).unwrap(), job);
        let foreign = pinned.replace("00-4bf", "99-4bf");
        assert_eq!(serde_json::from_str::<Job>(&foreign).unwrap(), job.traced(None));
    }

    #[test]
    fn a_voice_note_travels_without_what_was_said() {
        let inbound = |voice: Voice| Inbound {
            id: MessageId::new(Provider::Twilio, "AC1", "MM1"),
            provider: Provider::Twilio,
            business: "whatsapp:+33199001234".into(),
            sender: Sender {
                address: Address::Channel("whatsapp:+33639980123".into()),
                phone: None,
                bsuid: None,
            },
            sent_at: DateTime::UNIX_EPOCH,
            content: Content::Voice(voice.into()),
        };
        let voice = Voice {
            media: "https://api.twilio.com/ME1".into(),
            mime_type: Some("audio/ogg".into()),
            sha256: None,
            words: None,
        };
        let job = Job::message(inbound(voice.heard("mes mots".into())), DateTime::UNIX_EPOCH);
        let pinned = r#"{"v":1,"id":"twilio:AC1:MM1","lane":"twilio:whatsapp:+33199001234:whatsapp:+33639980123","received_at":"1970-01-01T00:00:00Z","work":{"message":{"id":"twilio:AC1:MM1","provider":"twilio","business":"whatsapp:+33199001234","sender":{"address":{"channel":"whatsapp:+33639980123"}},"sent_at":"1970-01-01T00:00:00Z","content":{"voice":{"media":"https://api.twilio.com/ME1","mime_type":"audio/ogg"}}}}}"#;
        assert_eq!(serde_json::to_string(&job).unwrap(), pinned);
        let read = Job::message(inbound(voice), DateTime::UNIX_EPOCH);
        assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), read);
    }

    #[test]
    fn an_announced_change_is_still_read() {
        let content = Content::Identity(Box::new(Change {
            previous_bsuid: Some("FR.1".into()),
            previous_phone: Some("+33639980123".parse().unwrap()),
            bsuid: Some("FR.2".into()),
            phone: None,
        }));
        let pinned =
            r#"{"identity":{"previous_bsuid":"FR.1","previous_phone":"+33639980123","bsuid":"FR.2"}}"#;
        assert_eq!(serde_json::to_string(&content).unwrap(), pinned);
        assert_eq!(serde_json::from_str::<Content>(pinned).unwrap(), content);
        assert_eq!(
            serde_json::from_str::<Content>(r#"{"identity":{}}"#).unwrap(),
            Content::Identity(Box::default())
        );
    }

    #[test]
    fn an_answer_has_one_job_for_each_time_that_its_message_was_handled() {
        let answer = |replays| {
            let cause = MessageId::new(Provider::Meta, "1098", "wamid.A");
            let lane = Lane::from_stored("meta:1098:FR.1".into());
            Job::answer(Provider::Meta, cause, lane, replays, DateTime::UNIX_EPOCH)
        };
        assert_ne!(answer(0).id, answer(1).id);
        let pinned = r#"{"v":1,"id":"meta:answer:meta:1098:wamid.A:0","lane":"meta:1098:FR.1","received_at":"1970-01-01T00:00:00Z","work":{"answer":"meta:1098:wamid.A"}}"#;
        assert_eq!(serde_json::to_string(&answer(0)).unwrap(), pinned);
        assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), answer(0));
    }

    #[test]
    fn a_payment_is_told_once_for_each_thing_that_becomes_of_it() {
        let job = |told| {
            let notice = PaymentNotice { session: "cs_test_1".into(), told };
            Job::payment(notice, DateTime::UNIX_EPOCH)
        };
        assert_ne!(job(PaymentTold::Paid).id, job(PaymentTold::Failed).id);
        let pinned = r#"{"v":1,"id":"payment:cs_test_1:paid","lane":"payment:cs_test_1","received_at":"1970-01-01T00:00:00Z","work":{"payment":{"session":"cs_test_1","told":"paid"}}}"#;
        assert_eq!(serde_json::to_string(&job(PaymentTold::Paid)).unwrap(), pinned);
        assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), job(PaymentTold::Paid));
    }

    #[test]
    fn a_page_is_opened_once_for_its_key_and_a_look_is_shared() {
        let pinned = r#"{"v":1,"id":"checkout:c1:k1","lane":"checkout:c1:k1","received_at":"1970-01-01T00:00:00Z","work":{"checkout":"c1:k1"}}"#;
        assert_eq!(serde_json::to_string(&Job::checkout("c1:k1", DateTime::UNIX_EPOCH)).unwrap(), pinned);
        assert_eq!(
            serde_json::from_str::<Job>(pinned).unwrap(),
            Job::checkout("c1:k1", DateTime::UNIX_EPOCH)
        );
        let look = |seconds| Job::shelf(DateTime::from_timestamp(seconds, 0).unwrap());
        assert_eq!((look(4).id, look(5).id == look(4).id), (look(0).id, false));
        let pinned = r#"{"v":1,"id":"shelf:0","lane":"shelf:shelf","received_at":"1970-01-01T00:00:00Z","work":"shelf"}"#;
        assert_eq!(serde_json::to_string(&look(0)).unwrap(), pinned);
        assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), look(0));
    }

    #[test]
    fn a_code_travels_without_its_digits() {
        let wish = CodeWish::new("c1".into(), 2);
        let pinned = r#"{"v":1,"id":"code:c1:2","lane":"code:c1","received_at":"1970-01-01T00:00:00Z","work":{"code":{"challenge":"c1","number":2}}}"#;
        let job = Job::code(wish.clone(), DateTime::UNIX_EPOCH);
        assert_eq!(serde_json::to_string(&job).unwrap(), pinned);
        assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), job);
        let route = CodeRoute {
            provider: Provider::Meta,
            business: "1098".into(),
            address: Address::Phone("+33639980123".parse().unwrap()),
            lane: Lane::from_stored("meta:1098:FR.1".into()),
        };
        let pinned = r#"{"challenge":"c1","number":2,"at":{"provider":"meta","business":"1098","address":{"phone":"+33639980123"},"lane":"meta:1098:FR.1"}}"#;
        let wish = wish.at(route);
        assert_eq!(serde_json::to_string(&wish).unwrap(), pinned);
        assert_eq!(serde_json::from_str::<CodeWish>(pinned).unwrap(), wish);
        assert_eq!(wish.cause().as_str(), "code:c1:2");
    }

    #[test]
    fn what_is_reported_is_not_in_the_debug_output() {
        // An id of Meta's holds the number of its person, in base64.
        let told = "wamid.HBgLMzM2Mzk5ODAxMjM";
        let notice = Notice { provider: Provider::Meta, kind: "messages".into(), body: told.into() };
        let report = StatusReport {
            provider: Provider::Meta,
            provider_message_id: told.into(),
            outbox_id: Some(7),
            status: SendStatus::Failed,
            at: DateTime::UNIX_EPOCH,
            error_code: Some("131026".into()),
            pricing: None,
        };
        let shown = format!("{notice:?} {report:?}");
        assert!(shown.contains("Notice(meta messages)") && shown.contains("131026"), "{shown}");
        assert!(!shown.contains("wamid"), "{shown}");
    }

    #[test]
    fn each_stage_of_a_delivery_is_its_own_event() {
        let report = |status| StatusReport {
            provider: Provider::Twilio,
            provider_message_id: "SM1".into(),
            outbox_id: Some(7),
            status,
            at: DateTime::UNIX_EPOCH,
            error_code: None,
            pricing: None,
        };
        let sent = Job::status(report(SendStatus::Sent), DateTime::UNIX_EPOCH);
        let read = Job::status(report(SendStatus::Read), DateTime::UNIX_EPOCH);
        assert_ne!(sent.id, read.id);
        assert_eq!(sent.lane, read.lane);
    }

    #[test]
    fn a_report_from_before_pricing_is_still_read() {
        let pinned = r#"{"v":1,"id":"meta:status:wamid.B:sent","lane":"status:wamid.B","received_at":"1970-01-01T00:00:00Z","work":{"status":{"provider":"meta","provider_message_id":"wamid.B","outbox_id":7,"status":"sent","at":"1970-01-01T00:00:00Z"}}}"#;
        let job: Job = serde_json::from_str(pinned).unwrap();
        assert_eq!(serde_json::to_string(&job).unwrap(), pinned);
        let priced = r#"{"provider":"meta","provider_message_id":"wamid.B","status":"sent","at":"1970-01-01T00:00:00Z","pricing":{"billable":false,"model":"PMP","kind":"free_customer_service","category":"service"}}"#;
        let report: StatusReport = serde_json::from_str(priced).unwrap();
        assert_eq!(report.pricing.as_ref().unwrap().category.as_deref(), Some("service"));
        assert_eq!(serde_json::to_string(&report).unwrap(), priced);
    }
}
