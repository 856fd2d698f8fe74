//! The time on the provider's wall.
//!
//! Windows of 24 hours and tokens that expire are only testable when the provider's time can be moved. It runs
//! with the machine's clock plus an advance that only grows, or stands still once frozen. Clones show the same
//! time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::watched::Watched;

/// A clock that runs normally and can be pushed forward.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Watched<Hands>>);

#[derive(Debug)]
struct Hands {
    /// The machine's time at which the clock was frozen.
    frozen: Option<DateTime<Utc>>,
    /// How far it was pushed.
    ahead: TimeDelta,
}

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(Watched::new(Hands { frozen: None, ahead: TimeDelta::zero() })))
    }
}

impl Clock {
    /// The provider's present.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.read(|hands| hands.frozen.unwrap_or_else(system) + hands.ahead)
    }

    /// Pushes the provider's time forward. What waits on real timers (delayed statuses, slowness) is not moved.
    pub fn advance(&self, by: Duration) {
        let by = TimeDelta::from_std(by).expect("no test moves a clock by more than a chrono duration holds");
        self.0.change(|hands| hands.ahead += by);
    }

    /// Stops the clock, so that a rate does not depend on how fast a test runs. `advance` still moves it.
    pub fn freeze(&self) {
        self.0.change(|hands| hands.frozen = Some(system()));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a provider has a clock of its own; the product's is not shared with it"
)]
fn system() -> DateTime<Utc> {
    Utc::now()
}
