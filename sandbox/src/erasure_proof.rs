//! `cargo erasures`: many people live their lives at once, and half of them are forgotten in the middle of it, while workers are
//! killed. Then everything is searched for whatever was known of them: every table, every key of Redis, a dump, Redis' files
//! and all logs. And of the others everything has to be there.

mod life;
mod look;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use clap::Parser;
use futures_util::StreamExt;
use nix::sys::signal::Signal;
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::gameday::Ground;
use crate::process::Role;

use life::Life;

/// The first argument that leads here.
pub const ARGUMENT: &str = "erasures";

/// Lives at the same time.
const AT_ONCE: usize = 24;

/// How long a wish may take to be carried out (the promise of the product).
const PROMISE: Duration = Duration::from_mins(1);

/// How long the slowest machine may take for one life, on average, and beside all of them.
const SLOWEST: Duration = Duration::from_secs(3);
const BESIDE: Duration = Duration::from_mins(4);

/// Findings that are printed.
const TOLD: usize = 12;

/// Forgets half of many people in the middle of traffic, and looks whether anything is left. Exit code 1: something is, or
/// somebody else misses something.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo erasures")]
struct Arguments {
    /// How many people there are.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=5_000))]
    people: u32,
    /// How often a worker is killed meanwhile.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    kills: u32,
}

/// The program. `arguments` are those after [`ARGUMENT`].
pub async fn main(arguments: impl Iterator<Item = String>, stop: CancellationToken) -> Result<()> {
    let words = std::iter::once("cargo erasures".to_owned()).chain(arguments.filter(|word| word != "--"));
    let arguments = Arguments::parse_from(words);
    let bound = BESIDE + SLOWEST * arguments.people;
    tokio::select! {
        proved = timeout(bound, prove(&arguments)) => {
            proved.with_context(|| format!("no end within {} s", bound.as_secs()))?
        }
        () = stop.cancelled() => anyhow::bail!("stopped"),
    }
}

async fn prove(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let mut ground = Ground::open("erasures-logs").await?;
    let lives = lives(&mut ground, arguments).await?;
    let traffic = began.elapsed();
    ground.is_quiet().await?;
    let took = ended(&ground).await?;
    let mut breaches = Vec::new();
    let forgotten = lives.iter().filter(|life| life.is_forgotten()).count();
    ensure!(took.len() >= forgotten, "{} erasures of {forgotten} people", took.len());
    let (longest, usual) = (took.last().copied().unwrap_or_default(), took[took.len() / 2]);
    if longest > PROMISE {
        breaches.push(format!("one erasure took {:.1} s", longest.as_secs_f32()));
    }
    let findings = look::everywhere(&ground, &lives).await?;
    breaches.extend(findings.found.iter().map(|(place, times)| format!("found {times} time(s) in {place}")));
    breaches.extend(look::the_others(&ground, &lives).await?);
    println!(
        "{} people lived for {:.1} s, {forgotten} of them were forgotten: half within {:.1} s, all within {:.1} s",
        lives.len(),
        traffic.as_secs_f32(),
        usual.as_secs_f32(),
        longest.as_secs_f32(),
    );
    println!(
        "{} known values looked for in {} tables, {} keys of Redis and {} files",
        findings.values, findings.tables, findings.keys, findings.files
    );
    ground.close().await?;
    for breach in breaches.iter().take(TOLD) {
        println!("BREACH: {breach}");
    }
    ensure!(breaches.is_empty(), "{} breach(es)", breaches.len());
    println!("nothing is left of them, and the others have everything");
    Ok(())
}

/// Everybody lives, some at a time; every now and then a worker is killed, and another takes its place.
async fn lives(ground: &mut Ground, arguments: &Arguments) -> Result<Vec<Life>> {
    let mut people = Vec::new();
    for number in 0..arguments.people as usize {
        people.push(Life::begins(ground, number).await);
    }
    let (desk, over) = (look::desk(ground)?, AtomicBool::new(false));
    let all = async {
        let lived = futures_util::stream::iter(people)
            .map(|life| life.lives(&desk))
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        over.store(true, Ordering::Relaxed);
        lived
    };
    let deaths = async {
        let mut turns = interval(Duration::from_secs(4));
        turns.tick().await;
        for _ in 0..arguments.kills {
            turns.tick().await;
            if over.load(Ordering::Relaxed) {
                break;
            }
            ground.worker.signal(Signal::SIGKILL);
            ground.starts(Role::Worker).await?;
        }
        anyhow::Ok(())
    };
    let (lived, deaths) = tokio::join!(all, deaths);
    deaths?;
    lived.into_iter().collect()
}

/// Waits until every wish was carried out. How long each took, the shortest first.
async fn ended(ground: &Ground) -> Result<Vec<Duration>> {
    let deadline = Instant::now() + PROMISE;
    let mut turns = interval(Duration::from_millis(200));
    loop {
        turns.tick().await;
        let rows: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> =
            sqlx::query_as("select asked_at, done_at from wa.erasure").fetch_all(&ground.pool).await?;
        let done: Option<Vec<_>> =
            rows.iter().map(|(asked, done)| (*done)?.signed_duration_since(asked).to_std().ok()).collect();
        if let Some(mut took) = done.filter(|took| !took.is_empty()) {
            took.sort_unstable();
            return Ok(took);
        }
        ensure!(Instant::now() < deadline, "wishes that nobody carries out");
    }
}
