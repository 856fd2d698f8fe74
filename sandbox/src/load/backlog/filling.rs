//! Taking messages in while nobody works, slice by slice. Every few messages the same payloads are also pushed bare
//! onto a list that is deleted again: a reference that never grows, on the same machine in the same moments.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{IntoConnectionInfo, cmd};
use shared::clock::Clock;
use shared::job::Job;
use shared::queue::{Enqueued, Queue};

use super::super::crowd;
use super::super::instrument::Instrument;
use super::super::sample::{Sample, float};
use super::Backlog;

/// The list of the reference.
const REFERENCE: &str = "reference";

/// Messages between two looks at the reference, at most.
const TURN: usize = 500;

/// One slice of the backlog.
struct Slice {
    rate: f64,
    reference: f64,
    ratio: f64,
    processor: f64,
    script: f64,
}

/// Fills the queue and prints each slice. Returns the bytes of all payloads.
pub async fn fill(options: &Backlog, queue: &Queue, url: &str, redis: &mut Instrument) -> Result<f64> {
    let mut bare = connection(url).await?;
    let clock = Clock::system();
    println!("  filling, one message a webhook, {} webhooks at once", options.webhooks);
    println!("             waiting  enqueue/s  RPUSH/s  enqueue/RPUSH  Redis CPU us/msg  script us (p50)");
    let (mut next, mut payload, mut slices) = (0, 0, Vec::new());
    for bound in options.bounds() {
        let first = next;
        let (mut own, mut others, mut ratios, mut processor) =
            (Duration::ZERO, Duration::ZERO, Vec::new(), 0.0);
        while next < bound {
            let turn = next..bound.min(next + TURN);
            let lanes = options.lanes as usize;
            let jobs: Vec<Job> = turn.clone().map(|n| crowd::job(n % lanes, n, &clock)).collect();
            for job in &jobs {
                payload += serde_json::to_vec(job)?.len();
            }
            // In turns first, so that what follows the other is not always the same.
            let reference_first = (next / TURN).is_multiple_of(2);
            let mut reference = Duration::ZERO;
            if reference_first {
                reference = push(&mut bare, &jobs, options.webhooks as usize).await?;
            }
            let before = redis.processor().await?;
            let taken = enqueue(queue, &jobs, options.webhooks as usize).await?;
            processor += redis.processor().await? - before;
            if !reference_first {
                reference = push(&mut bare, &jobs, options.webhooks as usize).await?;
            }
            ratios.push(reference.as_secs_f64() / taken.as_secs_f64());
            (own, others, next) = (own + taken, others + reference, turn.end);
        }
        let messages = float(next - first);
        let slice = Slice {
            rate: messages / own.as_secs_f64(),
            reference: messages / others.as_secs_f64(),
            ratio: ratios.into_iter().collect::<Sample>().median(),
            processor: processor * 1e6 / messages,
            script: redis.script_micros().await?,
        };
        println!(
            "    {:>16} {:>10.0} {:>8.0} {:>14.2} {:>17.1} {:>16.1}",
            format!("{first}-{next}"),
            slice.rate,
            slice.reference,
            slice.ratio,
            slice.processor,
            slice.script
        );
        slices.push(slice);
    }
    if let [first, .., last] = slices.as_slice() {
        println!(
            "    last slice / first slice: rate {:.2}, rate beside RPUSH {:.2}, CPU {:.2}, script {:.2}",
            last.rate / first.rate,
            last.ratio / first.ratio,
            last.processor / first.processor,
            last.script / first.script
        );
    }
    Ok(float(payload))
}

async fn enqueue(queue: &Queue, jobs: &[Job], at_once: usize) -> Result<Duration> {
    let began = Instant::now();
    stream::iter(jobs.iter().map(Ok))
        .try_for_each_concurrent(at_once, async |job| {
            let answers = queue.enqueue(std::slice::from_ref(job)).await?;
            ensure!(answers == [Enqueued::Queued], "a new message was not taken: {answers:?}");
            Ok(())
        })
        .await?;
    Ok(began.elapsed())
}

async fn push(bare: &mut ConnectionManager, jobs: &[Job], at_once: usize) -> Result<Duration> {
    let began = Instant::now();
    let pushed: Vec<u64> = stream::iter(jobs)
        .map(|job| {
            let mut bare = bare.clone();
            async move {
                let mut command = cmd("RPUSH");
                command.arg(REFERENCE).arg(serde_json::to_vec(job)?);
                anyhow::Ok(command.query_async::<u64>(&mut bare).await?)
            }
        })
        .buffer_unordered(at_once)
        .try_collect()
        .await?;
    let took = began.elapsed();
    ensure!(pushed.len() == jobs.len(), "the reference lost a message");
    cmd("DEL").arg(REFERENCE).query_async::<()>(bare).await?;
    Ok(took)
}

/// A connection like the one of the queue: one for everything, in a hurry.
async fn connection(url: &str) -> Result<ConnectionManager> {
    let info = url.into_connection_info()?.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let config = ConnectionManagerConfig::new().set_response_timeout(Some(Duration::from_secs(3)));
    Ok(ConnectionManager::new_with_config(redis::Client::open(info)?, config).await?)
}
