//! The troubles a test orders in advance.
//!
//! A fault is ordered for the next `n` calls, optionally only for calls that carry a tag (the name of a schema), and
//! optionally after some that pass.
//! Orders are served first come, first served; calls without an order are answered normally, after the slowness
//! that is set at the moment.

use std::collections::VecDeque;
use std::time::Duration;

use super::watched::Watched;

/// The orders of one simulator. `F` is the provider's own list of troubles.
#[derive(Debug)]
pub struct Faults<F>(Watched<Orders<F>>);

#[derive(Debug)]
struct Orders<F> {
    planned: VecDeque<Planned<F>>,
    slowness: Duration,
}

#[derive(Debug)]
struct Planned<F> {
    passing: usize,
    left: usize,
    only: Option<String>,
    fault: F,
}

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self(Watched::new(Orders { planned: VecDeque::new(), slowness: Duration::ZERO }))
    }
}

impl<F: Clone> Faults<F> {
    /// The next `n` calls meet this fault; with `only`, the next `n` calls with that tag.
    pub fn order(&self, n: usize, only: Option<&str>, fault: F) {
        self.order_later(0, n, only, fault);
    }

    /// The same, after `passing` such calls that do not meet it.
    pub fn order_later(&self, passing: usize, n: usize, only: Option<&str>, fault: F) {
        let planned = Planned { passing, left: n, only: only.map(str::to_owned), fault };
        self.0.change(|orders| orders.planned.push_back(planned));
    }

    /// The fault of a call with this tag, used up by asking.
    #[must_use]
    pub fn next(&self, tag: Option<&str>) -> Option<F> {
        self.0.change(|orders| {
            orders.planned.retain(|planned| planned.left > 0);
            let fits = |planned: &&mut Planned<F>| planned.only.is_none() || planned.only.as_deref() == tag;
            let planned = orders.planned.iter_mut().find(fits)?;
            if planned.passing > 0 {
                planned.passing -= 1;
                return None;
            }
            planned.left -= 1;
            Some(planned.fault.clone())
        })
    }

    /// Forgets every order and the slowness.
    pub fn clear(&self) {
        self.0.change(|orders| {
            orders.planned.clear();
            orders.slowness = Duration::ZERO;
        });
    }

    /// From now on every answer takes this long.
    pub fn slow(&self, by: Duration) {
        self.0.change(|orders| orders.slowness = by);
    }

    /// Lets the current slowness pass.
    pub async fn linger(&self) {
        let slowness = self.0.read(|orders| orders.slowness);
        if !slowness.is_zero() {
            tokio::time::sleep(slowness).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_served_in_turn_and_used_up() {
        let faults = Faults::default();
        faults.order(2, None, "first");
        faults.order(1, None, "second");
        let met: Vec<_> = (0..4).map(|_| faults.next(None)).collect();
        assert_eq!(met, [Some("first"), Some("first"), Some("second"), None]);
    }

    #[test]
    fn an_order_for_later_lets_some_pass() {
        let faults = Faults::default();
        faults.order_later(2, 1, None, "trouble");
        let met: Vec<_> = (0..4).map(|_| faults.next(None)).collect();
        assert_eq!(met, [None, None, Some("trouble"), None]);
    }

    #[test]
    fn an_order_with_a_tag_waits_for_its_calls() {
        let faults = Faults::default();
        faults.order(1, Some("posts"), "trouble");
        assert_eq!(faults.next(Some("intent")), None);
        assert_eq!(faults.next(None), None);
        assert_eq!(faults.next(Some("posts")), Some("trouble"));
        assert_eq!(faults.next(Some("posts")), None);
    }
}
