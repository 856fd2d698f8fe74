//! One look at everything that the page shows. Whoever is away is waited for a second, both at once.

use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::audit::{self, Line};
use shared::ledger;
use shared::price::Micros;
use shared::queue::{Figures, QueueError, Standing};
use shared::spill;
use shared::step::spend;
use tokio::time::{Instant, timeout};

use super::Page;
use super::rates::PerMinute;
use crate::operator::dead::{self, Entry};

/// How long Redis and Postgres may take, each.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How many dead letters are shown. The tool lists all.
const LETTERS: usize = 20;

/// How many deeds are shown.
const DEEDS: i64 = 10;

/// What people are promised.
const PROMISED: Duration = Duration::from_secs(30);

/// Everything that was seen.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) at: DateTime<Utc>,
    /// `None`: Redis did not answer.
    pub(super) queue: Option<Queue>,
    /// `None`: Postgres did not answer.
    pub(super) books: Option<Books>,
}

/// What Redis knows.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) figures: Figures,
    pub(super) standing: Standing,
    pub(super) rates: Option<PerMinute>,
    /// The last ones, the newest first.
    pub(super) letters: Vec<Entry>,
}

/// What Postgres knows.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) spilled: i64,
    /// Credits that no line explains. `None`: nobody has looked at the sums yet.
    pub(super) imbalance: Option<i64>,
    pub(super) spent: Micros,
    pub(super) deeds: Vec<Line>,
}

/// Looks.
pub(super) async fn look(page: &Page) -> Look {
    let at = page.clock.now();
    let (queue, books) = tokio::join!(timeout(PATIENCE, queue(page)), timeout(PATIENCE, books(page, at)));
    Look { at, queue: queue.ok().and_then(Result::ok), books: books.ok().and_then(Result::ok) }
}

async fn queue(page: &Page) -> Result<Queue, QueueError> {
    let queue = &page.desk.queue;
    let (figures, standing, letters) =
        tokio::try_join!(queue.figures(), queue.standing(), queue.last_dead_letters(LETTERS))?;
    let rates = page.rates.lock().unwrap_or_else(PoisonError::into_inner).note(Instant::now(), &figures);
    Ok(Queue { figures, standing, rates, letters: dead::entries(&letters, false) })
}

/// By one connection: the messages of this worker need the others.
async fn books(page: &Page, now: DateTime<Utc>) -> Result<Books, sqlx::Error> {
    let mut db = page.desk.pool.acquire().await?;
    Ok(Books {
        spilled: spill::depth(&mut *db).await?,
        imbalance: ledger::imbalance(&mut *db).await?,
        spent: spend::by_all(&mut *db, now).await?,
        deeds: audit::lines(&mut *db, DateTime::UNIX_EPOCH, false, DEEDS).await?,
    })
}

impl Look {
    /// What somebody should see to, the most pressing first. None: all is well.
    pub(super) fn concerns(&self) -> Vec<String> {
        let mut concerns = Vec::new();
        let mut concern = |holds: bool, words: String| {
            if holds {
                concerns.push(words);
            }
        };
        concern(
            self.queue.is_none(),
            "Redis does not answer: nobody is served, and ingest keeps what comes in Postgres.".to_owned(),
        );
        concern(
            self.books.is_none(),
            "Postgres does not answer: workers wait for it, and no deed is done, since none could be written down."
                .to_owned(),
        );
        if let Some(Queue { figures, standing, .. }) = &self.queue {
            concern(
                figures.paused,
                "The queue is paused: whoever writes waits until somebody resumes it.".to_owned(),
            );
            concern(
                figures.ready + figures.delayed > 0 && figures.workers == 0,
                "Messages wait, and no worker is alive.".to_owned(),
            );
            concern(
                figures.oldest_age > PROMISED,
                format!(
                    "The oldest message has waited {}; people are promised an answer within {}.",
                    span(figures.oldest_age),
                    span(PROMISED)
                ),
            );
            let numbers: u64 = standing.paused.iter().sum();
            concern(
                numbers > 0,
                format!("Numbers of ours that are paused until their provider takes messages: {numbers}."),
            );
            concern(
                standing.durable == Some(false),
                "Redis may lose what was acknowledged: appendonly yes, appendfsync always, noeviction."
                    .to_owned(),
            );
        }
        if let Some(Books { spilled, imbalance, .. }) = &self.books {
            concern(*spilled > 0, format!("{spilled} in the spill: Redis was away, or is full."));
            let off = imbalance.unwrap_or_default();
            concern(off != 0, format!("{off} credits that no line explains: `postly credits reconcile`."));
        }
        let dead = self.queue.as_ref().map_or(0, |queue| queue.figures.dead);
        concern(dead > 0, format!("{dead} dead: each waits for somebody to replay or discard it."));
        concerns
    }
}

/// A span of time, as much of it as matters.
pub(super) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..10 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::span;
    use std::time::Duration;

    #[test]
    fn a_span_is_told_as_people_tell_it() {
        for (millis, told) in [
            (40, "0.0 s"),
            (9_990, "9.9 s"),
            (30_000, "30 s"),
            (150_000, "2 min"),
            (7_300_000, "2 h"),
            (900_000_000, "10 d"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), told);
        }
    }
}
