//! The service level that people feel: whether a reply to what they wrote reached their provider, which kind it was, and how
//! long they waited. Counted at the first part of each reply, once, since a row is taken or given up once.

use chrono::TimeDelta;
use metrics::{counter, histogram};
use shared::outbox::{Outgoing, Reply};

/// How a reply ends: its person has it, or that it came to nothing, or neither.
pub const REPLIES: &[&str] = &["answered", "apologised", "undelivered"];

/// Its provider has it; its person has been waiting for so long.
pub(super) fn delivered(message: &Outgoing, waited: TimeDelta) {
    match message.reply {
        None => {}
        Some(Reply::Apology) => count("apologised"),
        Some(Reply::Answer) => {
            count("answered");
            if let Ok(waited) = waited.to_std() {
                histogram!("postly_first_reply_seconds").record(waited);
            }
        }
    }
}

/// It will not be sent, and somebody was waiting for it.
pub(super) fn undelivered(message: &Outgoing) {
    if message.reply.is_some() {
        count("undelivered");
    }
}

fn count(outcome: &'static str) {
    counter!("postly_replies_total", "outcome" => outcome).increment(1);
}
