//! How Twilio reads the answer of our webhook.
//!
//! XML is instructions: `<Message>` is sent to the person. Plain text is sent to the person as it stands, which
//! is how an innocent "OK" becomes a message (from older documentation; newer pages are silent about it). Any
//! other type, and a body without a type, is error 12300; no good status is 11200; more than 64 kB is 11750.

use super::super::courier::Delivery;

/// Longest answer that Twilio reads, in bytes.
const LONGEST: usize = 64 * 1024;

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Nothing to do.
    Nothing,
    /// These texts go to the person.
    Say(Vec<String>),
    /// The Debugger gets this code and sentence.
    Alert(u32, String),
}

/// Reads the answer to an inbound webhook.
#[must_use]
pub fn read(delivery: &Delivery) -> Reading {
    match delivery.status {
        Some(200..=299) => {}
        Some(status) => return Reading::Alert(11_200, format!("Got HTTP {status} response")),
        None => {
            let reason = delivery.error.as_deref().unwrap_or("no answer");
            return Reading::Alert(11_200, format!("HTTP retrieval failure: {reason}"));
        }
    }
    if delivery.body.len() > LONGEST {
        return Reading::Alert(11_750, "TwiML response body too large".to_owned());
    }
    let full = delivery.content_type.as_deref().unwrap_or_default();
    let content_type = full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match content_type.as_str() {
        "text/xml" | "application/xml" | "text/html" => {
            let messages = messages(&delivery.body);
            if messages.is_empty() { Reading::Nothing } else { Reading::Say(messages) }
        }
        "text/plain" if delivery.body.trim().is_empty() => Reading::Nothing,
        "text/plain" => Reading::Say(vec![delivery.body.clone()]),
        // No content and no claim about its type.
        "" if delivery.status == Some(204) => Reading::Nothing,
        _ => Reading::Alert(12_300, format!("Invalid Content-Type: {full:?}")),
    }
}

/// The texts of the `<Message>` verbs. Enough for what a webhook of ours could answer; not an XML parser.
fn messages(twiml: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for verb in twiml.split("<Message").skip(1) {
        let inside = verb.split_once('>').map_or("", |(_, rest)| rest);
        let text = inside.split_once("</Message>").map_or("", |(text, _)| text);
        let text = text.replace("<Body>", "").replace("</Body>", "");
        texts.push(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
    }
    texts
}
