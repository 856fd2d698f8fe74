//! Ways for a test to do harm from the inside: named points between two effects, where the process may end as
//! `kill -9` would, and guards that can be taken away to see who notices.
//!
//! Without the feature `faults`, which no production build enables, all of it compiles to nothing.

use std::borrow::Cow;

#[cfg(feature = "faults")]
mod switches;

/// The points of a worker, in the order in which one message meets them. A test walks through all of them.
pub const POINTS: &[&str] = &[
    "job.leased",
    "hold.done",
    "intent.paid",
    "intent.recorded",
    "prompt.paid",
    "prompt.recorded",
    "posts.paid",
    "posts.recorded",
    "reply.stored",
    "send.marked",
    "send.accepted",
    "send.recorded",
    "job.ended",
];

/// The points of a voice note, before those of [`POINTS`] that come after a message was read: it was opened, its sound
/// is there, its words are paid for, its words are recorded.
pub const VOICE_POINTS: &[&str] =
    &["voice.opened", "voice.fetched", "transcription.paid", "transcription.recorded"];

/// The points of ingest: a message is durable, and its provider does not know yet.
pub const INTAKE_POINTS: &[&str] = &["intake.queued", "intake.spilled"];

/// The point of the relay: a spilled message is in its lane, and still in the spill.
pub const RELAY_POINTS: &[&str] = &["relay.restored"];

/// The point of the sweep: a lost message has ended and its apology stands in the outbox, and nobody is to send it yet.
pub const SWEEP_POINTS: &[&str] = &["sweep.committed"];

/// The points of an erasure: the queue has been searched and the books know everything; the books have forgotten.
pub const ERASURE_POINTS: &[&str] = &["erasure.withdrawn", "erasure.forgot"];

/// The point of retention: a batch is gone, and nobody has counted it.
pub const RETENTION_POINTS: &[&str] = &["retention.gone"];

/// The points of a payment: its credits are posted, or taken again, and nothing is committed yet.
pub const PAYMENT_POINTS: &[&str] = &["purchase.posted", "return.posted", "payment.committed"];

/// The points of a code, before those of sending: it stands in the outbox, and it is made and sealed.
pub const CODE_POINTS: &[&str] = &["code.stored", "code.made"];

/// The points of a document, between those of sending: it is made, and it is uploaded.
pub const DOCUMENT_POINTS: &[&str] = &["document.made", "document.uploaded"];

/// The point of a page to pay on that was asked for in the portal: Stripe has opened it, and nobody knows.
pub const CHECKOUT_POINTS: &[&str] = &["checkout.opened"];

/// The points of an answer to a sign-in: all of it is done and nothing is committed yet; it is, and nothing is sent.
pub const SIGNIN_POINTS: &[&str] = &["signin.decided", "signin.answered"];

/// The guards that a test build can be told to do without, each with what it stops.
pub const GUARDS: &[(&str, &str)] = &[
    ("claim", "an id is queued once"),
    ("durable", "a webhook is acknowledged after it is durable"),
    ("fence", "only the holder of the current lease settles or keeps it"),
    ("renewal", "a living worker keeps what it works on"),
    ("attempt", "an attempt counts when it starts"),
    ("lost", "a message that kills its workers is counted"),
    ("order", "what was spilled earlier goes first"),
    ("ledger_key", "a cause moves a balance once"),
    ("receipt", "a message ends once"),
    ("step", "a recorded step is not asked for again"),
    ("sending", "what may have left is not sent again"),
    ("outbox_key", "a part of an answer stands in the outbox once (second line behind receipt)"),
];

/// Comes by a point. Ends the process there when `POSTLY_FAULT=<point>` asked for it (`<point>:<n>`: the n-th time).
#[inline]
pub fn point(name: &str) {
    #[cfg(feature = "faults")]
    switches::point(name);
    let _ = name;
}

/// Whether this guard was taken away (`POSTLY_WITHOUT=<guard>[,<guard>...]`). Never, in a production build.
#[inline]
#[must_use]
pub fn without(guard: &str) -> bool {
    #[cfg(feature = "faults")]
    return switches::without(guard);
    #[cfg(not(feature = "faults"))]
    {
        let _ = guard;
        false
    }
}

/// A text that kills whoever works on it (`POSTLY_POISON=<word>`). None, in a production build.
#[inline]
pub fn poison(text: &str) {
    #[cfg(feature = "faults")]
    switches::poison(text);
    let _ = text;
}

/// Where a loop stands still for ever when `POSTLY_STUCK=<loop>` asked for it. Nowhere, in a production build.
#[inline]
#[cfg_attr(
    not(feature = "faults"),
    expect(clippy::unused_async, reason = "there is nothing to wait for, and callers await it")
)]
pub async fn stands_still(name: &str) {
    #[cfg(feature = "faults")]
    if switches::is_stuck(name) {
        std::future::pending::<()>().await;
    }
    let _ = name;
}

/// Whether all patience is to be short (`POSTLY_HURRY=on`), so that a campaign needs minutes where production takes
/// hours. Never, in a production build.
#[inline]
#[must_use]
pub fn hurry() -> bool {
    #[cfg(feature = "faults")]
    return switches::hurry();
    #[cfg(not(feature = "faults"))]
    false
}

/// A script of the queue, without the guards that were taken away. In a production build: the script.
#[inline]
#[must_use]
pub fn unguarded(script: &str) -> Cow<'_, str> {
    #[cfg(feature = "faults")]
    return switches::unguarded(script);
    #[cfg(not(feature = "faults"))]
    Cow::Borrowed(script)
}
