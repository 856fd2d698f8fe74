//! What stands over a worker in production, in small: it starts it again a moment after its death.
//!
//! A task owns the worker's process and obeys orders; everybody else sees what became of it. Dropped, the task ends
//! and takes its worker along.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;
use shared::clock::Clock;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::process::Process;
use crate::simulators::watched::Watched;

/// How long a dead worker stays dead: long enough to be seen, as long as supervisors wait.
const PAUSE: Duration = Duration::from_secs(2);
/// How many turns are remembered, the latest ones.
const REMEMBERED: usize = 100;

/// What became of the worker, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it runs since then; otherwise it died then.
    pub runs: bool,
}

#[derive(Debug)]
enum Order {
    Kill,
    Stop(Duration),
}

/// The one that watches over a worker.
#[derive(Debug)]
pub struct Supervisor {
    orders: mpsc::UnboundedSender<Order>,
    turns: Arc<Watched<Vec<Turn>>>,
    task: JoinHandle<Result<()>>,
}

impl Supervisor {
    /// Watches over a worker that runs; `again` starts another one.
    pub fn over(worker: Process, again: impl Fn() -> Result<Process> + Send + Sync + 'static) -> Self {
        let (orders, received) = mpsc::unbounded_channel();
        let turns = Arc::new(Watched::new(vec![Turn { at: Clock::system().now(), runs: true }]));
        let task = tokio::spawn(watch(worker, again, received, turns.clone()));
        Self { orders, turns, task }
    }

    /// `kill -9` of the worker, if it runs.
    pub fn kill(&self) {
        // Without a task there is no worker either.
        let _ = self.orders.send(Order::Kill);
    }

    /// Whether a worker runs now.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.turns.read(|turns| turns.last().is_some_and(|turn| turn.runs))
    }

    /// Its starts and deaths, oldest first.
    #[must_use]
    pub fn turns(&self) -> Vec<Turn> {
        self.turns.read(Vec::clone)
    }

    /// Asks the worker to finish what it has, and waits for its end at most so long.
    pub async fn stop(self, within: Duration) -> Result<()> {
        let _ = self.orders.send(Order::Stop(within));
        self.task.await?
    }
}

async fn watch(
    mut worker: Process,
    again: impl Fn() -> Result<Process>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    turns: Arc<Watched<Vec<Turn>>>,
) -> Result<()> {
    let note = |runs| {
        turns.change(|turns| {
            if turns.len() == REMEMBERED {
                turns.remove(0);
            }
            turns.push(Turn { at: Clock::system().now(), runs });
        });
    };
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Kill) => worker.signal(Signal::SIGKILL),
                Some(Order::Stop(within)) => {
                    worker.signal(Signal::SIGTERM);
                    worker.ended(within).await?;
                    return Ok(());
                }
                None => return Ok(()),
            },
            _ = worker.ended(Duration::MAX) => {
                note(false);
                worker = loop {
                    match timeout(PAUSE, orders.recv()).await {
                        // It is dead already.
                        Ok(Some(Order::Kill)) => {}
                        Ok(Some(Order::Stop(_)) | None) => return Ok(()),
                        Err(_) => match again() {
                            Ok(worker) => break worker,
                            Err(error) => eprintln!("… The worker does not start again: {error:#}"),
                        },
                    }
                };
                note(true);
            }
        }
    }
}
