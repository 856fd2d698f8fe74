//! What a signed webhook of Twilio says: one message, or the report on one of ours (Twilio: Webhook request,
//! Status callbacks, as of 2026).

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use shared::job::{Job, SendStatus, StatusReport};
use shared::message::{
    Address, Content, Inbound, MessageId, Provider, ProviderId, Sender, Voice, clean, opaque, short,
};
use shared::phone::E164;

use crate::webhook::Arrival;

/// No channel address comes near this; an answer to a longer one could not be sent.
const LONGEST_ADDRESS: usize = 300;

/// Those of Twilio have 160 characters.
const LONGEST_MEDIA_URL: usize = 1000;

struct Parameters<'a>(HashMap<Cow<'a, str>, Cow<'a, str>>);

impl<'a> Parameters<'a> {
    /// The first value of each name, as a form means it.
    fn read(body: &'a [u8]) -> Self {
        let mut parameters = HashMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            parameters.entry(name).or_insert(value);
        }
        Self(parameters)
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| clean(value)).filter(|value| !value.trim().is_empty())
    }
}

/// The one event of a webhook. `query` is that of the address that Twilio called: a status callback of ours
/// carries our own id there.
#[must_use]
pub fn arrival(body: &[u8], query: &str, now: DateTime<Utc>) -> Arrival {
    let parameters = Parameters::read(body);
    let sid = ["MessageSid", "SmsMessageSid", "SmsSid"].iter().find_map(|name| parameters.get(name));
    let read = match parameters.get("MessageStatus") {
        Some(status) if status != "received" => read_status(&parameters, &status, sid, query, now)
            .map(|report| report.map(|r| Job::status(r, now))),
        _ => read_message(&parameters, sid, body, now).map(|inbound| Some(Job::message(inbound, now))),
    };
    match read {
        Ok(Some(job)) => Arrival::Job(Box::new(job)),
        Ok(None) => Arrival::Ignored("status"),
        Err(reason) => unreadable(body, reason),
    }
}

fn read_message(
    parameters: &Parameters<'_>,
    sid: Option<String>,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Inbound, &'static str> {
    let from = parameters.get("From").ok_or("a message from nobody")?;
    if from.len() > LONGEST_ADDRESS {
        return Err("a message from an impossible address");
    }
    let number = from.strip_prefix("whatsapp:").unwrap_or(&from);
    if number.trim().is_empty() {
        return Err("a message from nobody");
    }
    let business = parameters.get("To").ok_or("a message to an unnamed number")?;
    let sid = sid.unwrap_or_else(|| format!("unnamed-{}", digest(body)));
    let account = parameters.get("AccountSid").unwrap_or_default();
    let phone = E164::from_provider(number).ok();
    let named =
        |id: &str| Some(short(id.strip_prefix("whatsapp:").unwrap_or(id))).filter(|id| !id.trim().is_empty());
    let bsuid = parameters
        .get("ExternalUserId")
        .and_then(|id| named(&id))
        .or_else(|| phone.is_none().then(|| short(number)));
    Ok(Inbound {
        lane: None,
        id: MessageId::new(Provider::Twilio, &account, &sid),
        provider_id: ProviderId::of(&sid),
        provider: Provider::Twilio,
        business: short(&business),
        sender: Sender { address: Address::Channel(from), phone, bsuid },
        sent_at: now,
        content: content(parameters),
    })
}

fn content(parameters: &Parameters<'_>) -> Content {
    let kind = parameters.get("MessageType").unwrap_or_else(|| "text".to_owned());
    if let Some(kind) = parameters.get("OptOutType") {
        // Advanced Opt-Out: Twilio has answered already and may refuse what we would add. What was wished still counts.
        let kind = match kind.to_ascii_uppercase().as_str() {
            "STOP" => "opt_out_stop",
            "START" => "opt_out_start",
            _ => "opt_out",
        };
        return Content::Silent(kind.to_owned());
    }
    // A tap, not words: a title must never be taken for a brief.
    if let Some(id) = parameters.get("ListId").or_else(|| parameters.get("ButtonPayload")) {
        let title = parameters.get("ListTitle").or_else(|| parameters.get("ButtonText")).unwrap_or_default();
        return Content::Tap { id: short(&id), title: short(&title) };
    }
    if kind == "button" || kind == "interactive" {
        return Content::Silent("interactive".to_owned());
    }
    match parameters.get("Body") {
        Some(body) => Content::Text(body),
        None if parameters.get("Latitude").is_some() => Content::Unreadable("location".to_owned()),
        None => match parameters.get("MediaContentType0") {
            Some(media) if media.starts_with("audio/") => {
                voice(parameters, &media).unwrap_or_else(|| Content::Unreadable("audio".to_owned()))
            }
            Some(media) if media.starts_with("text/vcard") => Content::Unreadable("contacts".to_owned()),
            Some(media) => Content::Unreadable(short(media.split('/').next().unwrap_or("media"))),
            None if parameters.get("NumMedia").is_some_and(|count| count != "0") => {
                Content::Unreadable("media".to_owned())
            }
            // A reaction, or a kind that Twilio does not forward, can look like this.
            None if kind == "text" => Content::Silent("empty".to_owned()),
            None => Content::Unreadable(short(&kind)),
        },
    }
}

/// WhatsApp sends one media a message. Words beside it would have been the message.
fn voice(parameters: &Parameters<'_>, mime_type: &str) -> Option<Content> {
    let media = parameters.get("MediaUrl0").filter(|url| url.len() <= LONGEST_MEDIA_URL)?;
    Some(Content::Voice(Voice { media, mime_type: Some(short(mime_type)), sha256: None, words: None }.into()))
}

fn read_status(
    parameters: &Parameters<'_>,
    status: &str,
    sid: Option<String>,
    query: &str,
    now: DateTime<Utc>,
) -> Result<Option<StatusReport>, &'static str> {
    let stage = match status {
        "sent" => SendStatus::Sent,
        "delivered" => SendStatus::Delivered,
        "read" => SendStatus::Read,
        "failed" | "undelivered" | "canceled" => SendStatus::Failed,
        // queued, accepted, sending: the answer to our own call has said so.
        _ => return Ok(None),
    };
    let outbox_id = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "outbox")
        .and_then(|(_, id)| id.parse().ok());
    Ok(Some(StatusReport {
        provider: Provider::Twilio,
        provider_message_id: sid.map(|sid| opaque(&sid)).ok_or("a status of no message")?,
        outbox_id,
        status: stage,
        at: now,
        error_code: parameters.get("ErrorCode").map(|code| short(&code)),
        // A price is only in the resource of the message (Twilio: Messages resource).
        pricing: None,
    }))
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn unreadable(bytes: &[u8], reason: &'static str) -> Arrival {
    let id = MessageId::new(Provider::Twilio, "unreadable", &digest(bytes));
    Arrival::Unreadable { id, reason, bytes: bytes.to_vec() }
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
