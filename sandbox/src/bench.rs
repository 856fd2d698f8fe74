//! `cargo bench-all`: how fast it is, as ratios. What is measured and what it is measured against take turns in one run,
//! on private servers with the durability of production, so that whatever the machine does besides falls on both.
//!
//! The product's programs are those that are shipped, the load comes from one that does not wait for answers, and all of
//! it ends by itself within ten minutes. What the figures mean, and where the time goes, stands in `PERFORMANCE.md`.

pub mod bare;
mod books;
mod cost;
mod door;
mod fakes;
mod generator;
mod ground;
mod growth;
mod held;
mod idle;
mod letter;
mod path;
mod population;
mod table;

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use tokio_util::sync::CancellationToken;

use crate::load::conditions;
use ground::Ground;
use table::Table;

/// The first argument of this program that leads here.
pub const ARGUMENT: &str = "bench";

/// Measures the product against bare programs that do the same work, and prints ratios.
#[derive(Debug, Parser)]
#[command(name = "cargo bench-all --")]
struct Arguments {
    /// Fewer and shorter rounds, and an error where a ratio is worse than half of what it should be.
    #[arg(long)]
    short: bool,
    /// Tells which statements of the whole path cost most.
    #[arg(long)]
    statements: bool,
    /// Only these: door, path, held, idle, growth.
    only: Vec<String>,
}

/// How much of it.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// Rounds of each pair.
    rounds: usize,
    /// Webhooks of one round as fast as they are taken.
    webhooks: usize,
    /// Seconds of one round at a fixed rate.
    seconds: f64,
    /// Messages of a burst.
    burst: usize,
    /// People who write in one round through the whole path.
    people: usize,
    /// Conversations that one worker holds at once.
    held: usize,
    /// How long nothing happens.
    idle: Duration,
    /// Messages that wait in the longest backlog.
    backlog: usize,
    /// Whether to tell which statements cost most.
    statements: bool,
}

impl Scale {
    const WHOLE: Self = Self {
        rounds: 5,
        webhooks: 20_000,
        seconds: 2.0,
        burst: 20_000,
        people: 1_000,
        held: 3_000,
        idle: Duration::from_secs(30),
        backlog: 300_000,
        statements: false,
    };
    const SHORT: Self = Self {
        rounds: 3,
        webhooks: 5_000,
        seconds: 1.0,
        burst: 5_000,
        people: 300,
        held: 500,
        idle: Duration::from_secs(5),
        backlog: 50_000,
        statements: false,
    };
}

/// Runs what the words after [`ARGUMENT`] name.
pub async fn main(words: impl Iterator<Item = String>, stop: CancellationToken) -> Result<()> {
    let words = words.filter(|word| word != "--");
    let arguments = Arguments::parse_from(std::iter::once(ARGUMENT.to_owned()).chain(words));
    let ground = Ground::prepare().await?;
    let mut table = Table::default();
    let measured = tokio::select! {
        measured = measure(&ground, &arguments, &mut table) => measured,
        () = stop.cancelled() => Err(anyhow::anyhow!("interrupted")),
    };
    ground.servers.stop().await.and(measured)?;
    table.tell();
    println!("  afterwards: {}", conditions::machine());
    let absurd = table.absurd();
    if arguments.short && !absurd.is_empty() {
        anyhow::bail!("far worse than it should be: {}", absurd.join("; "));
    }
    Ok(())
}

async fn measure(ground: &Ground, arguments: &Arguments, table: &mut Table) -> Result<()> {
    let scale = if arguments.short { Scale::SHORT } else { Scale::WHOLE };
    let scale = Scale { statements: arguments.statements, ..scale };
    let wanted = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    println!("{}", conditions::machine());
    if wanted("door") {
        door::measure(ground, &scale, table).await?;
    }
    if wanted("path") {
        path::measure(ground, &scale, table).await?;
    }
    if wanted("held") {
        held::measure(ground, &scale, table).await?;
    }
    if wanted("idle") {
        idle::measure(ground, &scale, table).await?;
    }
    if wanted("growth") {
        growth::measure(ground, &scale, table).await?;
    }
    Ok(())
}
