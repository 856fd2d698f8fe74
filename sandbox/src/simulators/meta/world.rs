//! What Meta remembers: phones, templates, what was sent, what was received, and how the simulator is set.
//!
//! Pure state behind one lock. A person is found by the digits of the number or by the business-scoped user id
//! (BSUID), since either may be all that the business knows.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::super::courier::Persistence;
use super::super::receipts::{Fate, Statuses};
use super::Document;
use super::template::Template;

/// A message that was accepted from the business.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Meta's id.
    pub wamid: String,
    /// Digits of the recipient's number; `None` when it was addressed by BSUID and hides its number.
    pub to: Option<String>,
    /// The recipient's BSUID.
    pub user_id: String,
    /// What the person reads on the screen.
    pub text: String,
    /// `text`, `interactive`, `template` or `document`.
    pub kind: String,
    /// The document that it brings.
    pub document: Option<Document>,
    /// `biz_opaque_callback_data`, echoed in every status.
    pub opaque: Option<String>,
    /// The message it quotes.
    pub quotes: Option<String>,
    /// The request as it was received.
    pub request: Value,
    /// When it was accepted.
    pub at: DateTime<Utc>,
    /// What became of it so far.
    pub status: Fate,
    /// Whether nobody is ever told of it ([`Statuses::Never`]).
    pub silent: bool,
}

/// A `status: read` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadReceipt {
    /// The person's message.
    pub message_id: String,
    /// Whether typing was asked for as well.
    pub typing: bool,
    /// When.
    pub at: DateTime<Utc>,
}

/// When Meta says that a message cannot be delivered; both ways are seen in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The request is answered with the error.
    AtOnce,
    /// The request is accepted and a `failed` status follows.
    ByStatus,
}

/// The switches of the simulator.
#[derive(Debug)]
pub(super) struct Settings {
    pub webhook_url: Option<String>,
    pub statuses: Statuses,
    pub people_read: bool,
    pub verdict: Verdict,
    pub pair_every: Option<TimeDelta>,
    pub per_second: Option<usize>,
    pub escapes: bool,
    pub messages: Persistence,
    pub reports: Persistence,
    pub number_status: String,
    pub number_quality: String,
    /// The apps that are subscribed to the account, by name.
    pub apps: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            webhook_url: None,
            statuses: Statuses::Immediate,
            people_read: true,
            verdict: Verdict::AtOnce,
            pair_every: None,
            per_second: None,
            escapes: true,
            messages: Persistence::once(),
            reports: Persistence::until_ok(4, Duration::from_millis(50)),
            number_status: "CONNECTED".to_owned(),
            number_quality: "GREEN".to_owned(),
            apps: vec!["Postly sandbox".to_owned()],
        }
    }
}

/// A phone with `WhatsApp` on it, or that lost it.
#[derive(Debug, Clone, Default)]
pub(super) struct Phone {
    pub user_id: String,
    /// Digits, absent when the person hides the number behind a username.
    pub wa_id: Option<String>,
    pub name: String,
    pub username: Option<String>,
    pub blocked_us: bool,
    pub left_whatsapp: bool,
    /// The person's last message; the window is open for 24 hours after it.
    pub last_message: Option<DateTime<Utc>>,
    pub typing_until: Option<DateTime<Utc>>,
    /// When the pair's rate is back to normal: each message pushes it.
    pub pair_busy_until: Option<DateTime<Utc>>,
}

/// A message of a person, kept so that it can be delivered again.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub user_id: Option<String>,
    pub bytes: Vec<u8>,
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct World {
    pub settings: Settings,
    pub templates: Vec<Template>,
    pub sent: Vec<Sent>,
    pub receipts: Vec<ReadReceipt>,
    pub received: HashMap<String, Received>,
    /// When messages were accepted in the last second.
    pub lately: VecDeque<DateTime<Utc>>,
    phones: HashMap<String, Phone>,
    numbers: HashMap<String, String>,
    /// How often each number has been given up: who has it next has an id of their own.
    given_up: HashMap<String, u32>,
}

impl World {
    /// The phone with this number (digits) or BSUID.
    pub fn phone(&self, person: &str) -> Option<&Phone> {
        self.phones.get(self.user_id(person))
    }

    /// The same, to change it.
    pub fn phone_mut(&mut self, person: &str) -> Option<&mut Phone> {
        let user_id = self.user_id(person).to_owned();
        self.phones.get_mut(&user_id)
    }

    /// The phone with this number, made on the spot when nobody has met it yet.
    pub fn number(&mut self, wa_id: &str) -> &mut Phone {
        let fresh_id = user_id_of(wa_id, self.given_up.get(wa_id).copied().unwrap_or_default());
        let user_id = self.numbers.entry(wa_id.to_owned()).or_insert(fresh_id).clone();
        let fresh = || Phone { user_id: user_id.clone(), wa_id: Some(wa_id.to_owned()), ..Phone::default() };
        self.phones.entry(user_id.clone()).or_insert_with(fresh)
    }

    /// A person who hides the number.
    pub fn hidden(&mut self, user_id: &str) -> &mut Phone {
        let fresh = || Phone { user_id: user_id.to_owned(), ..Phone::default() };
        self.phones.entry(user_id.to_owned()).or_insert_with(fresh)
    }

    /// A person moves to another number, which nobody has, and to another id with it. Returns the old number, where one
    /// is shown, and the new id.
    pub fn moves(&mut self, user_id: &str, wa_id: &str) -> (Option<String>, String) {
        let old = self.gives_up(user_id);
        let phone = self.phones.get(user_id).cloned().unwrap_or_default();
        let moved = self.number(wa_id);
        (moved.name, moved.username, moved.last_message) = (phone.name, phone.username, phone.last_message);
        (old, moved.user_id.clone())
    }

    /// A person leaves the number to whoever gets it next.
    pub fn gives_up(&mut self, user_id: &str) -> Option<String> {
        let number =
            self.numbers.iter().find(|(_, holder)| *holder == user_id).map(|(number, _)| number.clone())?;
        self.numbers.remove(&number);
        *self.given_up.entry(number.clone()).or_default() += 1;
        Some(number)
    }

    /// A person shows this number, or hides the one that is there.
    pub fn shows(&mut self, user_id: &str, wa_id: Option<&str>) {
        if let Some(wa_id) = wa_id {
            self.numbers.insert(wa_id.to_owned(), user_id.to_owned());
        }
        if let Some(phone) = self.phones.get_mut(user_id) {
            phone.wa_id = wa_id.map(str::to_owned);
        }
    }

    /// What was accepted for a person.
    pub fn sent_to(&self, person: &str) -> Vec<Sent> {
        let user_id = self.user_id(person);
        self.sent.iter().filter(|sent| sent.user_id == user_id).cloned().collect()
    }

    /// Moves a message's fate forward, never back, and returns the message.
    pub fn advance(&mut self, wamid: &str, fate: Fate) -> Option<Sent> {
        // From the end: statuses concern the latest messages.
        let sent = self.sent.iter_mut().rev().find(|sent| sent.wamid == wamid)?;
        sent.status = sent.status.max(fate);
        Some(sent.clone())
    }

    fn user_id<'a>(&'a self, person: &'a str) -> &'a str {
        self.numbers.get(person.trim_start_matches('+')).map_or(person, String::as_str)
    }
}

/// The BSUID of a number's holder: stable, opaque, and without the number's digits in it.
fn user_id_of(wa_id: &str, given_up: u32) -> String {
    // FNV-1a, spread over sixteen decimal digits like the ids in Meta's samples.
    let holder = if given_up == 0 { wa_id.to_owned() } else { format!("{wa_id}#{given_up}") };
    let hash = holder.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("FR.{:016}", hash % 10_000_000_000_000_000)
}
