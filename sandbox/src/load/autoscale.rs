//! On paper: people write as in a day, and the workers are scaled as `deploy/k8s/overlays/keda` scales them. How long does
//! somebody wait for a slot, and does a last worker ever go while something is leased?
//!
//! A model, and nothing of it is measured: seconds are counted, a message is a conversation of its own, takes a slot for a fixed
//! time, and every pod starts in the same time. What a model server, a provider or Postgres refuses is not in it. The numbers of
//! the autoscaler are those of the manifest; a test compares them.

use std::collections::VecDeque;

use anyhow::Result;
use clap::Args;

use super::sample::{Sample, float};

/// `threshold` of the trigger `work`: conversations that one worker is meant to hold.
pub const EACH: usize = 70;
/// `threshold` of the trigger `oldest`, in seconds.
pub const AGE: usize = 10;
/// `maxReplicaCount`.
pub const MOST: usize = 8;
/// `cooldownPeriod`.
pub const COOLDOWN: usize = 900;
/// `pollingInterval`.
pub const POLL: usize = 10;
/// `scaleDown.stabilizationWindowSeconds`.
pub const CALM: usize = 300;
/// How often Prometheus looks, and Kubernetes' autoscaler decides.
const LOOK: usize = 15;
/// The pods that may come in [`LOOK`] seconds, and the seconds between two that go.
const UP: usize = 2;
const DOWN: usize = 60;
/// What people are promised, in seconds.
const PROMISE: f64 = 30.0;

/// A model, nothing is started: how a day's wave is met by workers that scale to zero and back.
#[derive(Debug, Clone, Args)]
pub struct Autoscale {
    /// Messages a second at the height of the wave.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    peak: u32,
    /// Seconds in which the wave rises.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=7_200))]
    rise: u32,
    /// Seconds that the work on one message takes.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=240))]
    work: u32,
    /// Seconds from the decision for a pod to its first message.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=600))]
    start: u32,
    /// Messages that one worker works on at once.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    slots: u32,
    /// The last worker never goes (`minReplicaCount` 1).
    #[arg(long)]
    never_zero: bool,
}

/// A part of the day: its name, how long it is, and how many messages a second at its beginning and its end.
struct Phase(&'static str, usize, f64, f64);

/// What happened in one part.
#[derive(Default)]
struct Seen {
    waits: Vec<f64>,
    pods: Vec<usize>,
}

/// The queue and its workers.
#[derive(Default)]
struct Model {
    now: usize,
    /// When each message came that waits.
    waiting: VecDeque<usize>,
    /// When the work on each message that is leased ends.
    leased: Vec<usize>,
    /// When each pod is there.
    pods: Vec<usize>,
    /// What was last seen of the queue, by Prometheus: conversations, and the oldest's age.
    seen: (usize, usize),
    /// When something was last seen to do.
    active: usize,
    /// What was wanted, for as long as a decrease waits.
    wanted: VecDeque<(usize, usize)>,
    left: usize,
    /// Messages whose last worker went while they were leased.
    abandoned: usize,
}

impl Autoscale {
    /// Prints the day, part by part.
    pub fn run(&self) -> Result<()> {
        println!(
            "\nautoscale, a model: {} messages/s within {} s, {} s of work, {} slots, a pod in {} s, {}",
            self.peak,
            self.rise,
            self.work,
            self.slots,
            self.start,
            if self.never_zero { "never zero" } else { "to zero and back" },
        );
        println!(
            "    {:<22} {:>8} {:>8} {:>9} {:>9} {:>9} {:>12}",
            "", "messages", "workers", "p50 wait", "p95 wait", "most", "beyond 30 s"
        );
        let mut model =
            Model { pods: if self.never_zero { vec![0] } else { Vec::new() }, ..Model::default() };
        for (name, seen) in self.day(&mut model) {
            if seen.waits.is_empty() {
                println!("    {name:<22} {:>8} {:>8}", 0, span(&seen.pods));
                continue;
            }
            let late = seen.waits.iter().filter(|wait| **wait + f64::from(self.work) > PROMISE).count();
            let (messages, waits) = (seen.waits.len(), seen.waits.into_iter().collect::<Sample>());
            println!(
                "    {name:<22} {messages:>8} {:>8} {:>9.0} {:>9.0} {:>9.0} {:>10.2} %",
                span(&seen.pods),
                waits.percentile(50),
                waits.percentile(95),
                waits.percentile(100),
                float(late) * 100.0 / float(messages),
            );
        }
        println!("    left by their last worker while they were leased: {}", model.abandoned);
        Ok(())
    }

    fn day(&self, model: &mut Model) -> Vec<(&'static str, Seen)> {
        let (peak, rise) = (f64::from(self.peak), self.rise as usize);
        let day = [
            Phase("nobody", 1_800, 0.0, 0.0),
            Phase("the first of the day", 600, 0.05, 0.05),
            Phase("the wave rises", rise, 0.05, peak),
            Phase("it stays", 1_800, peak, peak),
            Phase("it falls", rise, peak, 0.05),
            Phase("a few", 1_800, 0.05, 0.05),
            Phase("nobody", 2_400, 0.0, 0.0),
        ];
        let mut due = 0.0;
        day.into_iter()
            .map(|Phase(name, seconds, from, to)| {
                let mut seen = Seen::default();
                for second in 0..seconds {
                    due += from + (to - from) * float(second) / float(seconds);
                    while due >= 1.0 {
                        due -= 1.0;
                        model.waiting.push_back(model.now);
                    }
                    self.step(model, &mut seen);
                }
                (name, seen)
            })
            .collect()
    }

    /// One second.
    fn step(&self, model: &mut Model, seen: &mut Seen) {
        let now = model.now;
        model.leased.retain(|end| *end > now);
        let slots = model.ready() * self.slots as usize;
        while model.leased.len() < slots {
            let Some(came) = model.waiting.pop_front() else { break };
            seen.waits.push(float(now - came));
            model.leased.push(now + self.work as usize);
        }
        if now.is_multiple_of(LOOK) {
            let age = model.waiting.front().map_or(0, |came| now - came);
            model.seen = (model.waiting.len() + model.leased.len(), age);
        }
        if now.is_multiple_of(POLL) {
            self.poll(model);
        }
        if now.is_multiple_of(LOOK) && !model.pods.is_empty() {
            self.decide(model);
        }
        seen.pods.push(model.pods.len());
        model.now += 1;
    }

    /// KEDA: from zero, and to it.
    fn poll(&self, model: &mut Model) {
        let (lanes, age) = model.seen;
        if lanes > 0 || age > 1 {
            model.active = model.now;
            if model.pods.is_empty() {
                model.pods.push(model.now + self.start as usize);
            }
        } else if !self.never_zero && model.now - model.active > COOLDOWN && !model.pods.is_empty() {
            model.abandoned += model.leased.len();
            model.pods.clear();
        }
    }

    /// Kubernetes' autoscaler: between one and the most.
    fn decide(&self, model: &mut Model) {
        let ((lanes, age), there) = (model.seen, model.pods.len());
        let by_age = if age * 10 > AGE * 11 { (there * age).div_ceil(AGE) } else { 0 };
        let wanted = lanes.div_ceil(EACH).max(by_age).clamp(1, MOST);
        model.wanted.push_back((model.now, wanted));
        while model.wanted.front().is_some_and(|(at, _)| at + CALM < model.now) {
            model.wanted.pop_front();
        }
        let calm = model.wanted.iter().map(|(_, wanted)| *wanted).max().unwrap_or(wanted);
        if wanted > there {
            let more = (wanted - there).min(UP);
            model.pods.extend(std::iter::repeat_n(model.now + self.start as usize, more));
        } else if calm < there && model.now - model.left >= DOWN {
            // Who goes finishes what it holds within its drain, or gives it back: the others have slots for it.
            model.left = model.now;
            model.pods.pop();
        }
    }
}

/// The fewest and the most.
fn span(pods: &[usize]) -> String {
    let (few, many) = (pods.iter().min().copied(), pods.iter().max().copied());
    format!("{}-{}", few.unwrap_or_default(), many.unwrap_or_default())
}

impl Model {
    fn ready(&self) -> usize {
        self.pods.iter().filter(|at| **at <= self.now).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(peak: u32, never_zero: bool) -> (Vec<(&'static str, Seen)>, Model) {
        let it = Autoscale { peak, rise: 300, work: 7, start: 8, slots: 100, never_zero };
        let mut model = Model { pods: if never_zero { vec![0] } else { Vec::new() }, ..Model::default() };
        (it.day(&mut model), model)
    }

    #[test]
    fn a_day_begins_and_ends_with_nobody_and_leaves_nothing() {
        let (day, model) = day(60, false);
        assert!(day[0].1.pods.iter().all(|pods| *pods == 0), "nobody writes");
        assert!(model.pods.is_empty() && model.waiting.is_empty() && model.leased.is_empty());
        assert_eq!(model.abandoned, 0, "a last worker went while something was leased");
        let most = day.iter().flat_map(|(_, seen)| &seen.pods).max().unwrap();
        assert!((2..=MOST).contains(most), "{most}");
    }

    #[test]
    fn more_than_all_may_do_is_seen_in_the_waits() {
        // Eight workers of 100 slots and seven seconds each: 114 a second.
        let longest = |peak| {
            let (day, _) = day(peak, true);
            day.iter().flat_map(|(_, seen)| &seen.waits).fold(0.0_f64, |longest, wait| longest.max(*wait))
        };
        assert!(longest(100) < 120.0, "{}", longest(100));
        assert!(longest(150) > 120.0, "{}", longest(150));
    }
}
