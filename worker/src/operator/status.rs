//! `postly queue status`: how deep, how old, who works, how fast.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use shared::queue::{Figures, QueueError};
use shared::spill;
use tokio::time::{Instant, timeout};

use super::Desk;

/// Between the two looks that a rate is made of.
const BETWEEN: Duration = Duration::from_secs(1);

/// How long Postgres has to say how much is spilled. The queue can be looked at without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A look at the queue.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Whether an operator has told the workers to take nothing more.
    pub paused: bool,
    /// Messages that wait for their turn.
    pub ready: u64,
    /// Messages being worked on.
    pub leased: u64,
    /// Messages whose conversation waits for a moment to come.
    pub delayed: u64,
    /// Dead letters.
    pub dead: u64,
    /// Messages in the spill; nothing when Postgres does not answer.
    pub spilled: Option<i64>,
    /// Conversations with something waiting.
    pub lanes: u64,
    /// How long the oldest message that could run now has been able to.
    pub oldest_age_seconds: f64,
    /// Workers that were heard of within a lease.
    pub workers: u64,
    /// Messages taken in, a second, while we looked.
    pub taken_per_second: f64,
    /// Messages finished, a second, while we looked.
    pub done_per_second: f64,
}

/// Looks twice, a second apart.
pub async fn look(desk: &Desk) -> Result<Status, QueueError> {
    let (first, began) = (desk.queue.figures().await?, Instant::now());
    let spilled = timeout(PATIENCE, spill::depth(&desk.pool)).await.ok().and_then(Result::ok);
    tokio::time::sleep_until(began + BETWEEN).await;
    let second = desk.queue.figures().await?;
    Ok(Status::between(first, second, began.elapsed(), spilled))
}

impl Status {
    #[expect(clippy::cast_precision_loss, reason = "messages of a second")]
    fn between(first: Figures, second: Figures, passed: Duration, spilled: Option<i64>) -> Self {
        let rate = |from: u64, to: u64| to.saturating_sub(from) as f64 / passed.as_secs_f64();
        Self {
            paused: second.paused,
            ready: second.ready,
            leased: second.leased,
            delayed: second.delayed,
            dead: second.dead,
            spilled,
            lanes: second.lanes,
            oldest_age_seconds: second.oldest_age.as_secs_f64(),
            workers: second.workers,
            taken_per_second: rate(first.taken, second.taken),
            done_per_second: rate(first.done, second.done),
        }
    }

    /// What an operator should look at now, as sentences. None: all is well.
    #[must_use]
    pub fn concerns(&self, max_age: Option<Duration>) -> Vec<String> {
        let mut concerns = Vec::new();
        let waiting = self.ready + self.delayed > 0;
        if self.paused {
            concerns.push("the queue is paused: `postly queue resume` lets the workers go on".to_owned());
        }
        if waiting && self.workers == 0 {
            concerns.push("messages wait and no worker is alive: start one".to_owned());
        }
        if max_age.is_some_and(|max| self.oldest_age_seconds > max.as_secs_f64()) {
            let age = self.oldest_age_seconds;
            concerns.push(format!(
                "the oldest message has waited {age:.1} s: start more workers, or see why they are slow"
            ));
        }
        if self.spilled.is_none() {
            concerns.push("Postgres does not answer: `postly doctor` says more".to_owned());
        }
        concerns
    }
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "queue          {}", if self.paused { "PAUSED" } else { "running" })?;
        writeln!(out, "ready          {}", self.ready)?;
        writeln!(out, "leased         {}", self.leased)?;
        writeln!(out, "delayed        {}", self.delayed)?;
        writeln!(out, "dead letters   {}", self.dead)?;
        let spilled = self.spilled.map_or("unknown".to_owned(), |spilled| spilled.to_string());
        writeln!(out, "spilled        {spilled}")?;
        writeln!(out, "conversations  {}", self.lanes)?;
        writeln!(out, "oldest         {:.1} s", self.oldest_age_seconds)?;
        writeln!(out, "workers alive  {}", self.workers)?;
        write!(out, "rates          {:.1}/s in, {:.1}/s done", self.taken_per_second, self.done_per_second)
    }
}
