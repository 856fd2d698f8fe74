//! Waiting well: one worker process holds thousands of conversations while the model thinks.

use std::time::Duration;

use anyhow::Result;
use shared::clock::Clock;

use super::fakes::Fakes;
use super::ground::Ground;
use super::path::Books;
use super::table::{Bar, Table};
use super::{Scale, population};
use crate::load::sample::{Sample, float};

/// What one call of the model takes.
const CALL: Duration = Duration::from_secs(1);

/// Calls of the model that one message needs.
const CALLS: f64 = 3.0;

/// How many times as many people there are as conversations that are held at once.
const ROUNDS: usize = 3;

/// Measure 5.
pub async fn measure(ground: &Ground, scale: &Scale, table: &mut Table) -> Result<()> {
    println!("\n5. {} conversations held by one worker, model calls of {} ms", scale.held, CALL.as_millis());
    let books = Books::open(ground).await?;
    books.redis().await?.clear().await?;
    sqlx::query(r#"truncate "User" cascade"#).execute(&books.pool).await?;
    // Each writes once: what follows within a moment would be one brief.
    let people = scale.held * ROUNDS;
    population::open_accounts(&books.pool, people).await?;
    let fakes = Fakes::open(CALL).await?;
    let worker = ground.worker(scale.held, &fakes.variables()).await?;
    let (idle, _) = worker.cost.memory()?;
    let since = Clock::system().now();
    population::write(&books.queue, people).await?;
    let rate = books.rate(&fakes, 0, since, people).await?;
    let (_, most) = worker.cost.memory()?;
    let processor = worker.cost.processor()?;
    let ideal = float(scale.held) / (CALL.as_secs_f64() * CALLS);
    let one = |value: f64| -> Sample { [value].into_iter().collect() };
    table.judges(
        "calls of the model at once / conversations",
        &one(float(fakes.most_at_once()) / float(scale.held)),
        Bar::AtLeast(1.0),
    );
    table.notes("messages/s", format!("{rate:.0} of an ideal {ideal:.0}"));
    table.judges("throughput / ideal", &one(rate / ideal), Bar::AtLeast(0.95));
    table.judges("resident memory of the worker at most, MB", &one(most), Bar::AtMost(100.0));
    let each = (most - idle) * 1024.0 / float(scale.held);
    table.notes("memory of the idle worker; for each conversation", format!("{idle:.1} MB; {each:.1} kB"));
    table.notes(
        "processor time of the worker a message",
        format!("{:.0} µs", processor * 1e6 / float(people)),
    );
    worker.stop().await
}
