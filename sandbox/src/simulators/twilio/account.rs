//! What Twilio remembers of one account: messages in both directions, phones, contents, alerts, settings.
//!
//! Pure state behind one lock. A person is the digits of a number; `whatsapp:` and `+` are only ways of writing.

use std::collections::HashMap;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::courier::{Persistence, Trouble};
use super::super::receipts::{Fate, Statuses};
use super::media::Media;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A person.
    Inbound,
    /// The business, through the API.
    OutboundApi,
    /// The business, because the answer of its webhook said so (perhaps by accident).
    OutboundReply,
}

/// A message of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `SM` and 32 hexadecimal digits.
    pub sid: String,
    /// Who wrote it.
    pub direction: Direction,
    /// Channel address of the writer.
    pub from: String,
    /// Channel address of the reader.
    pub to: String,
    /// What the reader sees.
    pub text: String,
    /// `text`, `template`, or `twiml` for what our webhook answered.
    pub kind: String,
    /// Where its statuses go.
    pub status_callback: Option<String>,
    /// When it was accepted (or, inbound, written).
    pub at: DateTime<Utc>,
    /// What became of it so far; an inbound message is `Accepted`, which Twilio calls `received`.
    pub status: Fate,
    /// Whether nobody is ever told of it: no callback was asked for, or [`Statuses::Never`].
    pub silent: bool,
}

/// An approved content template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// `HX` and 32 hexadecimal digits.
    pub sid: String,
    /// The text, with `{{1}}`, `{{2}}`, … for its variables.
    pub body: String,
}

/// A typing indicator that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typing {
    /// The person's message.
    pub message_sid: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A line of Twilio's Debugger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// 11200 (no good answer), 11750 (answer too long), 12300 (content type), …
    pub code: u32,
    /// The message whose webhook it was.
    pub message_sid: String,
    /// In words.
    pub message: String,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub webhook_url: Option<String>,
    pub public_url: Option<String>,
    pub statuses: Statuses,
    pub people_read: bool,
    pub callbacks: Persistence,
    pub pair_every: Option<TimeDelta>,
}

/// A person's phone.
#[derive(Debug, Clone, Default)]
pub(super) struct Phone {
    pub name: String,
    pub not_on_whatsapp: bool,
    pub last_message: Option<DateTime<Utc>>,
    pub typing_until: Option<DateTime<Utc>>,
    /// When the pair's rate is back to normal: each message pushes it.
    pub pair_busy_until: Option<DateTime<Utc>>,
}

/// Everything.
#[derive(Debug)]
pub(super) struct Account {
    pub settings: Settings,
    pub messages: Vec<Message>,
    pub contents: HashMap<String, Content>,
    pub typings: Vec<Typing>,
    pub alerts: Vec<Alert>,
    /// The parameters of each inbound webhook, for a second delivery.
    pub received: HashMap<String, Vec<(String, String)>>,
    /// What people sent beside words.
    pub media: Media,
    phones: HashMap<String, Phone>,
}

impl Default for Account {
    fn default() -> Self {
        let callbacks = Persistence { tries: 2, after: vec![Trouble::Connect], ..Persistence::once() };
        let settings = Settings {
            webhook_url: None,
            public_url: None,
            statuses: Statuses::Immediate,
            people_read: true,
            callbacks,
            pair_every: None,
        };
        Self {
            settings,
            messages: Vec::new(),
            contents: HashMap::new(),
            typings: Vec::new(),
            alerts: Vec::new(),
            received: HashMap::new(),
            media: Media::new(),
            phones: HashMap::new(),
        }
    }
}

impl Account {
    /// The phone of a person, if anybody has met it.
    pub fn phone(&self, person: &str) -> Option<&Phone> {
        self.phones.get(digits(person))
    }

    /// The phone of a person, made on the spot.
    pub fn phone_mut(&mut self, person: &str) -> &mut Phone {
        self.phones.entry(digits(person).to_owned()).or_default()
    }

    /// What went out to a person.
    pub fn sent_to(&self, person: &str) -> Vec<Message> {
        let to_person = |message: &&Message| message.outbound() && digits(&message.to) == digits(person);
        self.messages.iter().filter(to_person).cloned().collect()
    }

    /// What went out.
    pub fn sent(&self) -> Vec<Message> {
        self.messages.iter().filter(|message| message.outbound()).cloned().collect()
    }

    /// Moves a message's fate forward, never back.
    pub fn advance(&mut self, sid: &str, fate: Fate) {
        // From the end: statuses concern the latest messages.
        if let Some(message) = self.messages.iter_mut().rev().find(|message| message.sid == sid) {
            message.status = message.status.max(fate);
        }
    }
}

impl Message {
    fn outbound(&self) -> bool {
        self.direction != Direction::Inbound
    }

    /// The API's representation. Numbers are strings there, dates are RFC 2822.
    pub(super) fn resource(&self, account_sid: &str) -> Value {
        let uri = format!("/2010-04-01/Accounts/{account_sid}/Messages/{}", self.sid);
        let date = self.at.trunc_subsecs(0).to_rfc2822();
        let (direction, status) = match (self.direction, self.status) {
            (Direction::Inbound, _) => ("inbound", "received"),
            (Direction::OutboundApi, Fate::Accepted) => ("outbound-api", "queued"),
            (Direction::OutboundApi, fate) => ("outbound-api", fate.word()),
            (Direction::OutboundReply, fate) => ("outbound-reply", fate.word()),
        };
        let error_code = match self.status {
            Fate::Failed(code) => Some(code),
            Fate::Accepted | Fate::Sent | Fate::Delivered | Fate::Read => None,
        };
        json!({
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "body": self.text,
            "date_created": date,
            "date_sent": if status == "queued" { Value::Null } else { json!(date) },
            "date_updated": date,
            "direction": direction,
            "error_code": error_code,
            "error_message": null,
            "from": self.from,
            "messaging_service_sid": null,
            "num_media": "0",
            "num_segments": "1",
            "price": null,
            "price_unit": null,
            "sid": self.sid,
            "status": status,
            "subresource_uris": {"media": format!("{uri}/Media.json")},
            "to": self.to,
            "uri": format!("{uri}.json"),
        })
    }
}

/// A fresh message id.
pub(super) fn sid() -> String {
    format!("SM{}", hex::encode(rand::random::<[u8; 16]>()))
}

/// The digits of a channel address.
pub(super) fn digits(address: &str) -> &str {
    address.trim_start_matches("whatsapp:").trim_start_matches('+')
}
