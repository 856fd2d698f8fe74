//! How deep the queue is and how old its oldest message, cheap enough to ask every second.

use std::time::Duration;

use metrics::gauge;

use super::{Queue, QueueError, key, millis};

/// A look at the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Messages that wait, for their turn or behind another of their lane.
    pub ready: u64,
    /// Messages being worked on.
    pub leased: u64,
    /// Messages whose lane waits for a moment to come (a retry).
    pub delayed: u64,
    /// Dead letters.
    pub dead: u64,
    /// Conversations with at least one message.
    pub lanes: u64,
    /// How long the oldest message that could run now has been able to.
    pub oldest_age: Duration,
    /// Workers that were heard of within a lease.
    pub workers: u64,
    /// Messages taken in since the queue began.
    pub taken: u64,
    /// Messages finished since the queue began, without those that became dead letters.
    pub done: u64,
    /// Whether an operator has told the workers to take nothing more.
    pub paused: bool,
}

impl Queue {
    /// Reads the figures, in one call of constant cost.
    pub async fn figures(&self) -> Result<Figures, QueueError> {
        let mut connection = self.connection.clone();
        let mut call = self.scripts.figures.prepare_invoke();
        for name in ["ready", "leased", "stats", "dead", "workers", "paused"] {
            call.key(key(name));
        }
        call.arg(millis(self.settings.lease));
        let [depth, lanes, leased, delayed, dead, oldest_ms, workers, taken, done, paused]: [u64; 10] =
            call.invoke_async(&mut connection).await?;
        Ok(Figures {
            ready: depth.saturating_sub(leased + delayed),
            leased,
            delayed,
            dead,
            lanes,
            oldest_age: Duration::from_millis(oldest_ms),
            workers,
            taken,
            done,
            paused: paused == 1,
        })
    }
}

/// Sets the gauges that operators watch. `None`: it could not be read now, and is shown as not a number, since an old figure
/// would be taken for today's. `spilled` is the depth of the spill in Postgres.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^52")]
pub fn publish(figures: Option<Figures>, spilled: Option<i64>) {
    let read = |read: fn(&Figures) -> f64| figures.as_ref().map_or(f64::NAN, read);
    for (state, count) in [
        ("ready", read(|figures| figures.ready as f64)),
        ("leased", read(|figures| figures.leased as f64)),
        ("delayed", read(|figures| figures.delayed as f64)),
        ("dead", read(|figures| figures.dead as f64)),
        ("spilled", spilled.map_or(f64::NAN, |spilled| spilled as f64)),
    ] {
        gauge!("postly_queue_messages", "state" => state).set(count);
    }
    gauge!("postly_queue_lanes").set(read(|figures| figures.lanes as f64));
    gauge!("postly_queue_workers").set(read(|figures| figures.workers as f64));
    gauge!("postly_queue_paused").set(read(|figures| f64::from(u8::from(figures.paused))));
    gauge!("postly_queue_oldest_age_seconds").set(read(|figures| figures.oldest_age.as_secs_f64()));
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_not_shown_as_it_was_before() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let shown = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            let figures = Figures { ready: 7, workers: 2, paused: true, ..Figures::default() };
            publish(Some(figures), Some(3));
            let all = shown.render();
            for line in [
                "postly_queue_messages{state=\"ready\"} 7",
                "postly_queue_messages{state=\"spilled\"} 3",
                "postly_queue_workers 2",
                "postly_queue_paused 1",
            ] {
                assert!(all.lines().any(|shown| shown == line), "{line} is not in {all}");
            }
            publish(None, None);
            let values: Vec<String> = shown
                .render()
                .lines()
                .filter(|line| line.starts_with("postly_"))
                .map(|line| line.rsplit(' ').next().unwrap().to_owned())
                .collect();
            assert_eq!(values, ["NaN"; 9]);
        });
    }
}
