//! One sender with thousands of messages among many with one each: do the many wait longer than without that one?
//!
//! Rounds with and without the flood take turns, each on an empty queue, the two of a pair at the same moments of
//! their lives, so that what the machine does besides falls on both. The flood is one lane and takes one slot at
//! most: with few slots that are nearly all busy, the others feel that slot, as they would feel any other load.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use shared::clock::Clock;
use shared::job::Job;
use shared::queue::{Enqueued, Queue, QueueSettings};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use worker::lanes::Handler;

use super::hand::Hand;
use super::instrument::Instrument;
use super::sample::{Sample, float};
use super::{conditions, crowd, on_a_redis};

/// The one who floods; the others are counted from one.
const FLOODER: usize = 0;

/// How much longer the others may wait: what is printed beside the ratio.
const BAR: f64 = 1.10;

/// One sender floods among many: how long the many wait from being taken in to the start of the work.
#[derive(Debug, Clone, Args)]
pub struct Flood {
    /// Ordinary senders, one message each.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    senders: u32,
    /// Messages of the one who floods, waiting when the others begin.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=19_000))]
    messages: u32,
    /// Milliseconds over which the ordinary messages come, at random moments.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    over: u32,
    /// Milliseconds that the work on one message takes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    work: u32,
    /// Messages worked on at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    slots: u32,
    /// Pairs of rounds.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
}

/// What one round found.
struct Round {
    /// Milliseconds that each ordinary message waited.
    waits: Sample,
    /// Messages of the flood that were worked on meanwhile.
    flood: usize,
}

impl Flood {
    /// Runs all rounds.
    pub async fn run(self) -> Result<()> {
        on_a_redis(async |url| self.measure(url).await).await
    }

    async fn measure(&self, url: &str) -> Result<()> {
        let mut redis = Instrument::open(url).await?;
        let busy = float(self.senders as usize) * f64::from(self.work) / f64::from(self.over * self.slots);
        println!(
            "\nflood: {} messages of one sender among {} others with one each, within {} ms",
            self.messages, self.senders, self.over
        );
        println!(
            "  {} slots, {} ms of work a message: the others alone keep {:.0} % of the slots busy",
            self.slots,
            self.work,
            busy * 100.0
        );
        println!("  {}", conditions::with_redis(&mut redis).await?);
        println!(
            "  wait of the others in ms       without              with the flood    ratio  flood handled"
        );
        println!(
            "                            p50   p95   p99       p50   p95   p99    of p95      meanwhile"
        );
        let (mut ratios, mut all) = (Vec::new(), [Vec::new(), Vec::new()]);
        for pair in 0..self.rounds {
            let mut moments: Vec<Duration> = (0..self.senders).map(|_| self.moment()).collect();
            moments.sort_unstable();
            // Each of the two is first as often as the other.
            let flood_first = pair.is_multiple_of(2);
            let one = self.round(url, &mut redis, &moments, flood_first).await?;
            let other = self.round(url, &mut redis, &moments, !flood_first).await?;
            let (with, without) = if flood_first { (one, other) } else { (other, one) };
            let ratio = with.waits.percentile(95) / without.waits.percentile(95);
            println!(
                "    {:>16}  {}  {}  {ratio:>8.2} {:>14}",
                format!("pair {}", pair + 1),
                row(&without.waits),
                row(&with.waits),
                with.flood
            );
            ratios.push(ratio);
            for (all, round) in all.iter_mut().zip([&without, &with]) {
                all.push([50, 95, 99].map(|hundredths| round.waits.percentile(hundredths)));
            }
        }
        for (place, name) in ["p50", "p95", "p99"].iter().enumerate() {
            let [without, with] = [&all[0], &all[1]]
                .map(|all| all.iter().map(|round| round[place]).collect::<Sample>().median());
            println!(
                "  median {name}: {without:.2} ms without, {with:.2} ms with the flood: {:.2}",
                with / without
            );
        }
        println!(
            "  ratio of p95, pair by pair: {}; wanted: at most {BAR:.2}",
            ratios.into_iter().collect::<Sample>().spread()
        );
        println!("  afterwards: {}", conditions::machine());
        Ok(())
    }

    fn moment(&self) -> Duration {
        Duration::from_millis(u64::from(self.over)).mul_f64(rand::random::<f64>())
    }

    /// One round on an empty queue: the flood waits, workers come, and then the others write.
    async fn round(
        &self,
        url: &str,
        redis: &mut Instrument,
        moments: &[Duration],
        flood: bool,
    ) -> Result<Round> {
        redis.clear().await?;
        let clock = Clock::system();
        let queue = Queue::open(&url.into(), QueueSettings::default())?;
        // One of them at least: the others begin over connections that are open and scripts that are loaded.
        let number = if flood { self.messages as usize } else { 1 };
        let jobs: Vec<Job> = (0..number).map(|n| crowd::job(FLOODER, n, &clock)).collect();
        let answers = queue.enqueue(&jobs).await?;
        ensure!(answers.iter().all(|answer| *answer == Enqueued::Queued), "the flood was not taken");
        let (starts, mut started) = mpsc::unbounded_channel();
        let work = Duration::from_millis(u64::from(self.work));
        let handler: Handler = {
            let clock = clock.clone();
            Arc::new(move |assignment| {
                let began = clock.now();
                // What is unreadable was not queued here.
                if let Ok(job) = serde_json::from_slice::<Job>(&assignment.payload) {
                    let _ = starts.send((job.lane, began - job.received_at));
                }
                Box::pin(async move {
                    sleep(work).await;
                    Ok(())
                })
            })
        };
        let own = Queue::open(&url.into(), QueueSettings::default())?;
        let hand = Hand::start(own, self.slots as usize, handler);
        let flooder = crowd::job(FLOODER, 0, &clock).lane;
        started.recv().await.context("the worker is gone")?;
        let begin = Instant::now() + Duration::from_millis(200);
        let mut writers = JoinSet::new();
        for (person, moment) in moments.iter().copied().enumerate() {
            let (queue, clock) = (queue.clone(), clock.clone());
            writers.spawn(async move {
                sleep_until(begin + moment).await;
                queue.enqueue(&[crowd::job(1 + person, person, &clock)]).await
            });
        }
        let (mut waits, mut meanwhile) = (Vec::new(), 0);
        let all = async {
            while waits.len() < moments.len() {
                let (lane, wait) = started.recv().await.context("the worker is gone")?;
                if lane == flooder {
                    meanwhile += 1;
                } else {
                    waits.push(wait.to_std().unwrap_or_default().as_secs_f64() * 1e3);
                }
            }
            anyhow::Ok(())
        };
        let patience = Duration::from_millis(u64::from(self.over)) * 2 + Duration::from_secs(30);
        timeout(patience, all).await.context("the others wait too long")??;
        for answers in writers.join_all().await {
            ensure!(answers? == [Enqueued::Queued], "a message was not taken");
        }
        hand.stop().await?;
        Ok(Round { waits: waits.into_iter().collect(), flood: meanwhile })
    }
}

fn row(waits: &Sample) -> String {
    let [p50, p95, p99] = [50, 95, 99].map(|hundredths| waits.percentile(hundredths));
    format!("{p50:>6.2}{p95:>6.2}{p99:>6.2}")
}
