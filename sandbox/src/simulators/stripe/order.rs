//! What somebody asked Checkout for: the parameters of `POST /v1/checkout/sessions`, read and judged.
//!
//! Only what this product may need is known; anything else is refused as unknown, as Stripe refuses a misspelling.
//! Prices are not looked up here: that belongs to the execution.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use url::Url;

use super::errors::ApiError;
use super::form::{Form, steps};

/// Languages of the hosted page.
const LOCALES: [&str; 41] = [
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru",
    "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];
/// Shortest and longest life of a session, in seconds.
const LIFE: (i64, i64) = (30 * 60, 24 * 60 * 60);
/// Longest `client_reference_id`, in characters.
const REFERENCE: usize = 200;
/// Most metadata: pairs, characters of a key, characters of a value.
const METADATA: (usize, usize, usize) = (50, 40, 500);
/// Longest address.
const ADDRESS: usize = 5000;

/// A price, some times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The price's id.
    pub price: String,
    /// How many.
    pub quantity: u64,
}

/// A request for a payment that may be fulfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Whom the payment is for, in our own words.
    pub client_reference_id: Option<String>,
    /// What is bought, in the order of its indices.
    pub lines: Vec<Line>,
    /// Metadata of the session.
    pub metadata: BTreeMap<String, String>,
    /// Metadata of the payment intent and its charge.
    pub payment_metadata: BTreeMap<String, String>,
    /// Where a person goes who paid, before `{CHECKOUT_SESSION_ID}` is replaced.
    pub success_url: String,
    /// Where a person goes who did not want to.
    pub cancel_url: Option<String>,
    /// Language of the page.
    pub locale: Option<String>,
    /// When the session should end.
    pub expires_at: Option<DateTime<Utc>>,
    /// An address that the page knows in advance.
    pub customer_email: Option<String>,
    /// Whether the page takes promotion codes (this one never has any).
    pub allow_promotion_codes: Option<bool>,
}

/// Parameters as they come, before anything is demanded of them together.
#[derive(Default)]
struct Draft {
    mode: bool,
    lines: BTreeMap<usize, (Option<String>, Option<u64>)>,
    metadata: BTreeMap<String, String>,
    payment_metadata: BTreeMap<String, String>,
    client_reference_id: Option<String>,
    success_url: Option<String>,
    cancel_url: Option<String>,
    locale: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    customer_email: Option<String>,
    allow_promotion_codes: Option<bool>,
}

/// Reads the parameters of a new session.
pub(super) fn read(form: &Form, now: DateTime<Utc>) -> Result<Order, ApiError> {
    let mut draft = Draft::default();
    for (name, value) in form {
        draft.take(name, value, now)?;
    }
    draft.order()
}

impl Draft {
    fn take(&mut self, name: &str, value: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        let steps = steps(name);
        if value.is_empty() && !name.contains("metadata") {
            let message = format!(
                "You passed an empty string for '{name}'. We assume empty values are an attempt to \
                         unset a parameter; however '{name}' cannot be unset."
            );
            return Err(ApiError::value(name, Some("parameter_invalid_empty"), message));
        }
        match steps.as_slice() {
            ["mode"] => self.mode = mode(value)?,
            ["client_reference_id"] => self.client_reference_id = Some(reference(value)?),
            ["line_items", index, field @ ("price" | "quantity")] => {
                let index = index.parse().map_err(|_| ApiError::unknown(name))?;
                let line = self.lines.entry(index).or_default();
                match *field {
                    "price" => line.0 = Some(value.to_owned()),
                    _ => line.1 = Some(quantity(name, value)?),
                }
            }
            ["metadata", key] => note(&mut self.metadata, "metadata", key, value)?,
            ["payment_intent_data", "metadata", key] => {
                note(&mut self.payment_metadata, "payment_intent_data[metadata]", key, value)?;
            }
            ["success_url"] => self.success_url = Some(address(name, value)?),
            ["cancel_url"] => self.cancel_url = Some(address(name, value)?),
            ["locale"] => self.locale = Some(locale(value)?),
            ["expires_at"] => self.expires_at = Some(end(value, now)?),
            ["customer_email"] => self.customer_email = Some(email(value)?),
            ["allow_promotion_codes"] => self.allow_promotion_codes = Some(boolean(name, value)?),
            _ => return Err(ApiError::unknown(name)),
        }
        Ok(())
    }

    fn order(self) -> Result<Order, ApiError> {
        if !self.mode {
            return Err(ApiError::missing("mode"));
        }
        if self.lines.is_empty() {
            let message = "The `line_items` parameter is required in payment mode.";
            return Err(ApiError::value("line_items", Some("parameter_missing"), message));
        }
        let line = |(index, (price, quantity)): (usize, (Option<String>, Option<u64>))| {
            let missing = |field: &str| ApiError::missing(&format!("line_items[{index}][{field}]"));
            let price = price.ok_or_else(|| missing("price"))?;
            let quantity = quantity.ok_or_else(|| missing("quantity"))?;
            Ok(Line { price, quantity })
        };
        Ok(Order {
            client_reference_id: self.client_reference_id,
            lines: self.lines.into_iter().map(line).collect::<Result<_, _>>()?,
            metadata: self.metadata,
            payment_metadata: self.payment_metadata,
            success_url: self.success_url.ok_or_else(|| ApiError::missing("success_url"))?,
            cancel_url: self.cancel_url,
            locale: self.locale,
            expires_at: self.expires_at,
            customer_email: self.customer_email,
            allow_promotion_codes: self.allow_promotion_codes,
        })
    }
}

fn mode(value: &str) -> Result<bool, ApiError> {
    match value {
        "payment" => Ok(true),
        "setup" | "subscription" => Err(ApiError::value(
            "mode",
            None,
            format!("This simulator knows mode=payment, and not {value}; all its prices are one-time."),
        )),
        _ => {
            let message = "Invalid mode: must be one of payment, setup, or subscription";
            Err(ApiError::value("mode", None, message))
        }
    }
}

fn reference(value: &str) -> Result<String, ApiError> {
    if value.chars().count() > REFERENCE {
        let message = format!("Invalid string: must be at most {REFERENCE} characters");
        return Err(ApiError::value("client_reference_id", None, message));
    }
    Ok(value.to_owned())
}

fn quantity(name: &str, value: &str) -> Result<u64, ApiError> {
    let invalid = |message: String| ApiError::value(name, Some("parameter_invalid_integer"), message);
    let quantity: i64 = value.parse().map_err(|_| invalid(format!("Invalid integer: {value}")))?;
    u64::try_from(quantity)
        .ok()
        .filter(|quantity| (1..=999_999).contains(quantity))
        .ok_or_else(|| invalid("This value must be greater than or equal to 1.".to_owned()))
}

/// Adds a pair of metadata; an empty value unsets its key.
fn note(
    metadata: &mut BTreeMap<String, String>,
    whose: &str,
    key: &str,
    value: &str,
) -> Result<(), ApiError> {
    let (pairs, longest_key, longest_value) = METADATA;
    let refused = |message: String| Err(ApiError::value(format!("{whose}[{key}]"), None, message));
    if key.is_empty() || key.chars().count() > longest_key {
        return refused(format!("Metadata keys can have up to {longest_key} characters."));
    }
    if value.chars().count() > longest_value {
        return refused(format!("Metadata values can have up to {longest_value} characters."));
    }
    if value.is_empty() {
        metadata.remove(key);
        return Ok(());
    }
    metadata.insert(key.to_owned(), value.to_owned());
    if metadata.len() > pairs {
        return Err(ApiError::value(whose, None, format!("You can have up to {pairs} metadata keys.")));
    }
    Ok(())
}

fn address(name: &str, value: &str) -> Result<String, ApiError> {
    let absolute =
        Url::parse(value).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // A parser forgives spaces and line breaks at the edges; they would break the redirection.
    let clean = !value.contains(|character: char| character.is_control() || character == ' ');
    if value.len() > ADDRESS || !absolute || !clean || !value.contains("://") {
        return Err(ApiError::value(name, Some("url_invalid"), "Not a valid URL"));
    }
    Ok(value.to_owned())
}

fn locale(value: &str) -> Result<String, ApiError> {
    if LOCALES.contains(&value) {
        return Ok(value.to_owned());
    }
    let message = format!("Invalid locale: must be one of {}", LOCALES.join(", "));
    Err(ApiError::value("locale", None, message))
}

fn end(value: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, ApiError> {
    let refused = |message: String| ApiError::value("expires_at", None, message);
    let end = value.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let end = end.ok_or_else(|| refused(format!("Invalid integer: {value}")))?;
    let life = end.timestamp() - now.timestamp();
    if life < LIFE.0 {
        let message =
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.";
        return Err(refused(message.to_owned()));
    }
    if life > LIFE.1 {
        let message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.";
        return Err(refused(message.to_owned()));
    }
    Ok(end)
}

fn email(value: &str) -> Result<String, ApiError> {
    let valid = value.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !value.contains(char::is_whitespace)
    });
    if valid {
        return Ok(value.to_owned());
    }
    Err(ApiError::value("customer_email", Some("email_invalid"), format!("Invalid email address: {value}")))
}

fn boolean(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(ApiError::value(name, None, format!("Invalid boolean: {value}"))),
    }
}
