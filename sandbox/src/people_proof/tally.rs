//! What was delivered, and what was found.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counters of one proof. All worlds write to it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    messages: AtomicUsize,
    announcements: AtomicUsize,
    mistaken: AtomicUsize,
    worlds: AtomicUsize,
    breaches: Mutex<Vec<String>>,
}

impl Tally {
    pub(super) fn delivered(&self, announcement: bool) {
        let counter = if announcement { &self.announcements } else { &self.messages };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody was taken for another one, since nothing told them apart.
    pub(super) fn mistook(&self, times: usize) {
        self.mistaken.fetch_add(times, Ordering::Relaxed);
    }

    pub(super) fn lived(&self) {
        self.worlds.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn breach(&self, what: String) {
        self.breaches.lock().expect("no panic while held").push(what);
    }

    pub(super) fn events(&self) -> usize {
        self.messages.load(Ordering::Relaxed) + self.announcements.load(Ordering::Relaxed)
    }

    pub(super) fn breaches(&self) -> Vec<String> {
        self.breaches.lock().expect("no panic while held").clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        vec![
            format!("{:>8} messages in {} worlds", count(&self.messages), count(&self.worlds)),
            format!("{:>8} announcements of Meta", count(&self.announcements)),
            format!(
                "{:>8} inheritors of a number whom nothing told from its former holder",
                count(&self.mistaken)
            ),
        ]
    }
}
