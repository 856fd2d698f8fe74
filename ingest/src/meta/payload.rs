//! What a signed webhook of Meta says (WhatsApp Business Platform, Webhooks, as of 2026).
//!
//! Taken apart level by level, each message on its own: one that cannot be read never takes its neighbours along.
//! Every field is optional until it is needed; nothing is copied before it is wanted.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use shared::job::{Job, Notice};
use shared::message::{MessageId, Provider, clean, short};

use super::message::{self, NOBODY};
use super::scalar::{Scalar, part};
use super::status;
use crate::limits;
use crate::webhook::Arrival;

/// `E` is an entry, as far as it is to be read at once.
#[derive(Deserialize)]
struct Envelope<E> {
    entry: Vec<E>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    time: Scalar<'a>,
    #[serde(borrow)]
    changes: Vec<&'a RawValue>,
}

/// `V` is its value, as far as it is to be read at once.
#[derive(Deserialize)]
struct Change<'a, V> {
    #[serde(borrow)]
    field: Cow<'a, str>,
    value: V,
}

/// The parts of a change's value that name lists of events.
#[derive(Deserialize)]
struct Events<'a> {
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    statuses: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    errors: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    phone_number_id: Scalar<'a>,
}

/// Everything in one webhook. `business` is our number when a message does not name it.
#[must_use]
pub fn arrivals(body: &[u8], business: Option<&str>, now: DateTime<Utc>) -> Vec<Arrival> {
    let mut found = Found::default();
    if let Ok(envelope) = serde_json::from_slice::<Envelope<Entry<'_>>>(body) {
        for entry in &envelope.entry {
            read_entry(entry, business, now, &mut found);
        }
    } else if let Ok(envelope) = serde_json::from_slice::<Envelope<&RawValue>>(body) {
        // One of them is no entry.
        for raw in envelope.entry {
            match serde_json::from_str(raw.get()) {
                Ok(entry) => read_entry(&entry, business, now, &mut found),
                Err(_) => found.unreadable(raw, "not a webhook entry"),
            }
        }
    } else {
        return vec![unreadable(body, "not a webhook envelope")];
    }
    found.arrivals(body)
}

/// What was found so far.
#[derive(Default)]
struct Found {
    arrivals: Vec<Arrival>,
    unreadable: usize,
}

impl Found {
    fn push(&mut self, arrival: Arrival) {
        self.arrivals.push(arrival);
    }

    fn unreadable(&mut self, part: &RawValue, reason: &'static str) {
        self.unreadable += 1;
        if self.unreadable <= limits::UNREADABLE_PARTS {
            self.push(unreadable(part.get().as_bytes(), reason));
        }
    }

    fn arrivals(mut self, body: &[u8]) -> Vec<Arrival> {
        if self.unreadable > limits::UNREADABLE_PARTS {
            self.arrivals.push(unreadable(body, "many unreadable parts"));
        }
        if self.arrivals.is_empty() {
            self.arrivals.push(Arrival::Ignored("empty"));
        }
        self.arrivals
    }
}

fn read_entry(entry: &Entry<'_>, business: Option<&str>, now: DateTime<Utc>, found: &mut Found) {
    for raw in &entry.changes {
        // A change of another field has a value of another shape, in which lists of events would mean something else.
        match serde_json::from_str::<Change<'_, Events<'_>>>(raw.get()) {
            Ok(Change { field, value }) if field == "messages" => {
                read_events(raw, value, &entry.time, business, now, found);
            }
            _ => match serde_json::from_str::<Change<'_, &RawValue>>(raw.get()) {
                Err(_) => found.unreadable(raw, "not a webhook change"),
                Ok(Change { field, .. }) => match &*field {
                    "messages" => found.unreadable(raw, "not a list of messages"),
                    // What our own business app sent: not somebody writing to us.
                    "smb_message_echoes" | "message_echoes" => found.push(Arrival::Ignored("echo")),
                    _ => found.push(notice(raw, &field, &entry.time, now)),
                },
            },
        }
    }
}

fn read_events(
    raw: &RawValue,
    events: Events<'_>,
    time: &Scalar<'_>,
    business: Option<&str>,
    now: DateTime<Utc>,
    found: &mut Found,
) {
    let Ok(metadata) = part::<Metadata<'_>>(events.metadata) else {
        return found.unreadable(raw, "not a list of messages");
    };
    let named = metadata.phone_number_id.id();
    let business = match &named {
        // It becomes a part of the path that the answer is posted to.
        Some(id) => {
            Some(&**id).filter(|id| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        }
        None => business,
    };
    let messages = events.messages.unwrap_or_default();
    // Errors beside a message only say why that message has no content.
    let mut noteworthy = messages.is_empty() && events.errors.is_some_and(|errors| !errors.is_empty());
    for raw in messages {
        match message::read(raw, business, now) {
            Ok(inbound) => found.push(Arrival::Job(Box::new(Job::message(inbound, now)))),
            // It names nobody: kept for an operator.
            Err(NOBODY) if message::is_system(raw) => noteworthy = true,
            Err(reason) => found.unreadable(raw, reason),
        }
    }
    for raw in events.statuses.unwrap_or_default() {
        match status::read(raw, now) {
            Ok(Some(report)) => found.push(Arrival::Job(Box::new(Job::status(report, now)))),
            Ok(None) => found.push(Arrival::Ignored("status")),
            Err(reason) => found.unreadable(raw, reason),
        }
    }
    // Once, since a notice holds the whole change.
    if noteworthy {
        found.push(notice(raw, "messages", time, now));
    }
}

/// The whole of a change, for whoever operates this.
fn notice(raw: &RawValue, field: &str, time: &Scalar<'_>, now: DateTime<Utc>) -> Arrival {
    let body = clean(raw.get());
    let key = format!("{}:{}", time.id().unwrap_or_default(), digest(raw.get().as_bytes()));
    let notice = Notice { provider: Provider::Meta, kind: short(field), body };
    Arrival::Job(Box::new(Job::notice(notice, &key, now)))
}

pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn unreadable(bytes: &[u8], reason: &'static str) -> Arrival {
    let id = MessageId::new(Provider::Meta, "unreadable", &digest(bytes));
    Arrival::Unreadable { id, reason, bytes: bytes.to_vec() }
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
