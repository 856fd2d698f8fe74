//! A long backlog: does taking messages in stay as fast while it grows, what does one waiting message cost, and how
//! does the work go once workers come back?

mod draining;
mod filling;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use shared::queue::{Queue, QueueSettings};

use super::instrument::Instrument;
use super::sample::float;
use super::{conditions, on_a_redis};

/// Slices that a backlog is looked at in.
const SLICES: usize = 10;

/// Many messages of many lanes wait, then workers start: rates, memory, slowest calls.
#[derive(Debug, Clone, Args)]
pub struct Backlog {
    /// How many messages wait in the end.
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u32).range(100..=900_000))]
    messages: u32,
    /// How many conversations they are of.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    lanes: u32,
    /// How many webhooks are being taken in at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    webhooks: u32,
    /// How many workers empty the backlog.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    workers: u32,
    /// How many messages each of them works on at once.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    slots: u32,
    /// Keeps Redis from rewriting its append-only file meanwhile, to tell what the rewrites cost.
    #[arg(long)]
    without_rewrites: bool,
    /// The longest that filling or draining may take, in seconds.
    #[arg(long, default_value_t = 300)]
    at_most: u64,
}

impl Backlog {
    /// Fills, drains, and looks at what is left.
    pub async fn run(self) -> Result<()> {
        on_a_redis(async |url| self.measure(url).await).await
    }

    async fn measure(&self, url: &str) -> Result<()> {
        let mut redis = Instrument::open(url).await?;
        println!("\nbacklog: {} messages of {} conversations", self.messages, self.lanes);
        println!("  {}", conditions::with_redis(&mut redis).await?);
        let queue = Queue::open(&url.into(), QueueSettings::default())?;
        let limit = Duration::from_secs(self.at_most);
        if self.without_rewrites {
            redis.set("auto-aof-rewrite-percentage", "0").await?;
        }
        // Scripts and connections are there before anything is counted.
        queue.figures().await?;
        let empty = redis.memory().await?;

        redis.reset().await?;
        let filling = filling::fill(self, &queue, url, &mut redis);
        let payload = tokio::time::timeout(limit, filling).await.context("filling took too long")??;
        let waiting = queue.figures().await?.ready;
        ensure!(waiting == u64::from(self.messages), "{waiting} messages wait");
        let full = redis.memory().await?;
        let messages = float(self.messages as usize);
        println!(
            "  memory per waiting message: {:.0} bytes = {:.0} of payload + {:.0} of everything else",
            (full - empty) / messages,
            payload / messages,
            (full - empty - payload) / messages,
        );
        self.tell_slowness(&mut redis).await?;

        redis.reset().await?;
        let draining = draining::drain(self, &queue, url, &mut redis);
        tokio::time::timeout(limit, draining).await.context("draining took too long")??;
        self.tell_slowness(&mut redis).await?;
        let left = redis.memory().await? - empty;
        println!(
            "  what is left: {:.0} bytes per remembered id; keys: {:?}",
            left / messages,
            redis.keys().await?
        );
        println!("  afterwards: {}", conditions::machine());
        Ok(())
    }

    async fn tell_slowness(&self, redis: &mut Instrument) -> Result<()> {
        for line in redis.slowness().await? {
            println!("    {line}");
        }
        Ok(())
    }

    /// How many messages have gone by at the end of each slice.
    fn bounds(&self) -> Vec<usize> {
        (1..=SLICES).map(|slice| self.messages as usize * slice / SLICES).collect()
    }
}
