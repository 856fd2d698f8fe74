//! A phone number as providers write it: `+`, then 7 to 15 digits (ITU-T E.164).
//!
//! Parsed once, at the door; after that the type is trusted. Its `Debug` masks the digits, so that a number
//! can never reach a log by accident.

#[cfg(test)]
mod fuzz;
mod spelling;
mod typed;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

pub use typed::Region;

/// A number with its country code. The shape is checked, never the numbering plan: real WhatsApp identities of
/// Mexico, Brazil and Côte d'Ivoire are invalid for libraries that know the plans.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct E164(String);

/// The text was not `+` and 7 to 15 digits, the first of them not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number in international form (+, country code, digits)")]
pub struct InvalidPhone;

impl E164 {
    /// Reads a provider's identity, which comes with or without the `+` (Meta's `from` has none).
    pub fn from_provider(digits: &str) -> Result<Self, InvalidPhone> {
        format!("+{}", digits.strip_prefix('+').unwrap_or(digits)).parse()
    }

    /// The number, `+` included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For people who watch logs: country and last two digits, nothing between.
    #[must_use]
    pub fn masked(&self) -> String {
        let (head, tail) = (&self.0[..3], &self.0[self.0.len() - 2..]);
        format!("{head}…{tail}")
    }
}

impl FromStr for E164 {
    type Err = InvalidPhone;

    fn from_str(text: &str) -> Result<Self, InvalidPhone> {
        let digits = text.strip_prefix('+').ok_or(InvalidPhone)?;
        let shaped = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if shaped { Ok(Self(text.to_owned())) } else { Err(InvalidPhone) }
    }
}

impl Serialize for E164 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl TryFrom<String> for E164 {
    type Error = InvalidPhone;

    fn try_from(text: String) -> Result<Self, InvalidPhone> {
        text.parse()
    }
}

impl From<E164> for String {
    fn from(phone: E164) -> Self {
        phone.0
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "E164({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_write_numbers_with_and_without_the_plus() {
        assert_eq!(E164::from_provider("33639980123"), "+33639980123".parse());
        assert_eq!(E164::from_provider("+5215512345678").unwrap().as_str(), "+5215512345678");
    }

    #[test]
    fn an_empty_sender_is_nobody() {
        // The original design normalised it to "+", and all such people shared one account.
        for wrong in [
            "",
            "+",
            "+0639980123",
            "33",
            "+33639980123456789",
            "+33 6 39",
            "FR.1390",
            "+３３６３９９８０１２３",
        ] {
            assert_eq!(E164::from_provider(wrong), Err(InvalidPhone), "{wrong}");
        }
    }

    #[test]
    fn debug_shows_no_number() {
        let phone: E164 = "+33639980123".parse().unwrap();
        assert_eq!(format!("{phone:?}"), "E164(+33…23)");
    }
}
