//! Something that only one party knows: 128 bits from the system's generator, of which we keep the digest.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// Before a token in a message. With it, a message is never taken for a brief.
const SIGN: &str = "postly-";

/// The token in a link, or the cookie of a browser.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 16]);

/// The text was not 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 32 hexadecimal digits")]
pub struct InvalidSecret;

impl Secret {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        Self(rand::random())
    }

    /// As it is shown to who is to know it.
    #[must_use]
    pub fn reveal(&self) -> String {
        hex::encode(self.0)
    }

    /// As it stands in a message.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("{SIGN}{}", self.reveal())
    }

    /// The token in a message, wherever it stands: people write before and behind what was written for them.
    #[must_use]
    pub fn found_in(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        text.match_indices(SIGN).find_map(|(place, _)| {
            let rest = &text[place + SIGN.len()..];
            let token = rest.get(..32)?.parse().ok()?;
            let ends = !rest[32..].starts_with(|next: char| next.is_ascii_alphanumeric());
            ends.then_some(token)
        })
    }

    /// What is kept of it. It has as many bits as could ever be guessed, so no key is needed.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.0))
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidSecret)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        let token = Secret::new();
        let words = token.in_words();
        for text in [
            words.clone(),
            format!("Connexion Postly : {words}"),
            format!("bonjour\n{words}. merci"),
            words.to_uppercase(),
        ] {
            assert_eq!(Secret::found_in(&text).as_ref(), Some(&token));
        }
        let digits = token.reveal();
        for text in
            [digits.clone(), format!("postly-{}", &digits[1..]), format!("{words}0"), "postly-é".to_owned()]
        {
            assert_eq!(Secret::found_in(&text), None, "{text}");
        }
        assert!(!format!("{token:?}").contains(&digits) && token.digest() != digits);
    }
}
