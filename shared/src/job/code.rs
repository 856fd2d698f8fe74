//! A one-time code that is to be sent. The code itself is made when it leaves, and is nowhere before.

use serde::{Deserialize, Serialize};

use crate::message::{Address, Lane, MessageId, Provider};

/// How the key of a code begins.
const CAUSE: &str = "code:";

/// Which code is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeWish {
    /// The challenge (`"OtpChallenge"`).
    pub challenge: String,
    /// Which time it was asked for, from 1.
    pub number: i32,
    /// In which conversation, where it was asked for in one. Otherwise from our own number to the challenge's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<CodeRoute>,
}

/// The conversation in which a code was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRoute {
    /// Who carries it.
    pub provider: Provider,
    /// Our number in it.
    pub business: String,
    /// Where the code goes: a number, however the conversation itself names its person.
    pub address: Address,
    /// Its lane.
    pub lane: Lane,
}

impl CodeWish {
    /// The wish for a code of this challenge.
    #[must_use]
    pub fn new(challenge: String, number: i32) -> Self {
        Self { challenge, number, at: None }
    }

    /// The same, in this conversation.
    #[must_use]
    pub fn at(self, route: CodeRoute) -> Self {
        Self { at: Some(route), ..self }
    }

    /// The key of everything that it causes.
    #[must_use]
    pub fn cause(&self) -> MessageId {
        MessageId::from_stored(format!("{CAUSE}{}:{}", self.challenge, self.number))
    }

    /// Whether something was caused by a wish for a code. No message of a person begins like it.
    #[must_use]
    pub fn is_cause(cause: &MessageId) -> bool {
        cause.as_str().starts_with(CAUSE)
    }
}
