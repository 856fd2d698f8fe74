//! Whether a message is one that Meta would take.
//!
//! A request becomes a [`Draft`] only here. Unknown fields in the objects that we know are refused (code 100):
//! a misspelt field that is silently ignored would be found by a customer. Lengths are counted in UTF-16 units,
//! the stricter reading of a limit whose unit Meta does not state.

use serde_json::{Map, Value};

use super::errors::GraphError;
use super::template::{Category, Template};
use super::{Document, Meta, interactive, template, uploads};

/// Longest `text.body`.
const TEXT: usize = 4096;
/// Longest `biz_opaque_callback_data`.
const OPAQUE: usize = 512;

/// A message that passed the rules and waits for its recipient to be looked at.
#[derive(Debug)]
pub(super) struct Draft {
    pub address: Address,
    pub kind: String,
    pub text: String,
    pub document: Option<Document>,
    pub opaque: Option<String>,
    pub quotes: Option<String>,
    /// `None` for a free-form message, which needs an open window.
    pub template: Option<Category>,
    pub request: Value,
}

/// How the business named the recipient.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// Digits with a country code.
    Number(String),
    /// Digits that came without `+`, and that Meta therefore reads as a number of our own country.
    National(String),
    /// A business-scoped user id.
    User(String),
}

/// Reads a message request.
pub(super) fn read(meta: &Meta, request: &Value, templates: &[Template]) -> Result<Draft, GraphError> {
    let message = request.as_object().ok_or_else(|| GraphError::parameter("The body must be an object."))?;
    let fields = [
        "messaging_product",
        "recipient_type",
        "to",
        "recipient",
        "type",
        "context",
        "biz_opaque_callback_data",
        "text",
        "interactive",
        "template",
        "document",
    ];
    let kind = message.get("type").map_or(Some("text"), Value::as_str).unwrap_or_default();
    only(message, "message", &fields)?;
    if message.get("recipient_type").is_some_and(|kind| kind != "individual") {
        return Err(GraphError::parameter("Param recipient_type must be one of {INDIVIDUAL}."));
    }
    let address = address(message)?;
    let (text, document, template) = match kind {
        "text" => (text(object(message, "message", "text")?)?, None, None),
        "interactive" => (interactive::read(object(message, "message", "interactive")?)?, None, None),
        "template" => {
            let (text, category) = template::read(object(message, "message", "template")?, templates)?;
            (text, None, Some(category))
        }
        "document" => {
            let (caption, document) = uploads::read(meta, object(message, "message", "document")?)?;
            (format!("{caption}\n[{}]", document.name), Some(document), None)
        }
        "audio" | "contacts" | "image" | "location" | "reaction" | "sticker" | "video" => {
            return Err(GraphError::detailed(
                131_051,
                "Unsupported message type",
                "Not served by this simulator.",
            ));
        }
        _ => {
            let details = "Param type must be one of {AUDIO, CONTACTS, DOCUMENT, IMAGE, INTERACTIVE, LOCATION, \
                           REACTION, STICKER, TEMPLATE, TEXT, VIDEO}";
            return Err(GraphError::parameter(details));
        }
    };
    let quotes = match message.get("context").map(Value::as_object) {
        None => None,
        Some(Some(context)) => {
            only(context, "context", &["message_id"])?;
            Some(string(context, "context", "message_id", 1, usize::MAX)?.to_owned())
        }
        Some(None) => return Err(GraphError::parameter("Param context must be a JSON object.")),
    };
    let opaque = match message.get("biz_opaque_callback_data") {
        None => None,
        Some(_) => Some(string(message, "message", "biz_opaque_callback_data", 0, OPAQUE)?.to_owned()),
    };
    Ok(Draft {
        address,
        kind: kind.to_owned(),
        text,
        document,
        opaque,
        quotes,
        template,
        request: request.clone(),
    })
}

/// Refuses fields that the object does not have.
pub(super) fn only(object: &Map<String, Value>, name: &str, fields: &[&str]) -> Result<(), GraphError> {
    match object.keys().find(|key| !fields.contains(&key.as_str())) {
        Some(key) => Err(GraphError::parameter(format!("Unexpected key \"{key}\" on param \"{name}\"."))),
        None => Ok(()),
    }
}

/// A required object.
pub(super) fn object<'a>(
    parent: &'a Map<String, Value>,
    name: &str,
    key: &str,
) -> Result<&'a Map<String, Value>, GraphError> {
    let missing = || GraphError::parameter(format!("The parameter {name}['{key}'] is required."));
    parent.get(key).and_then(Value::as_object).ok_or_else(missing)
}

/// A required string whose length lies between the bounds, in UTF-16 units.
pub(super) fn string<'a>(
    parent: &'a Map<String, Value>,
    name: &str,
    key: &str,
    least: usize,
    most: usize,
) -> Result<&'a str, GraphError> {
    let missing = || GraphError::parameter(format!("The parameter {name}['{key}'] is required."));
    let text = parent.get(key).and_then(Value::as_str).ok_or_else(missing)?;
    let length = text.encode_utf16().count();
    if length < least || (least > 0 && text.trim().is_empty()) {
        return Err(GraphError::parameter(format!("Param {name}['{key}'] must be a non-empty string.")));
    }
    if length > most {
        let details = format!("Param {name}['{key}'] must be at most {most} characters long.");
        return Err(GraphError::parameter(details));
    }
    Ok(text)
}

fn text(text: &Map<String, Value>) -> Result<String, GraphError> {
    only(text, "text", &["body", "preview_url"])?;
    if text.get("preview_url").is_some_and(|preview| !preview.is_boolean()) {
        return Err(GraphError::parameter("Param text['preview_url'] must be a boolean."));
    }
    string(text, "text", "body", 1, TEXT).map(str::to_owned)
}

fn address(message: &Map<String, Value>) -> Result<Address, GraphError> {
    // With both given, the number wins.
    if message.contains_key("to") {
        let written = string(message, "message", "to", 1, 64)?;
        let digits: String = written.chars().filter(|c| !" -()".contains(*c)).collect();
        let (plus, digits) = digits.strip_prefix('+').map_or((false, digits.as_str()), |rest| (true, rest));
        let is_number = (5..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        return match (is_number, plus) {
            (false, _) => Err(GraphError::parameter("Param to must be a valid WhatsApp ID or phone number.")),
            (true, true) => Ok(Address::Number(digits.to_owned())),
            (true, false) => Ok(Address::National(digits.to_owned())),
        };
    }
    if message.contains_key("recipient") {
        let user_id = string(message, "message", "recipient", 4, 140)?;
        let well_formed = user_id.split_once('.').is_some_and(|(country, rest)| {
            country.len() == 2 && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
        });
        return if well_formed {
            Ok(Address::User(user_id.to_owned()))
        } else {
            Err(GraphError::parameter("Param recipient must be a valid business-scoped user ID."))
        };
    }
    Err(GraphError::parameter("The parameter to is required."))
}
