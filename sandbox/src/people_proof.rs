//! `cargo people`: small worlds of people who hide their numbers, change them and inherit them, as providers tell of it
//! and as they do not, against a truth that knows who everybody is.
//!
//! No two people share an account, unless nothing that was shown could have told them apart; nobody has two accounts once
//! something has shown that they are one; every credit stays with who bought it. Each world follows from the seed and its
//! number, but for what happens in it at the same moment.

mod tally;
mod truth;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use futures_util::future::join_all;
use shared::db;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use tally::Tally;
use world::World;

/// The first argument that leads here.
pub const ARGUMENT: &str = "people";

/// Events of one world, which may deliver several things each, or none.
const LIFE: usize = 90;

/// How long the slowest machine may take for one delivery, on average, and beside all of them.
const SLOWEST: Duration = Duration::from_millis(50);
const BESIDE: Duration = Duration::from_mins(3);

/// Breaches that are printed.
const TOLD: usize = 5;

/// Lets people write under changing names, and looks whether each keeps one account of their own. Exit code 1: somebody
/// does not.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo people")]
struct Arguments {
    /// The seed of all worlds. Without it, one that nobody has seen yet; it is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// How many messages and announcements are delivered at least.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    events: u32,
    /// How many worlds live at once.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=40))]
    hands: u32,
}

/// How much is done, and after which seed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// All worlds follow from it.
    pub seed: u64,
    /// Deliveries at least.
    pub events: usize,
    /// Worlds at once.
    pub hands: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Proof {
    /// What was done.
    pub lines: Vec<String>,
    /// What is broken, with the story of its world.
    pub breaches: Vec<String>,
}

/// The program. `arguments` are those after [`ARGUMENT`].
pub async fn main(arguments: impl Iterator<Item = String>, stop: CancellationToken) -> Result<()> {
    let words = std::iter::once("cargo people".to_owned()).chain(arguments.filter(|word| word != "--"));
    let arguments = Arguments::parse_from(words);
    let plan = Plan {
        seed: arguments.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
        events: arguments.events as usize,
        hands: arguments.hands as usize,
    };
    let again = format!("cargo people --seed {} --events {}", plan.seed, plan.events);
    println!("seed {}, {} events (again: {again})", plan.seed, plan.events);
    let (proof, seconds) =
        crate::proof::run(&stop, async |database: &str| prove(database, plan).await).await?;
    for line in proof.lines.iter().chain(proof.breaches.iter().take(TOLD)) {
        println!("{line}");
    }
    println!("{seconds:.1} s");
    ensure!(proof.breaches.is_empty(), "{} breach(es); again: {again}", proof.breaches.len());
    Ok(())
}

/// Does everything on this database, which is migrated first and belongs to nobody else.
pub async fn prove(url: &str, plan: Plan) -> Result<Proof> {
    let bound = BESIDE + SLOWEST * u32::try_from(plan.events)?;
    timeout(bound, proved(url, plan)).await.with_context(|| format!("no end within {} s", bound.as_secs()))?
}

async fn proved(url: &str, plan: Plan) -> Result<Proof> {
    let connections = u32::try_from(plan.hands * 2 + 2)?;
    let pool = PgPoolOptions::new().max_connections(connections).connect(url).await.context("Postgres")?;
    db::migrate(&pool, &crate::stage::vault()).await?;
    let (tally, next) = (Tally::default(), AtomicUsize::new(0));
    let hands = join_all((0..plan.hands).map(|_| works(&pool, plan, &tally, &next))).await;
    hands.into_iter().collect::<Result<Vec<()>>>()?;
    let mut breaches = tally.breaches();
    breaches.extend(books(&pool).await?);
    pool.close().await;
    Ok(Proof { lines: tally.lines(), breaches })
}

/// Lives in one world after the other, until enough has happened.
async fn works(pool: &PgPool, plan: Plan, tally: &Tally, next: &AtomicUsize) -> Result<()> {
    while tally.events() < plan.events {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = World::new(pool, plan.seed, number, tally).lives(LIFE).await {
            tally.breach(format!("BROKEN: {error:#}"));
            ensure!(tally.breaches().len() < 20, "too much is broken:\n{}", tally.breaches()[0]);
        }
    }
    Ok(())
}

/// Over all worlds: every balance is the sum of its lines.
async fn books(pool: &PgPool) -> Result<Vec<String>> {
    let off: Vec<String> = sqlx::query_scalar(
        r#"select u."id" from "User" u left join "CreditLedger" l on l."userId" = u."id"
           group by u."id" having u."credits" <> coalesce(sum(l."delta"), 0)"#,
    )
    .fetch_all(pool)
    .await?;
    Ok(off.into_iter().map(|id| format!("BROKEN: the balance of {id} is not the sum of its lines")).collect())
}
