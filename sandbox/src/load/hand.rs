//! A worker's lanes in this process, as every worker has them, with a handler that only measures.

use std::time::Duration;

use anyhow::{Context, Result};
use shared::queue::Queue;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::lanes::{Handler, Shift};
use worker::pulse::Pulse;

/// What runs may finish within this after the stop: handlers here take milliseconds.
const DRAIN: Duration = Duration::from_secs(5);

/// The running worker.
pub struct Hand {
    stop: CancellationToken,
    running: JoinHandle<Result<()>>,
}

impl Hand {
    /// Starts on so many messages at once.
    #[must_use]
    pub fn start(queue: Queue, slots: usize, handler: Handler) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let owner = format!("load-{:08x}", rand::random::<u32>());
        let shift = Shift { owner, slots, drain: DRAIN, pulse: Pulse::default() };
        let running = tokio::spawn(async move { worker::lanes::work(&queue, shift, handler, stopped).await });
        Self { stop, running }
    }

    /// Stops and returns when nothing of it runs any more.
    pub async fn stop(self) -> Result<()> {
        self.stop.cancel();
        self.running.await.context("a worker panicked")?
    }
}
