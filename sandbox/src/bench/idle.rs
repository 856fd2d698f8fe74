//! What it costs to wait for nothing, how soon work begins, how soon a process is ready, and how large it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use shared::clock::Clock;
use shared::job::Job;
use shared::queue::{Queue, QueueSettings};
use sqlx::PgPool;
use tokio::sync::mpsc;
use worker::lanes::Handler;

use super::Scale;
use super::ground::Ground;
use super::table::{Bar, Table};
use crate::load::crowd;
use crate::load::hand::Hand;
use crate::load::instrument::Instrument;
use crate::load::sample::{Sample, float};

/// Messages whose wait is measured, one at a time.
const WAKES: usize = 300;

/// Measures 6 and 7.
pub async fn measure(ground: &Ground, scale: &Scale, table: &mut Table) -> Result<()> {
    println!("\n6. idle for {} s", scale.idle.as_secs());
    let pool = PgPool::connect(&ground.servers.database_url).await?;
    shared::db::migrate(&pool, &crate::stage::vault()).await?;
    pool.close().await;
    let mut redis = Instrument::open(&ground.servers.redis_url).await?;
    redis.clear().await?;
    let (ingest, worker) = (ground.ingest().await?, ground.worker(100, &asleep()).await?);
    // What a process does once, at its start, is over.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = (ingest.cost.processor()?, worker.cost.processor()?, commands(&mut redis).await?);
    tokio::time::sleep(scale.idle).await;
    let seconds = scale.idle.as_secs_f64();
    for (name, now, before) in
        [("ingest", ingest.cost.processor()?, before.0), ("worker", worker.cost.processor()?, before.1)]
    {
        let share = (now - before) / seconds * 100.0;
        table.notes(format!("processor of an idle {name}"), format!("{share:.2} % of one core"));
        let (memory, _) = if name == "ingest" { ingest.cost.memory()? } else { worker.cost.memory()? };
        table.notes(format!("resident memory of an idle {name}"), format!("{memory:.1} MB"));
    }
    // Both questions about it are commands themselves.
    let asked = (commands(&mut redis).await? - before.2 - 1.0) / seconds;
    table.notes("commands a second to a Redis of one idle ingest and worker", format!("{asked:.2}"));
    worker.stop().await?;
    ingest.stop().await?;
    wakes(ground, table).await?;
    starts(ground, scale, table).await
}

/// A worker that has nobody to talk to, and need not.
fn asleep() -> BTreeMap<String, String> {
    [
        ("OPENAI_API_KEY", "sk-bench"),
        ("META_ACCESS_TOKEN", "EAAbench"),
        ("META_GRAPH_URL", "http://127.0.0.1:9"),
    ]
    .into_iter()
    .chain([("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")])
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

async fn commands(redis: &mut Instrument) -> Result<f64> {
    Ok(redis.word("stats", "total_commands_processed").await?.parse()?)
}

/// From the moment at which a message is offered to the start of its work, on lanes that have nothing to do.
async fn wakes(ground: &Ground, table: &mut Table) -> Result<()> {
    let url = &ground.servers.redis_url;
    let clock = Clock::system();
    let (starts, mut started) = mpsc::unbounded_channel();
    let handler: Handler = Arc::new(move |assignment| {
        let now = Clock::system().now();
        let received = serde_json::from_slice::<Job>(&assignment.payload).map(|job| job.received_at);
        if let Ok(received) = received {
            let _ = starts.send(now - received);
        }
        Box::pin(async { Ok(()) })
    });
    let hand = Hand::start(Queue::open(&url.clone().into(), QueueSettings::default())?, 100, handler);
    let queue = Queue::open(&url.clone().into(), QueueSettings::default())?;
    let mut waits = Vec::new();
    for n in 0..WAKES {
        // As a message comes to a worker that sleeps.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let _ = queue.enqueue(&[crowd::job(n, n, &clock)]).await?;
        let wait = started.recv().await.context("the worker is gone")?;
        waits.push(wait.as_seconds_f64() * 1e3);
    }
    hand.stop().await?;
    let waits: Sample = waits.into_iter().skip(10).collect();
    table.notes("from enqueue to start of work, p50, ms", format!("{:.2}", waits.median()));
    table.judges(
        "from enqueue to start of work, p99, ms",
        &[waits.percentile(99)].into_iter().collect(),
        Bar::AtMost(10.0),
    );
    Ok(())
}

/// From the start of a process to its first "ready".
async fn starts(ground: &Ground, scale: &Scale, table: &mut Table) -> Result<()> {
    println!("\n7. start and size");
    let (mut ingest, mut worker) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let running = ground.ingest().await?;
        ingest.push(running.ready_after.as_secs_f64() * 1e3);
        running.stop().await?;
        let running = ground.worker(100, &asleep()).await?;
        worker.push(running.ready_after.as_secs_f64() * 1e3);
        running.stop().await?;
    }
    for (name, ready) in [("ingest", ingest), ("worker", worker)] {
        table.notes(format!("{name}: start to ready, ms"), ready.into_iter().collect::<Sample>().spread());
    }
    for name in ["postly-ingest", "postly-worker", "postly"] {
        let bytes = usize::try_from(std::fs::metadata(ground.program(name))?.len())?;
        table.notes(format!("size of {name}"), format!("{:.1} MB", float(bytes) / 1e6));
    }
    Ok(())
}
