//! Workers as processes of their own come and go while people wait: how many messages a second, for each number of
//! them? The whole path is real (webhooks, credits, three calls of the model, replies, reports); the model takes
//! its time, so that the workers wait as they do in production.

mod system;

use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use clap::Args;
use tokio::time::sleep;

use super::conditions;
use super::sample::float;
use system::System;

/// Calls of the model that one message needs.
const CALLS: u32 = 3;

/// Worker processes join and leave while it runs: messages per second for each number of them.
#[derive(Debug, Clone, Args)]
pub struct Scale {
    /// Numbers of workers, one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8, 4, 2, 1])]
    workers: Vec<usize>,
    /// Messages that each works on at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=200))]
    slots: u32,
    /// Milliseconds of one call of the model. A message needs three.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    model: u32,
    /// Seconds for which each number of workers is watched.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=60))]
    watch: u32,
}

/// So many workers, from when to when.
struct Phase {
    workers: usize,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl Scale {
    /// Starts the system, changes its workers, and counts in its books.
    pub async fn run(self) -> Result<()> {
        let most = self.workers.iter().copied().max().unwrap_or_default();
        ensure!((1..=16).contains(&most) && !self.workers.contains(&0), "--workers are numbers from 1 to 16");
        let mut system = System::start(self.slots, Duration::from_millis(u64::from(self.model))).await?;
        let measured = self.measure(&mut system, most).await;
        system.stop().await.and(measured)
    }

    async fn measure(&self, system: &mut System, most: usize) -> Result<()> {
        println!(
            "\nscale: {:?} worker processes of {} slots, {} ms a call of the model",
            self.workers, self.slots, self.model
        );
        println!("  {}", conditions::machine());
        let people = most * self.slots as usize * 4;
        let messages = self.messages().max(people);
        let seconds = system.say(people, messages.div_ceil(people)).await?;
        let said = messages.div_ceil(people) * people;
        println!(
            "  {said} messages of {people} people taken in by signed webhooks in {seconds:.1} s; now they are worked on"
        );
        let mut phases = Vec::new();
        for workers in self.workers.iter().copied() {
            system.becomes(workers).await?;
            let from = system.clock.now();
            sleep(Duration::from_secs(u64::from(self.watch))).await;
            let to = system.clock.now();
            let waiting = system.queue.figures().await?.ready;
            // Otherwise the workers had less to do than they could.
            ensure!(waiting > 0, "the backlog ended before the workers had been watched");
            phases.push(Phase { workers, from, to });
        }
        system.becomes(0).await?;
        self.tell(system, &phases).await
    }

    /// More messages than all phases can handle, with the time between them.
    fn messages(&self) -> usize {
        let each = f64::from(self.model * CALLS) / 1e3;
        let seconds = f64::from(self.watch) + 4.0 + each;
        let slots = float(self.workers.iter().sum::<usize>()) * f64::from(self.slots);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and saturates"
        )]
        let messages = (slots * seconds / each * 1.2).ceil() as usize;
        messages.min(20_000)
    }

    async fn tell(&self, system: &System, phases: &[Phase]) -> Result<()> {
        let lives = system.lives().await?;
        println!("    {:>8} {:>12} {:>16} {:>10}", "workers", "messages/s", "beside one", "per worker");
        let rates: Vec<f64> = phases.iter().map(|phase| phase.rate(&lives)).collect();
        let ones: Vec<f64> = phases
            .iter()
            .zip(&rates)
            .filter(|(phase, _)| phase.workers == 1)
            .map(|(_, rate)| *rate)
            .collect();
        let one = ones.iter().sum::<f64>() / float(ones.len());
        for (phase, rate) in phases.iter().zip(&rates) {
            let beside = if ones.is_empty() { "–".to_owned() } else { format!("{:.2}", rate / one) };
            println!(
                "    {:>8} {rate:>12.2} {beside:>16} {:>10.2}",
                phase.workers,
                rate / float(phase.workers)
            );
        }
        let slots = f64::from(self.slots) * 1e3 / f64::from(self.model * CALLS);
        println!("  a worker whose slots did nothing but wait for the model: {slots:.2} messages/s");
        println!("  {}", system.books().await?);
        println!("  afterwards: {}", conditions::machine());
        Ok(())
    }
}

impl Phase {
    /// Messages per second: each counts for the part of its life that lies in the phase, so that it does not
    /// matter where in the three steps of the model the phase begins and ends.
    fn rate(&self, lives: &[(DateTime<Utc>, DateTime<Utc>)]) -> f64 {
        let seconds = |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).as_seconds_f64();
        let parts = lives.iter().map(|(from, to)| {
            let inside = seconds(*from.max(&self.from), *to.min(&self.to)).max(0.0);
            inside / seconds(*from, *to).max(1e-3)
        });
        parts.sum::<f64>() / seconds(self.from, self.to)
    }
}
