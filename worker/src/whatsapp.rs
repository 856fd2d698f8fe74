//! Talking to the providers. An enum of two rather than a trait: tests fake them behind HTTP, where our JSON, our
//! headers and our reading of their errors are tested too.

pub mod action;
mod code;
#[cfg(test)]
mod fuzz;
pub mod meta;
pub mod twilio;

use serde_json::Value;
use shared::message::{Inbound, Provider, opaque};
use shared::outbox::Outgoing;

use crate::form::Upload;

pub use action::{Action, Why};
pub use meta::Meta;
pub use twilio::Twilio;

/// Every provider that is configured. A reply leaves by the one that its message came by.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    /// Meta, if it is.
    pub meta: Option<Meta>,
    /// Twilio, if it is.
    pub twilio: Option<Twilio>,
    /// By whom leaves what starts with us (`WHATSAPP_PROVIDER`).
    pub ours: Option<Provider>,
}

/// The provider took it: its id for our message, as [`opaque`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted(pub String);

/// A file that a provider has: its id there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaId(String);

impl Accepted {
    /// The id of an answer, as a report will name it. `None`: it names nothing.
    fn named(id: &Value) -> Option<Self> {
        Some(opaque(id.as_str()?)).filter(|id| !id.trim().is_empty()).map(Self)
    }
}

/// A provider did not take a message, or did not say so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{action:?} ({code})")]
pub struct SendError {
    /// The provider's code, or a word of ours.
    pub code: String,
    /// What follows. Decided in the provider's own rooms, where its codes are known.
    pub action: Action,
    /// The provider's name for this call, which its support asks for (Meta: `fbtrace_id`).
    pub trace: Option<String>,
}

impl SendError {
    /// An error without a trace.
    pub fn new(code: impl Into<String>, action: Action) -> Self {
        Self { code: code.into(), action, trace: None }
    }
}

/// What a code of this provider asks of us when it comes in a report, long after the message was taken. `None`: a code
/// that is not in its table.
#[must_use]
pub fn reported(provider: Provider, code: &str) -> Option<Action> {
    let code = code.parse().ok()?;
    match provider {
        Provider::Meta => meta::codes::action(code),
        Provider::Twilio => twilio::codes::action(code),
    }
}

impl Providers {
    /// Sends one message.
    pub async fn send(&self, message: &Outgoing) -> Result<Accepted, SendError> {
        let unconfigured = || SendError::new("not_configured", Action::Operator);
        match message.provider {
            Provider::Meta => self.meta.as_ref().ok_or_else(unconfigured)?.send(message).await,
            Provider::Twilio => self.twilio.as_ref().ok_or_else(unconfigured)?.send(message).await,
        }
    }

    /// Puts a file where a message of this one's number may refer to it. Nothing reaches anybody by this: another try is harmless.
    pub async fn upload(&self, message: &Outgoing, file: Upload<'_>) -> Result<MediaId, SendError> {
        match (message.provider, &self.meta) {
            (Provider::Meta, Some(meta)) => meta.upload(&message.business, file).await,
            (Provider::Meta, None) => Err(SendError::new("not_configured", Action::Operator)),
            (Provider::Twilio, _) => Err(SendError::new("no_documents", Action::Refused(Why::Request))),
        }
    }

    /// Sends a file that was uploaded, with the text of the message beside it.
    pub async fn send_document(
        &self,
        message: &Outgoing,
        media: &MediaId,
        name: &str,
    ) -> Result<Accepted, SendError> {
        let meta = self.meta.as_ref().ok_or_else(|| SendError::new("not_configured", Action::Operator))?;
        meta.send_document(message, media, name).await
    }

    /// How many messages one of our numbers may send in a second.
    #[must_use]
    pub fn per_second(&self, provider: Provider) -> u32 {
        let configured = match provider {
            Provider::Meta => self.meta.as_ref().map(|meta| meta.per_second),
            Provider::Twilio => self.twilio.as_ref().map(|twilio| twilio.per_second),
        };
        configured.unwrap_or(crate::policy::PER_SECOND)
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
        SendError::new("no_connection", Action::Again)
    } else {
        SendError::new(if error.is_timeout() { "timeout" } else { "connection_lost" }, Action::Unclear)
    }
}
