//! Who looks at Prometheus all day, and writes down what begins and ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, interval};

use super::prometheus::Prometheus;

/// How often.
const LOOK: Duration = Duration::from_millis(300);

/// What was seen.
#[derive(Default)]
pub(super) struct Watch(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// Since when each fires.
    firing: BTreeMap<String, Instant>,
    /// When each last began, and ended.
    began: BTreeMap<String, Instant>,
    ended: BTreeMap<String, Instant>,
    /// Pages that nobody had a reason to expect.
    strange: Vec<String>,
    /// What the causes of the moment may set off, by the cause.
    expected: BTreeMap<&'static str, Vec<&'static str>>,
    /// What is being done, for who reads of a strange one.
    doing: String,
}

impl Watch {
    /// Looks for ever.
    pub(super) async fn looks(&self, prometheus: &Prometheus) -> Result<()> {
        let mut turns = interval(LOOK);
        loop {
            turns.tick().await;
            let firing = prometheus.firing().await?;
            self.notes(&firing, Instant::now());
        }
    }

    fn notes(&self, firing: &[(String, String)], now: Instant) {
        let mut seen = self.lock();
        let over: Vec<String> = seen
            .firing
            .keys()
            .filter(|known| !firing.iter().any(|(name, _)| name == *known))
            .cloned()
            .collect();
        for name in over {
            seen.firing.remove(&name);
            seen.ended.insert(name, now);
        }
        for (name, severity) in firing {
            if seen.firing.contains_key(name) {
                continue;
            }
            seen.firing.insert(name.clone(), now);
            seen.began.insert(name.clone(), now);
            if severity == "page" && !seen.expected.values().flatten().any(|expected| expected == name) {
                let line = format!("{name} woke somebody without a reason, during: {}", seen.doing);
                seen.strange.push(line);
            }
        }
    }

    /// From now on, for this reason, these are no surprise.
    pub(super) fn expects(&self, why: &'static str, alerts: Vec<&'static str>) {
        let mut seen = self.lock();
        why.clone_into(&mut seen.doing);
        seen.expected.insert(why, alerts);
    }

    /// The reason is gone.
    pub(super) fn forgets(&self, why: &str) {
        self.lock().expected.remove(why);
    }

    /// Since when it fires.
    pub(super) fn since(&self, alert: &str) -> Option<Instant> {
        self.lock().firing.get(alert).copied()
    }

    /// When it last began after this moment.
    pub(super) fn began(&self, alert: &str, after: Instant) -> Option<Instant> {
        self.lock().began.get(alert).copied().filter(|began| *began >= after)
    }

    /// When it last ended, if it does not fire now.
    pub(super) fn ended(&self, alert: &str) -> Option<Instant> {
        let seen = self.lock();
        seen.ended.get(alert).copied().filter(|_| !seen.firing.contains_key(alert))
    }

    /// What nobody expected.
    pub(super) fn strange(&self) -> Vec<String> {
        self.lock().strange.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_a_reason_is_strange_and_a_ticket_is_not() {
        let (watch, now) = (Watch::default(), Instant::now());
        let fires = |name: &str, severity: &str| (name.to_owned(), severity.to_owned());
        watch.expects("a reason", vec!["Expected"]);
        watch.notes(&[fires("Expected", "page"), fires("Ticket", "ticket"), fires("Strange", "page")], now);
        assert_eq!(watch.strange(), ["Strange woke somebody without a reason, during: a reason"]);
        assert!(watch.since("Expected").is_some() && watch.ended("Expected").is_none());
        watch.notes(&[], now + LOOK);
        assert_eq!(watch.ended("Expected"), Some(now + LOOK));
    }
}
