//! The signs that somebody is at work: read receipt and typing indicator, shown for 25 seconds by both providers, and so
//! shown again for as long as the work goes on.

use shared::message::Inbound;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Worker;

/// Shown until it is dropped. Nobody waits for it.
#[must_use = "it ends when it is dropped"]
pub struct Typing {
    _until: DropGuard,
}

/// Begins to show that this message was read and is being worked on.
pub fn begin(worker: &Worker, inbound: &Inbound) -> Typing {
    let (providers, inbound, again) =
        (worker.providers.clone(), inbound.clone(), worker.patience.typing_again);
    let ended = CancellationToken::new();
    let until = ended.clone().drop_guard();
    tokio::spawn(async move {
        // The call that is under way when the work ends is not cut: the first one also marks the message as read.
        while !ended.is_cancelled() {
            providers.typing(&inbound).await;
            let _ = tokio::time::timeout(again, ended.cancelled()).await;
        }
    });
    Typing { _until: until }
}
