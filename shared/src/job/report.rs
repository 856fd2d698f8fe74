//! What a provider reports on a message of ours: where it stands, and what it costs.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::message::Provider;

/// How far a message of ours has come.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Who reports.
    pub provider: Provider,
    /// The provider's id of our message, as [`opaque()`](crate::message::opaque()) makes it; as it came, in a job of an older version.
    pub provider_message_id: String,
    /// The row of the outbox, when our own id came back with the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox_id: Option<i64>,
    /// Where it stands.
    pub status: SendStatus,
    /// When, says the provider.
    pub at: DateTime<Utc>,
    /// The provider's error code, for a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// What the provider says that it bills. A job from before this field says nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Pricing>,
}

/// Without the provider's id: Meta's is made of the number that a message went to.
impl fmt::Debug for StatusReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StatusReport")
            .field("provider", &self.provider)
            .field("outbox_id", &self.outbox_id)
            .field("status", &self.status)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}

/// How a message is billed, in the provider's words (Meta: Status webhooks). `billable` is on its way out there: the kind
/// and the category say as much.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pricing {
    /// Whether it costs anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billable: Option<bool>,
    /// By message (`PMP`) or, formerly, by conversation (`CBP`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `regular`, or why it is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Which rate: `service`, `authentication`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// The stages of a message that left us, in their order; `Failed` is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SendStatus {
    /// Left the provider.
    Sent,
    /// Reached the phone.
    Delivered,
    /// Was opened (or played).
    Read,
    /// Will not arrive.
    Failed,
}

impl SendStatus {
    /// The word in the outbox.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }
}
