//! The calls that were made, and the gate that can hold them.
//!
//! A call is written down when it arrives, before anything can go wrong with it: a test that kills a worker
//! during a held call knows that the call was made, and sees that it was never answered.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::watched::Watched;
use super::errors::OpenAiFault;

/// A chat completion that somebody asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Arrival.
    pub at: DateTime<Utc>,
    /// The model asked for.
    pub model: String,
    /// `response_format.json_schema.name`, if a schema was given.
    pub schema_name: Option<String>,
    /// The last `user` message.
    pub user_text: String,
    /// All `system` and `developer` messages.
    pub system_text: String,
    /// The whole request; `null` when it was not JSON.
    pub request: Value,
    /// The key that it came with.
    pub key: String,
    /// The trouble that it met.
    pub fault: Option<OpenAiFault>,
    /// Status of the answer; `None` while none has been given.
    pub status: Option<u16>,
}

/// Who may pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Gate {
    #[default]
    Open,
    Closed,
    ClosedFor(String),
}

/// The calls of one simulator.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub made: Vec<Call>,
    pub gate: Gate,
}

impl Gate {
    fn lets_pass(&self, schema: Option<&str>) -> bool {
        match self {
            Self::Open => true,
            Self::Closed => false,
            Self::ClosedFor(held) => schema != Some(held),
        }
    }
}

/// Writes a call down and returns its place.
pub(super) fn arrived(calls: &Watched<Calls>, call: Call) -> usize {
    calls.change(|calls| {
        calls.made.push(call);
        calls.made.len() - 1
    })
}

/// Notes how a call was answered.
pub(super) fn answered(calls: &Watched<Calls>, place: usize, status: u16) {
    calls.change(|calls| calls.made[place].status = Some(status));
}

/// Waits until the gate lets a call with this schema pass. Whoever opens it decides how long that takes.
pub(super) async fn pass(calls: &Watched<Calls>, schema: Option<&str>) {
    let for_ever = std::time::Duration::MAX;
    let open = |calls: &Calls| calls.gate.lets_pass(schema).then_some(());
    // The only error is the limit, and this wait has none.
    let _ = calls.until(for_ever, "the gate to open", open).await;
}
