//! How a provider reports what became of a message: at once, late, twice, in the wrong order, or not at all.
//!
//! Both `WhatsApp` providers deliver their statuses at least once and promise no order; a product that only
//! survives the tidy case is not ready. The policy is the same for both, the words on the wire are not.

use std::time::Duration;

/// What happens to the statuses of the messages that are accepted from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Statuses {
    /// Posted as soon as the message is accepted: possibly before the answer to the request has been read.
    #[default]
    Immediate,
    /// Posted in order after this delay of real time.
    Delayed(Duration),
    /// Each one posted twice in a row.
    Duplicated,
    /// The last one first.
    OutOfOrder,
    /// Never posted; the message is delivered all the same.
    Never,
}

impl Statuses {
    /// The reports in the order in which they go on the wire.
    pub fn arrange<T: Clone>(self, steps: &[T]) -> Vec<T> {
        match self {
            Self::Immediate | Self::Delayed(_) => steps.to_vec(),
            Self::Duplicated => steps.iter().flat_map(|step| [step.clone(), step.clone()]).collect(),
            Self::OutOfOrder => steps.iter().rev().cloned().collect(),
            Self::Never => Vec::new(),
        }
    }

    /// Lets the delay pass, if there is one.
    pub async fn delay(self) {
        if let Self::Delayed(by) = self {
            tokio::time::sleep(by).await;
        }
    }
}

/// What became of a message that the provider accepted, worst knowledge first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Accepted by the API, nothing more is known.
    Accepted,
    /// Left the provider.
    Sent,
    /// On the person's phone.
    Delivered,
    /// Seen by the person.
    Read,
    /// Will never arrive; the provider's error code.
    Failed(u32),
}

impl Fate {
    /// The word that both providers use for it on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed(_) => "failed",
        }
    }
}
