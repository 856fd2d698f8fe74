//! Named points between two effects, where a test may end the process as `kill -9` would.
//!
//! Without the feature `faults`, which no production build enables, a point compiles to nothing. With it, the
//! variable `POSTLY_FAULT=<point>` makes the process abort the first time that it comes by that point, and
//! `POSTLY_FAULT=<point>:<n>` the n-th time.

/// The points, in the order in which one message meets them. A test walks through all of them.
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
];

/// Comes by a point. Ends the process there when a test asked for it.
#[cfg(feature = "faults")]
pub fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static PLAN: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static VISITS: AtomicU32 = AtomicU32::new(0);
    debug_assert!(POINTS.contains(&name), "{name} is not in the list of points");
    #[expect(clippy::disallowed_methods, reason = "a switch of the test build, not configuration")]
    let plan = PLAN.get_or_init(|| {
        let plan = std::env::var("POSTLY_FAULT").ok()?;
        match plan.split_once(':') {
            Some((point, nth)) => Some((point.to_owned(), nth.parse().ok()?)),
            None => Some((plan, 1)),
        }
    });
    if let Some((point, nth)) = plan
        && point == name
        && VISITS.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        std::process::abort();
    }
}

/// Comes by a point: nothing happens in a production build.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn point(_name: &str) {}
