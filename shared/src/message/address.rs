//! Who wrote, and where an answer goes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::phone::E164;

/// Where an answer goes: exactly what the message came from, since WhatsApp identities of some countries differ
/// from the number that a person would dial, and a username may hide the number altogether (Meta, 2026).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Address {
    /// Meta, by number: sent with a leading `+`, without which Meta prepends the country of the business.
    Phone(E164),
    /// Meta, by business-scoped user id: goes in `recipient`, not in `to`.
    Bsuid(String),
    /// Twilio: the channel address, repeated verbatim.
    Channel(String),
}

impl Address {
    /// In place of an address that nobody can read any more, or has no need to. Nothing is ever sent there.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::Channel(String::new())
    }

    /// The part that tells people apart, for lanes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.as_str(),
            Self::Bsuid(id) | Self::Channel(id) => id,
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Phone(_) => "Address(phone)",
            Self::Bsuid(_) => "Address(bsuid)",
            Self::Channel(_) => "Address(channel)",
        })
    }
}

/// Who wrote. At least one of phone and business-scoped id is there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Where the answer goes.
    pub address: Address,
    /// The number, when the provider shares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<E164>,
    /// The business-scoped user id (Meta, since April 2026).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bsuid: Option<String>,
}

/// By what they are known, and not by which: an id names a person as a number does.
impl fmt::Debug for Sender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sender").field("address", &self.address).finish_non_exhaustive()
    }
}
