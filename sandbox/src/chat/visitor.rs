//! Who writes on the page: two people, each with a phone at both providers. Four numbers, since two phones with one number
//! would share one account.

use serde_json::{Value, json};
use shared::message::Provider;

/// One of the phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Visitor {
    /// Who connects it.
    pub provider: Provider,
    /// Whose it is.
    pub who: Who,
}

/// A person of the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Who {
    /// Whoever opens the page.
    #[default]
    Alice,
    /// Somebody else, with credits and posts of their own.
    Bob,
}

impl Who {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Alice, Self::Bob];

    /// The person of this name; whoever opens the page, if there is none.
    #[must_use]
    pub fn named(name: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|who| Some(who.name()) == name).unwrap_or_default()
    }

    /// The name on the phone.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Alice => "Alice",
            Self::Bob => "Bob",
        }
    }
}

impl Visitor {
    /// Every phone.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let both = |provider| Who::ALL.map(|who| Self { provider, who });
        Provider::ALL.into_iter().flat_map(both).collect()
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> &'static str {
        match (self.who, self.provider) {
            (Who::Alice, Provider::Meta) => "+33639980001",
            (Who::Alice, Provider::Twilio) => "+33639980002",
            (Who::Bob, Provider::Meta) => "+33639980003",
            (Who::Bob, Provider::Twilio) => "+33639980004",
        }
    }

    /// The names among which the page switches.
    pub(super) fn names() -> Value {
        json!(Who::ALL.map(Who::name))
    }
}
