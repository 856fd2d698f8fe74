//! The conversations of the queue.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Provider, short};
use crate::vault::Vault;

/// The key of one conversation in the queue.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(String);

impl Lane {
    /// That of whoever has this name, with one of our numbers.
    pub(super) fn of(provider: Provider, business: &str, who: &str) -> Self {
        Self(format!("{provider}:{}:{who}", short(business)))
    }

    /// A lane for work that is not a person's message, such as delivery reports, so that it never waits behind
    /// one.
    #[must_use]
    pub fn aside(kind: &str, key: &str) -> Self {
        Self(format!("{kind}:{}", short(key)))
    }

    /// Whether it is the conversation of whoever has this number or id, or was before lanes hid that.
    pub(crate) fn is_of(&self, vault: &Vault, name: &str) -> bool {
        let channel = format!("whatsapp:{name}");
        let names = [name, channel.as_str()];
        let mut whos = names.into_iter().flat_map(|name| vault.whos(name).chain([name.to_owned()]));
        whos.any(|who| self.0.strip_suffix(&who).is_some_and(|before| before.ends_with(':')))
    }

    /// A short digest that logs and operators may see.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(&Sha256::digest(self.0.as_bytes())[..6])
    }

    /// A lane read back from the queue.
    #[must_use]
    pub fn from_stored(lane: String) -> Self {
        Self(lane)
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Lane(#{})", self.fingerprint())
    }
}
