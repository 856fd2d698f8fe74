//! What one call of the queue costs while nothing, ten thousand, or hundreds of thousands of messages wait.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use shared::clock::Clock;
use shared::job::Job;
use shared::queue::{Enqueued, Queue, QueueSettings, Settlement, Verdict};

use super::Scale;
use super::ground::Ground;
use super::table::{Bar, Table};
use crate::load::crowd;
use crate::load::instrument::Instrument;
use crate::load::sample::Sample;

/// Times that each call is made at each depth, one after the other.
const CALLS: usize = 1_000;

/// People who wait: all that there are.
const PEOPLE: usize = 10_000;

/// Measure 8.
pub async fn measure(ground: &Ground, scale: &Scale, table: &mut Table) -> Result<()> {
    println!(
        "\n8. one call of the queue while so many messages wait: microseconds in all (inside Redis), medians"
    );
    let url = &ground.servers.redis_url;
    let mut redis = Instrument::open(url).await?;
    redis.clear().await?;
    redis.set("appendfsync", "everysec").await?;
    let queue = Queue::open(&url.clone().into(), QueueSettings::default())?;
    let mut depths = Vec::new();
    for waiting in [0, 10_000, scale.backlog] {
        fill(&queue, waiting).await?;
        depths.push((waiting, calls(&queue, &mut redis).await?));
    }
    for (place, name) in ["enqueue", "fetch", "settle"].into_iter().enumerate() {
        let at = |depth: &(usize, [(f64, f64); 3])| depth.1[place];
        let found: Vec<String> = depths
            .iter()
            .map(|depth| format!("{:.0} ({:.0}) at {}", at(depth).0, at(depth).1, depth.0))
            .collect();
        table.notes(name, found.join(", "));
        let grown = depths.iter().map(|depth| at(depth).1).fold(0.0, f64::max) / at(&depths[0]).1;
        let grown: Sample = [grown].into_iter().collect();
        table.judges(format!("{name}: inside Redis, most / none waiting"), &grown, Bar::AtMost(1.15));
    }
    Ok(())
}

/// Lets so many messages wait.
async fn fill(queue: &Queue, waiting: usize) -> Result<()> {
    let clock = Clock::system();
    let mut there = usize::try_from(queue.figures().await?.ready)?;
    let deadline = Instant::now() + Duration::from_mins(2);
    while there < waiting {
        let number = 1_000.min(waiting - there);
        let jobs: Vec<Job> = (there..there + number).map(|n| crowd::job(n % PEOPLE, n, &clock)).collect();
        let answers = queue.enqueue(&jobs).await?;
        ensure!(answers.iter().all(|answer| *answer == Enqueued::Queued), "a message was not taken");
        ensure!(Instant::now() < deadline, "filling takes too long");
        there += number;
    }
    Ok(())
}

/// One message in, one out, again and again: the median of each call, and of its script inside Redis.
async fn calls(queue: &Queue, redis: &mut Instrument) -> Result<[(f64, f64); 3]> {
    let clock = Clock::system();
    let micros = |began: Instant| began.elapsed().as_secs_f64() * 1e6;
    let mut found = [(0.0, 0.0); 3];
    redis.reset().await?;
    let mut times = Vec::with_capacity(CALLS);
    for n in 0..CALLS {
        let job = [crowd::job(n, n, &clock)];
        let began = Instant::now();
        let _ = queue.enqueue(&job).await?;
        times.push(micros(began));
    }
    found[0] =
        (std::mem::take(&mut times).into_iter().collect::<Sample>().median(), redis.script_micros().await?);
    let mut held = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let began = Instant::now();
        let leased = queue.fetch("bench", 1).await?.leased.pop();
        times.push(micros(began));
        held.push(leased.context("a message that waits")?.lease);
    }
    found[1] =
        (std::mem::take(&mut times).into_iter().collect::<Sample>().median(), redis.script_micros().await?);
    for lease in held {
        let settlement = [Settlement { lease, verdict: Verdict::Done }];
        let began = Instant::now();
        queue.settle(&settlement).await?;
        times.push(micros(began));
    }
    found[2] = (times.into_iter().collect::<Sample>().median(), redis.script_micros().await?);
    Ok(found)
}
