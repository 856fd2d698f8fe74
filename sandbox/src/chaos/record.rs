//! What was said, and what the provider was told about it: the list that the verdict goes through.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use shared::message::{MessageId, Provider};

/// What a message wants, and so how it may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An answer for nothing.
    Command,
    /// Posts.
    Brief,
    /// Posts that no model will write.
    Hopeless,
    /// It kills whoever works on it.
    Poison,
}

/// A message that was said.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// Its key in the books.
    pub(super) id: MessageId,
    /// Who carried it.
    pub(super) provider: Provider,
    /// Whose lane it is in.
    pub(super) person: usize,
    /// What it wants.
    pub(super) kind: Kind,
    /// A word of its text that no other message has.
    pub(super) tag: String,
    /// Before it was first posted.
    pub(super) offered_at: DateTime<Utc>,
    /// After the provider heard 200, if it ever did.
    pub(super) acknowledged_at: Option<DateTime<Utc>>,
}

/// Everything that was said. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub(super) struct Record(Arc<Mutex<Vec<Said>>>);

impl Record {
    pub(super) fn add(&self, said: Said) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(said);
    }

    /// Everything so far.
    pub(super) fn all(&self) -> Vec<Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
