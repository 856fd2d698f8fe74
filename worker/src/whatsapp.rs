//! Talking to the providers. An enum of two rather than a trait: tests fake them behind HTTP, where our JSON, our
//! headers and our reading of their errors are tested too.

pub mod meta;
pub mod twilio;

use std::time::Duration;

use shared::message::{Inbound, Provider};
use shared::outbox::Outgoing;

pub use meta::Meta;
pub use twilio::Twilio;

/// Every provider that is configured. A reply leaves by the one that its message came by.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    /// Meta, if it is.
    pub meta: Option<Meta>,
    /// Twilio, if it is.
    pub twilio: Option<Twilio>,
}

/// The provider took it: its id for our message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted(pub String);

/// Why a provider did not take a message. Decided in the provider's own file, where its codes are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not taken; another try may work, after this long if somebody said so.
    #[error("not taken ({code})")]
    Retry {
        /// The provider's code, or a word of ours.
        code: String,
        /// How long to wait.
        after: Option<Duration>,
    },
    /// Not taken, and never will be.
    #[error("refused ({code})")]
    Final {
        /// The provider's code.
        code: String,
    },
    /// Nothing can be sent from this number until its operator has done something.
    #[error("the operator is needed ({code})")]
    Operator {
        /// The provider's code.
        code: String,
    },
    /// It may have been taken: the answer never came, or said nothing.
    #[error("outcome unknown ({code})")]
    Unknown {
        /// A word of ours.
        code: String,
    },
}

impl SendError {
    /// The provider's code, or a word of ours.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Retry { code, .. }
            | Self::Final { code }
            | Self::Operator { code }
            | Self::Unknown { code } => code,
        }
    }
}

impl Providers {
    /// Sends one message.
    pub async fn send(&self, message: &Outgoing) -> Result<Accepted, SendError> {
        let unconfigured = || SendError::Operator { code: "not_configured".to_owned() };
        match message.provider {
            Provider::Meta => self.meta.as_ref().ok_or_else(unconfigured)?.send(message).await,
            Provider::Twilio => self.twilio.as_ref().ok_or_else(unconfigured)?.send(message).await,
        }
    }

    /// Marks a person's message as read and shows that we are typing. A courtesy: what goes wrong with it is
    /// logged and forgotten.
    pub async fn typing(&self, inbound: &Inbound) {
        let done = match inbound.provider {
            Provider::Meta => match &self.meta {
                Some(meta) => meta.typing(inbound).await,
                None => return,
            },
            Provider::Twilio => match &self.twilio {
                Some(twilio) => twilio.typing(inbound).await,
                None => return,
            },
        };
        if let Err(error) = done {
            tracing::debug!(provider = %inbound.provider, "no typing indicator: {}", error.without_url());
        }
    }
}

/// What a failed HTTP call says about the message: a connection that was never made carried nothing.
fn not_answered(error: &reqwest::Error) -> SendError {
    if error.is_connect() {
        SendError::Retry { code: "no_connection".to_owned(), after: None }
    } else {
        SendError::Unknown { code: if error.is_timeout() { "timeout" } else { "connection_lost" }.to_owned() }
    }
}
