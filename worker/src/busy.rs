//! One honest line to those who have been waiting for long: their message has arrived, and it takes longer than usual.
//!
//! Told beside the queue, not by whoever takes the message, who would come too late to tell it. A courtesy: once for what
//! one person wrote within a quarter of an hour, tried once, and never after its time.

use anyhow::Result;
use chrono::TimeDelta;
use futures_util::StreamExt;
use metrics::counter;
use shared::job::{Job, Work};
use shared::message::{Inbound, MessageId};
use shared::outbox::{self, Recipient};
use shared::person;
use shared::texts::Text;
use tokio_util::sync::CancellationToken;

use crate::command::Command;
use crate::{Worker, chore, delivery, detection, reply, window};

/// What the causes of these lines begin with.
const KIND: &str = "busy:";

/// Lanes that are looked at together, and how often at most in one turn: what is behind them has its turn later.
const PAGE: usize = 200;
const PAGES: usize = 10;

/// Lines on their way at the same time.
const AT_ONCE: usize = 8;

/// For which time one line is enough.
const SPAN_SECONDS: i64 = 15 * 60;

/// A line that has not left by then is not sent any more.
const LATE: TimeDelta = TimeDelta::seconds(30);

/// Tells until told to stop.
pub async fn run(worker: Worker, stop: CancellationToken) {
    let every = worker.patience.busy_period;
    chore::regularly("postly.busy", every, &worker.pool, &stop, || pass(&worker)).await;
}

/// Once through everybody who waits.
async fn pass(worker: &Worker) -> Result<()> {
    let now = worker.clock.now();
    outbox::expire(&worker.pool, KIND, now - LATE, now).await?;
    for page in 0..PAGES {
        let waiting = worker.queue.waiting(worker.patience.busy_after, page * PAGE, PAGE).await?;
        let Some(waiting) = waiting.filter(|_| worker.clock.now() - now < LATE) else { break };
        let owed: Vec<(MessageId, Inbound)> = waiting.into_iter().filter_map(owed).collect();
        let causes: Vec<MessageId> = owed.iter().map(|(cause, _)| cause.clone()).collect();
        let unsaid = outbox::unsaid(&worker.pool, &causes).await?;
        let owed = owed.iter().filter(|(cause, _)| unsaid.contains(cause));
        futures_util::stream::iter(owed)
            .for_each_concurrent(AT_ONCE, async |(cause, inbound)| {
                if let Err(error) = tell(worker, cause, inbound).await {
                    tracing::debug!("somebody is not told that they have to wait: {error:#}");
                }
            })
            .await;
    }
    Ok(())
}

/// The key of the line for a message that will be answered.
fn owed(job: Job) -> Option<(MessageId, Inbound)> {
    let Work::Message(inbound) = job.work else { return None };
    Command::parse(&inbound.content).apology()?;
    let span = job.received_at.timestamp() / SPAN_SECONDS;
    Some((MessageId::from_stored(format!("{KIND}{}:{span}", job.lane.fingerprint())), inbound))
}

async fn tell(worker: &Worker, cause: &MessageId, inbound: &Inbound) -> Result<()> {
    let now = worker.clock.now();
    // Since somebody looked, it may have been answered; and WhatsApp lets nobody write after a day.
    let answered = outbox::unsaid(&worker.pool, std::slice::from_ref(&inbound.id)).await?.is_empty();
    if answered || !window::is_open(inbound.sent_at, now) {
        return Ok(());
    }
    let mut tx = worker.pool.begin().await?;
    let mut person = person::resolve(&mut tx, &worker.vault, &inbound.sender, inbound.sent_at, now).await?;
    if person.stopped {
        return Ok(tx.rollback().await?);
    }
    if !person.chosen
        && let Some(guess) = inbound.content.words().and_then(detection::guess)
    {
        person.language = guess;
    }
    let reply = reply::write(None, Text::Busy, person.language, inbound.provider);
    let to = Recipient { cause, ..inbound.into() };
    let key = worker.vault.key(&mut tx, &person.id).await?;
    outbox::put(&mut tx, (&worker.vault, Some(&key)), to, &reply.parts, None, now).await?;
    tx.commit().await?;
    if delivery::try_once(worker, cause).await? {
        counter!("postly_busy_lines_total").increment(1);
    }
    Ok(())
}
