//! What was done, what was broken on purpose, and what must never happen while it runs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use shared::person::UserId;

use super::operation::KINDS;

/// Something that must not be, and the account that it shows at.
#[derive(Debug, Clone)]
pub struct Breach {
    /// Whose lines explain it.
    pub account: Option<UserId>,
    /// What is wrong.
    pub what: String,
}

/// Counters of one proof. All hands write to it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    done: [AtomicU64; KINDS.len()],
    changed: [AtomicU64; KINDS.len()],
    again: [AtomicU64; KINDS.len()],
    pub(super) rolled_back: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) terminated: AtomicU64,
    pub(super) deadlocks: AtomicU64,
    pub(super) serialization: AtomicU64,
    /// Looks at all balances while everything moves.
    pub(super) looks: AtomicU64,
    breaches: Mutex<Vec<Breach>>,
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Tally {
    /// An operation is done; it had something to change, or found it done.
    pub(super) fn done(&self, kind: usize, changed: bool) {
        count(&self.done[kind]);
        if changed {
            count(&self.changed[kind]);
        }
    }

    /// An operation has to be begun again.
    pub(super) fn again(&self, kind: usize) {
        count(&self.again[kind]);
    }

    /// A promise is broken.
    pub(super) fn breach(&self, account: Option<&UserId>, what: impl Into<String>) {
        let breach = Breach { account: account.cloned(), what: what.into() };
        self.breaches.lock().expect("no panic while held").push(breach);
    }

    /// What is broken so far.
    pub(super) fn breaches(&self) -> Vec<Breach> {
        self.breaches.lock().expect("no panic while held").clone()
    }

    /// How many operations had something to change, by kind.
    pub(super) fn changes(&self) -> [u64; KINDS.len()] {
        std::array::from_fn(|kind| self.changed[kind].load(Ordering::Relaxed))
    }

    /// The table of operations, and the harm.
    pub(super) fn lines(&self) -> Vec<String> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut lines = vec![format!("{:<24} {:>9} {:>9} {:>9}", "operation", "done", "changed", "repeated")];
        let row = |name: &str, [done, changed, again]: [u64; 3]| {
            format!("{name:<24} {done:>9} {changed:>9} {again:>9}")
        };
        let mut sums = [0; 3];
        for (kind, name) in KINDS.iter().enumerate() {
            let figures = [&self.done[kind], &self.changed[kind], &self.again[kind]].map(read);
            lines.push(row(name, figures));
            for (sum, figure) in sums.iter_mut().zip(figures) {
                *sum += figure;
            }
        }
        lines.push(row("all", sums));
        lines.push(format!(
            "harm: {} rolled back, {} connections dropped in mid-transaction, {} ended by the server",
            read(&self.rolled_back),
            read(&self.dropped),
            read(&self.terminated)
        ));
        lines.push(format!(
            "deadlocks {}, serialization failures {}, looks at all balances meanwhile {}",
            read(&self.deadlocks),
            read(&self.serialization),
            read(&self.looks)
        ));
        lines
    }
}
