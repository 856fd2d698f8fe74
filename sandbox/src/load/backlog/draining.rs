//! Workers come to a full queue and do nothing with each message but count it: the speed of the queue itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use secrecy::SecretString;
use shared::queue::{Queue, QueueSettings};
use tokio::sync::mpsc;
use worker::lanes::Handler;

use super::super::hand::Hand;
use super::super::instrument::Instrument;
use super::super::sample::float;
use super::Backlog;

/// What has been handled so far.
struct Progress {
    handled: AtomicUsize,
    /// Ends of slices that are still to come, the next one last.
    bounds: Mutex<Vec<usize>>,
    marks: mpsc::UnboundedSender<(usize, Instant)>,
}

impl Progress {
    fn one_more(&self) {
        let handled = self.handled.fetch_add(1, Ordering::Relaxed) + 1;
        if handled == 1 {
            let _ = self.marks.send((handled, Instant::now()));
        }
        let mut bounds = self.bounds.lock().unwrap_or_else(PoisonError::into_inner);
        if bounds.last().is_some_and(|bound| handled >= *bound) {
            bounds.pop();
            // Whoever measures may have gone away, and then nobody needs it.
            let _ = self.marks.send((handled, Instant::now()));
        }
    }
}

/// Empties the queue and prints each slice.
pub async fn drain(options: &Backlog, queue: &Queue, url: &str, redis: &mut Instrument) -> Result<()> {
    println!("  draining, {} workers of {} slots", options.workers, options.slots);
    let (marks, mut reached) = mpsc::unbounded_channel();
    let bounds = options.bounds().into_iter().rev().collect();
    let progress = Arc::new(Progress { handled: AtomicUsize::new(0), bounds: Mutex::new(bounds), marks });
    let handler: Handler = {
        let progress = progress.clone();
        Arc::new(move |_| {
            progress.one_more();
            Box::pin(async { Ok(()) })
        })
    };
    let mut processor = redis.processor().await?;
    let began = Instant::now();
    let mut hands = Vec::new();
    for _ in 0..options.workers {
        let own = Queue::open(&SecretString::from(url), QueueSettings::default())?;
        hands.push(Hand::start(own, options.slots as usize, handler.clone()));
    }
    let mut before = (0, began);
    let mut rates = Vec::new();
    while before.0 < options.messages as usize {
        let mark = reached.recv().await.context("the workers are gone")?;
        if mark.0 == 1 {
            println!("    first message handled after {:.1} ms", (mark.1 - began).as_secs_f64() * 1e3);
            println!("    {:>16} {:>10} {:>18}", "handled", "drain/s", "Redis CPU us/msg");
            continue;
        }
        let used = redis.processor().await?;
        let messages = float(mark.0 - before.0);
        let rate = messages / (mark.1 - before.1).as_secs_f64();
        println!(
            "    {:>16} {rate:>10.0} {:>18.0}",
            format!("{}-{}", before.0, mark.0),
            (used - processor) * 1e6 / messages
        );
        rates.push(rate);
        (before, processor) = (mark, used);
    }
    let all = float(before.0) / (before.1 - began).as_secs_f64();
    let (first, last) = (rates.first().context("a slice")?, rates.last().context("a slice")?);
    println!("    whole: {all:.0}/s; last slice / first slice: {:.2}", last / first);
    idle(queue).await?;
    for hand in hands {
        hand.stop().await?;
    }
    let counted = progress.handled.load(Ordering::Relaxed);
    ensure!(counted == options.messages as usize, "{counted} messages were handled");
    Ok(())
}

/// Waits until every verdict has reached Redis.
async fn idle(queue: &Queue) -> Result<()> {
    let mut turns = tokio::time::interval(Duration::from_millis(5));
    while queue.figures().await?.lanes > 0 {
        turns.tick().await;
    }
    Ok(())
}
