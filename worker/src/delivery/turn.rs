//! Whose turn it is to leave: paces that are kept before a provider complains, and numbers that are paused. Shared by all
//! workers through Redis (`shared/src/queue/pace.rs`).

use std::time::Duration;

use metrics::counter;
use shared::outbox::{OutboxId, Outgoing};
use shared::queue::{Hold, Pace, QueueError, Route, Turn};

use crate::Worker;
use crate::policy;

/// How an attempt to leave began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Now.
    Now,
    /// Now, as the one that finds out whether its number works again.
    Probe,
    /// Not yet: after this long, because of this.
    Later(Duration, Hold),
}

/// Asks for the turn of a message, and waits for it where that takes a moment only.
pub(super) async fn take(worker: &Worker, message: &Outgoing) -> Leave {
    let route = route(message);
    let pace = of(worker, route);
    let asked = worker.queue.turn(route, message.id.get(), &pace);
    // Without Redis no pace is known. What is written is sent all the same: the provider has limits of its own, and says so.
    let Ok(Ok(turn)) = tokio::time::timeout(policy::TURN_TIMEOUT, asked).await else { return Leave::Now };
    match turn {
        Turn::Go { after, probe } => {
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            if probe { Leave::Probe } else { Leave::Now }
        }
        Turn::Later { after, hold } => {
            let (provider, reason) = (message.provider.as_str(), hold.as_str());
            counter!("postly_send_waits_total", "provider" => provider, "reason" => reason).increment(1);
            // Not all of those who wait for the same moment come back at it.
            let after =
                if hold == Hold::Paused { after.mul_f64(rand::random_range(1.0..=1.2)) } else { after };
            Leave::Later(after, hold)
        }
    }
}

/// Pauses the number of a message, for all workers. Told once for each pause, not for each message that meets it.
/// `late`: the trouble was told by a report.
pub(super) async fn hold(worker: &Worker, route: Route<'_>, code: &str, trace: Option<&str>, late: bool) {
    let provider = route.provider.as_str();
    let paused = in_time(worker.queue.hold(route, worker.patience.operator_pause, late)).await;
    // Nobody else will tell it when Redis is away.
    if paused.unwrap_or(true) {
        counter!("postly_number_pauses_total", "provider" => provider).increment(1);
        tracing::error!(
            provider,
            error.code = code,
            error.trace = trace,
            "a number is paused: nothing can be sent until an operator has looked"
        );
    }
}

/// A message has gone well that was the probe of its number, or may have been. `arrived`: a report says so.
pub(super) async fn release(worker: &Worker, route: Route<'_>, message: OutboxId, arrived: bool) {
    if in_time(worker.queue.release(route, message.get(), arrived)).await == Some(true) {
        tracing::info!(provider = route.provider.as_str(), "a number that was paused works again");
    }
}

/// The provider finds that this person is sent too much.
pub(super) async fn crowded_pair(worker: &Worker, route: Route<'_>, wait: Duration) {
    in_time(worker.queue.crowded_pair(route, &of(worker, route), wait)).await;
}

/// The provider finds that the whole number sends too much.
pub(super) async fn crowded_number(worker: &Worker, route: Route<'_>) {
    let wait = policy::NUMBER_PAUSE.min(worker.patience.longest_pause);
    in_time(worker.queue.crowded_number(route, &of(worker, route), wait)).await;
}

/// From where to whom a message goes.
pub(super) fn route(message: &Outgoing) -> Route<'_> {
    Route { provider: message.provider, business: &message.business, address: &message.address }
}

async fn in_time<T>(asked: impl Future<Output = Result<T, QueueError>>) -> Option<T> {
    tokio::time::timeout(policy::TURN_TIMEOUT, asked).await.ok()?.ok()
}

/// Never more in a second than the number may send: nine tenths of it steadily, and one tenth at once.
fn of(worker: &Worker, route: Route<'_>) -> Pace {
    let per_second = worker.providers.per_second(route.provider).max(1);
    let burst = (per_second / 10).max(1);
    let steadily = per_second.saturating_sub(burst).max(1);
    Pace {
        pair_every: worker.patience.pair_every,
        pair_burst: worker.patience.pair_burst,
        number_every: Duration::from_secs(1) / steadily,
        number_burst: burst,
        worth: policy::TURN_WORTH,
        // A probe that takes longer has died with its worker.
        probe: worker.patience.send_timeout + policy::TURN_WORTH,
    }
}
