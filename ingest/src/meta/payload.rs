//! What a signed webhook of Meta says (WhatsApp Business Platform, Webhooks, as of 2026).
//!
//! Taken apart level by level, each message on its own: one that cannot be read never takes its neighbours along.
//! Every field is optional until it is needed; ids and times come as text or as numbers.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use shared::job::{Job, Notice, Pricing, SendStatus, StatusReport};
use shared::message::{Address, Content, Inbound, MessageId, Provider, Sender, Voice, clean, short};
use shared::person;
use shared::phone::E164;

use crate::limits;
use crate::webhook::Arrival;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(default)]
    time: Value,
    #[serde(borrow)]
    changes: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Change<'a> {
    field: String,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// The parts of a change's value that name lists of events.
#[derive(Deserialize)]
struct Events<'a> {
    #[serde(default)]
    metadata: Value,
    #[serde(borrow, default)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    statuses: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    errors: Option<Vec<&'a RawValue>>,
}

/// Everything in one webhook. `business` is our number when a message does not name it.
#[must_use]
pub fn arrivals(body: &[u8], business: Option<&str>, now: DateTime<Utc>) -> Vec<Arrival> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(body) else {
        return vec![unreadable(body, "not a webhook envelope")];
    };
    let mut found = Found::default();
    for entry in envelope.entry {
        match serde_json::from_str::<Entry<'_>>(entry.get()) {
            Err(_) => found.unreadable(entry, "not a webhook entry"),
            Ok(Entry { time, changes }) => {
                for raw in changes {
                    match serde_json::from_str::<Change<'_>>(raw.get()) {
                        Err(_) => found.unreadable(raw, "not a webhook change"),
                        Ok(change) => read_change(raw, &change, &time, business, now, &mut found),
                    }
                }
            }
        }
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

fn read_change(
    raw: &RawValue,
    change: &Change<'_>,
    time: &Value,
    business: Option<&str>,
    now: DateTime<Utc>,
    found: &mut Found,
) {
    let notice = || {
        let body = clean(raw.get());
        let key = format!("{}:{}", scalar(time).unwrap_or_default(), digest(raw.get().as_bytes()));
        let notice = Notice { provider: Provider::Meta, kind: short(&change.field), body };
        Arrival::Job(Box::new(Job::notice(notice, &key, now)))
    };
    match change.field.as_str() {
        "messages" => {}
        // What our own business app sent: not somebody writing to us.
        "smb_message_echoes" | "message_echoes" => return found.push(Arrival::Ignored("echo")),
        _ => return found.push(notice()),
    }
    let Ok(events) = serde_json::from_str::<Events<'_>>(change.value.get()) else {
        return found.unreadable(raw, "not a list of messages");
    };
    let business = match scalar(&events.metadata["phone_number_id"]) {
        // It becomes a part of the path that the answer is posted to.
        Some(id) => {
            Some(id).filter(|id| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        }
        None => business.map(str::to_owned),
    };
    let messages = events.messages.unwrap_or_default();
    // Errors beside a message only say why that message has no content.
    let mut noteworthy = messages.is_empty() && events.errors.is_some_and(|errors| !errors.is_empty());
    for raw in &messages {
        match read_message(raw, business.as_deref(), now) {
            Ok(inbound) => found.push(Arrival::Job(Box::new(Job::message(inbound, now)))),
            // It names nobody: kept for an operator.
            Err(NOBODY) if is_system(raw) => noteworthy = true,
            Err(reason) => found.unreadable(raw, reason),
        }
    }
    for raw in events.statuses.unwrap_or_default() {
        match read_status(raw, now) {
            Ok(Some(report)) => found.push(Arrival::Job(Box::new(Job::status(report, now)))),
            Ok(None) => found.push(Arrival::Ignored("status")),
            Err(reason) => found.unreadable(raw, reason),
        }
    }
    // Once, since a notice holds the whole change.
    if noteworthy {
        found.push(notice());
    }
}

const NOBODY: &str = "a message from nobody";

fn is_system(raw: &RawValue) -> bool {
    serde_json::from_str::<Value>(raw.get()).is_ok_and(|message| message["type"] == "system")
}

fn read_message(raw: &RawValue, business: Option<&str>, now: DateTime<Utc>) -> Result<Inbound, &'static str> {
    let message: Value =
        serde_json::from_str(raw.get()).map_err(|_| "a message that is not valid JSON text")?;
    let business = business.ok_or("a message to an unnamed number")?.to_owned();
    let id = scalar(&message["id"]).unwrap_or_else(|| format!("unnamed-{}", digest(raw.get().as_bytes())));
    let phone = scalar(&message["from"]).and_then(|from| E164::from_provider(&from).ok());
    let bsuid = scalar(&message["from_user_id"]).map(|id| short(&id));
    let change = change(&message, phone.as_ref());
    // Who has another id now is named only inside `system` (Meta, since August 2026). In the conversation of the old
    // names it comes after all that was written under them.
    let bsuid = change.as_ref().map_or(bsuid.clone(), |change| bsuid.or(change.previous_bsuid.clone()));
    let address = match (&phone, &bsuid) {
        (Some(phone), _) => Address::Phone(phone.clone()),
        (None, Some(bsuid)) => Address::Bsuid(bsuid.clone()),
        (None, None) => return Err(NOBODY),
    };
    let content = if message["group_id"].is_string() {
        // An answer would go to the sender alone, outside the group: none is given.
        Content::Silent("group".to_owned())
    } else {
        change.map_or_else(|| content(&message, &business), |change| Content::Identity(Box::new(change)))
    };
    Ok(Inbound {
        id: MessageId::new(Provider::Meta, &business, &id),
        provider: Provider::Meta,
        business,
        sender: Sender { address, phone, bsuid },
        sent_at: moment(&message["timestamp"]).unwrap_or(now),
        content,
    })
}

fn content(message: &Value, business: &str) -> Content {
    let kind = message["type"].as_str().unwrap_or("text");
    let text = |value: &Value| value.as_str().map(clean).filter(|text| !text.trim().is_empty());
    let earlier = || {
        let id = scalar(&message[kind]["original_message_id"])?;
        Some(MessageId::new(Provider::Meta, business, &id))
    };
    match kind {
        "text" => match text(&message["text"]["body"]) {
            Some(body) => Content::Text(body),
            None => Content::Silent("empty".to_owned()),
        },
        "image" | "video" | "document" => match text(&message[kind]["caption"]) {
            Some(caption) => Content::Text(caption),
            None => Content::Unreadable(kind.to_owned()),
        },
        "audio" => voice(&message["audio"]).unwrap_or_else(|| Content::Unreadable(kind.to_owned())),
        "interactive" => tap(&message["interactive"]).unwrap_or_else(|| Content::Silent(kind.to_owned())),
        // Of a text or of a caption.
        "edit" => {
            let new = &message["edit"]["message"];
            let words = text(&new["text"]["body"])
                .or_else(|| text(&new[new["type"].as_str().unwrap_or_default()]["caption"]));
            match (earlier(), words) {
                (Some(of), Some(text)) => Content::Edit { of, text },
                _ => Content::Silent(kind.to_owned()),
            }
        }
        "revoke" => earlier().map_or_else(|| Content::Silent(kind.to_owned()), |of| Content::Revoke { of }),
        "reaction" => reaction(&message["reaction"]).unwrap_or_else(|| Content::Silent(kind.to_owned())),
        // We send no template with buttons.
        "button" | "system" | "request_welcome" => Content::Silent(kind.to_owned()),
        other => Content::Unreadable(short(other)),
    }
}

/// Taken back: without an emoji, or with an empty one. Both were seen.
fn reaction(reaction: &Value) -> Option<Content> {
    let to = short(&scalar(&reaction["message_id"])?);
    let emoji = reaction["emoji"].as_str().filter(|emoji| !emoji.trim().is_empty()).map(short);
    Some(Content::Reaction { to, emoji })
}

/// A recorded note and a file of sound are the same to us. The address beside the id is good for five minutes only, and
/// would name the person's media in the queue: it is left out (Meta: Media).
fn voice(audio: &Value) -> Option<Content> {
    // It becomes a part of a path.
    let media = scalar(&audio["id"])?;
    let known = media.len() <= 64 && media.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let word = |name: &str| scalar(&audio[name]).map(|word| short(&word));
    known.then(|| {
        Content::Voice(
            Voice { media, mime_type: word("mime_type"), sha256: word("sha256"), words: None }.into(),
        )
    })
}

/// A change of identity that can be acted on: something before it, and something after it.
fn change(message: &Value, from: Option<&E164>) -> Option<person::Change> {
    let system = Some(&message["system"]).filter(|_| message["type"] == "system")?;
    let moves = match system["type"].as_str()? {
        "user_changed_number" => true,
        "user_changed_user_id" => false,
        _ => return None,
    };
    let id = |name: &str| scalar(&system[name]).map(|id| short(&id));
    let change = person::Change {
        previous_bsuid: id("previous_user_id"),
        previous_phone: from.cloned(),
        bsuid: id("user_id"),
        phone: scalar(&system["wa_id"])
            .and_then(|number| E164::from_provider(&number).ok())
            .or_else(|| from.filter(|_| !moves).cloned()),
    };
    let before = change.previous_bsuid.is_some() || change.previous_phone.is_some();
    let after = change.bsuid.is_some() || change.phone.is_some();
    (before && after).then_some(change)
}

/// A reply button or a row of a list. Other interactive replies (flows, permissions) are nothing that we offer.
fn tap(interactive: &Value) -> Option<Content> {
    let reply =
        ["button_reply", "list_reply"].iter().map(|kind| &interactive[*kind]).find(|r| r.is_object())?;
    let id = short(reply["id"].as_str().filter(|id| !id.trim().is_empty())?);
    Some(Content::Tap { id, title: short(reply["title"].as_str().unwrap_or_default()) })
}

fn read_status(raw: &RawValue, now: DateTime<Utc>) -> Result<Option<StatusReport>, &'static str> {
    let status: Value =
        serde_json::from_str(raw.get()).map_err(|_| "a status that is not valid JSON text")?;
    let stage = match status["status"].as_str() {
        Some("sent") => SendStatus::Sent,
        Some("delivered") => SendStatus::Delivered,
        Some("read" | "played") => SendStatus::Read,
        Some("failed") => SendStatus::Failed,
        _ => return Ok(None),
    };
    Ok(Some(StatusReport {
        provider: Provider::Meta,
        provider_message_id: scalar(&status["id"]).map(|id| short(&id)).ok_or("a status of no message")?,
        outbox_id: status["biz_opaque_callback_data"]
            .as_str()
            .and_then(|data| data.strip_prefix("outbox:")?.parse().ok()),
        status: stage,
        at: moment(&status["timestamp"]).map_or(now, |second| within(second, now)),
        error_code: scalar(&status["errors"][0]["code"]).map(|code| short(&code)),
        pricing: pricing(&status["pricing"]),
    }))
}

/// Comes with `sent`, and with one of `delivered` and `read` (Meta: Status webhooks).
fn pricing(value: &Value) -> Option<Pricing> {
    let text = |name: &str| value[name].as_str().filter(|text| !text.is_empty()).map(short);
    let pricing = Pricing {
        billable: value["billable"].as_bool(),
        model: text("pricing_model"),
        kind: text("type"),
        category: text("category"),
    };
    (pricing != Pricing::default()).then_some(pricing)
}

/// An id or a time, which Meta writes as text in some places and as a number in others.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Seconds since 1970; anything absurd is no time at all.
fn moment(value: &Value) -> Option<DateTime<Utc>> {
    let seconds: i64 = scalar(value)?.parse().ok()?;
    DateTime::from_timestamp(seconds, 0).filter(|at| (0..=4_102_444_800).contains(&at.timestamp()))
}

/// Meta names the second; within that second the moment of arrival is the finer one.
fn within(second: DateTime<Utc>, arrival: DateTime<Utc>) -> DateTime<Utc> {
    arrival.clamp(second, second + TimeDelta::milliseconds(999))
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn unreadable(bytes: &[u8], reason: &'static str) -> Arrival {
    let id = MessageId::new(Provider::Meta, "unreadable", &digest(bytes));
    Arrival::Unreadable { id, reason, bytes: bytes.to_vec() }
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
