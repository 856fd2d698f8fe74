//! Which message: the key from which every effect of it derives its own.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Provider;
use super::opaque::{conceal, digested, opaque};

/// The provider's id of an inbound message, qualified by provider and scope (Meta: the business number,
/// Twilio: the account). Every effect of the message derives its key from this. A part that contains the sender's
/// number is in it as a digest only.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct MessageId(String);

/// Longer parts are replaced by their digest: an index of Postgres takes 2 700 bytes, and an id has no reason to
/// come near.
pub(super) const LONGEST_PART: usize = 200;

impl MessageId {
    /// Qualifies a provider's id.
    #[must_use]
    pub fn new(provider: Provider, scope: &str, id: &str) -> Self {
        Self(format!("{provider}:{}:{}", opaque(scope), opaque(id)))
    }

    /// An id read back from our own tables or queue, also where an older version wrote it.
    #[must_use]
    pub fn from_stored(id: String) -> Self {
        let other = match conceal(&id) {
            Cow::Owned(other) => Some(other),
            Cow::Borrowed(_) => None,
        };
        Self(other.unwrap_or(id))
    }

    /// The qualified id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as the provider wrote it, or its digest. Calls name a message by [`super::Inbound::provider_id()`].
    #[must_use]
    pub fn provider_part(&self) -> &str {
        part(&self.0)
    }

    /// A short digest that logs may carry.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(&Sha256::digest(self.0.as_bytes())[..6])
    }
}

/// What stands behind provider and scope.
pub(super) fn part(id: &str) -> &str {
    id.splitn(3, ':').nth(2).unwrap_or_default()
}

impl From<String> for MessageId {
    fn from(id: String) -> Self {
        Self::from_stored(id)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MessageId(#{})", self.fingerprint())
    }
}

/// Bounds a foreign identifier and removes what Postgres cannot store.
#[must_use]
pub fn short(part: &str) -> String {
    let part = clean(part);
    if part.len() <= LONGEST_PART { part } else { digested(&part) }
}

/// The text without NUL.
#[must_use]
pub fn clean(text: &str) -> String {
    text.replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absurd_id_still_makes_a_key() {
        let id = MessageId::new(Provider::Meta, "1098", &"x".repeat(100_000));
        assert!(id.as_str().len() < 300);
        assert_ne!(id, MessageId::new(Provider::Meta, "1098", &"x".repeat(100_001)));
        assert_eq!(MessageId::new(Provider::Meta, "1", "id.a:b=").provider_part(), "id.a:b=");
    }

    #[test]
    fn a_key_has_no_number_in_it_however_it_was_made() {
        let id = MessageId::new(Provider::Meta, "1098", "wamid.A");
        assert_eq!(id.as_str(), format!("meta:1098:{}", opaque("wamid.A")));
        assert_eq!(id, MessageId::from_stored("meta:1098:wamid.A".to_owned()));
        assert_eq!(id, serde_json::from_str(r#""meta:1098:wamid.A""#).unwrap());
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{}\"", id.as_str()));
    }
}
