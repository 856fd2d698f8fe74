//! Finds messages that have begun and can never end, because they are no longer in Redis: their workers kept dying,
//! an operator discarded them, Redis was lost. What was held for them goes back, and their people are told, once.
//!
//! A message leaves its lane only after it has ended. So an open receipt whose message is neither in the spill nor in
//! its lane, looked for in the order in which messages travel, is lost: except while an operator's replay moves it,
//! which is what the age is for. The receipt is locked and asked again before anything happens, so that two sweeps, or
//! a sweep and a zombie, have one effect. An apology whose sender-to-be died is found by the next pass.

use std::collections::HashMap;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use metrics::counter;
use shared::job::{Job, Work};
use shared::message::{Inbound, MessageId};
use shared::person::{self, UserId};
use shared::queue::{DeadId, Enqueued};
use shared::receipt::{self, Open, Outcome};
use shared::texts::Text;
use shared::vault::Vault;
use shared::{fault, kept, ledger, otp, outbox};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::command::Command;
use crate::error::JobError;
use crate::{Worker, chore, policy, reply, voice};

/// Dead letters that are read at once.
const PAGE: usize = 500;

/// How far the clocks of Redis and of a worker may differ when a dead letter is looked for.
const SKEW: TimeDelta = TimeDelta::hours(1);

/// What can become of what is found.
pub const OUTCOMES: &[&str] = &["refunded", "ended", "untold", "resumed"];

/// Sweeps until told to stop.
pub async fn run(worker: Worker, stop: CancellationToken) {
    let every = worker.patience.sweep_period;
    chore::regularly("postly.sweep", every, &worker.pool, &stop, || pass(&worker)).await;
}

/// Once through everything that is open for too long.
async fn pass(worker: &Worker) -> Result<()> {
    let age = TimeDelta::from_std(worker.patience.sweep_age).unwrap_or(TimeDelta::MAX);
    let before = worker.clock.now() - age;
    end_the_lost(worker, before).await?;
    otp::expire(&mut *worker.pool.acquire().await?, worker.clock.now()).await?;
    resume_answers(worker, before).await
}

/// Ends every message that is open and gone. One that cannot be ended is told of, and the others do not wait for it.
async fn end_the_lost(worker: &Worker, before: DateTime<Utc>) -> Result<()> {
    let mut after: Option<Open> = None;
    loop {
        let open = receipt::open(&worker.pool, before, after.as_ref(), policy::SWEEP_BATCH).await?;
        let Some(newest) = open.last() else { return Ok(()) };
        after = Some(newest.clone());
        let mut lost = Vec::new();
        for open in open {
            if worker.queue.place(&open.message, &open.lane).await?.is_none() {
                lost.push(open);
            }
        }
        let letters = letters(worker, &lost).await?;
        for lost in lost {
            let message = lost.message.fingerprint();
            if let Err(error) = end(worker, lost, &letters, before).await {
                tracing::warn!(message.id = message, "a lost message could not be ended: {error}");
            }
        }
    }
}

/// A dead letter of a lost message: why it died, and the message itself.
struct Letter {
    reason: String,
    inbound: Inbound,
}

/// The dead letters of these messages, which are ordered by age. Those that died before the oldest began are not read.
async fn letters(worker: &Worker, lost: &[Open]) -> Result<HashMap<MessageId, Letter>> {
    let mut found = HashMap::new();
    let Some(oldest) = lost.first() else { return Ok(found) };
    let from = (oldest.started_at - SKEW).timestamp_millis().max(0);
    let mut after: Option<DeadId> = format!("{from}-0").parse().ok();
    loop {
        let page = worker.queue.dead_letters(after.as_ref(), PAGE).await?;
        let Some(newest) = page.last() else { return Ok(found) };
        after = Some(newest.id.clone());
        for letter in page {
            let Ok(job) = serde_json::from_slice::<Job>(&letter.job) else { continue };
            if let Work::Message(inbound) = job.work
                && lost.iter().any(|lost| lost.message == job.id)
            {
                found.insert(job.id, Letter { reason: letter.reason, inbound });
            }
        }
    }
}

/// The end, the refund and the apology: one fact. Then somebody is asked to send the apology.
async fn end(
    worker: &Worker,
    lost: Open,
    letters: &HashMap<MessageId, Letter>,
    before: DateTime<Utc>,
) -> Result<(), JobError> {
    let now = worker.clock.now();
    let letter = letters.get(&lost.message);
    let why = letter.map_or("its message is no longer in Redis", |letter| letter.reason.as_str());
    let mut tx = worker.pool.begin().await?;
    let Some(charged) = receipt::lock_open(&mut tx, &lost.message, before).await? else {
        return Ok(tx.rollback().await?);
    };
    let detail = format!("{FOUND}: {why}");
    if !receipt::end(&mut tx, &lost.message, Outcome::Failed, Some(&detail), now).await? {
        return Ok(tx.rollback().await?);
    }
    let refunded = ledger::refund(&mut tx, &lost.message, now).await?;
    kept::give_back(&mut *tx, &lost.message).await?;
    // Where it may have joined another meanwhile: the names and the wishes are that one's.
    let user = match lost.user.as_ref().or(charged.as_ref()) {
        Some(user) => Some(ledger::survivor(&mut tx, user).await?),
        None => None,
    };
    let told = apologise(&mut tx, &worker.vault, &lost, letter, user.as_ref(), refunded, now).await?;
    tx.commit().await?;
    fault::point("sweep.committed");
    count(if refunded { "refunded" } else { "ended" });
    if told == Told::Unreachable {
        count("untold");
    }
    let message = lost.message.fingerprint();
    tracing::warn!(message.id = message, refunded, ?told, "a lost message was found and ended: {why}");
    if told == Told::Yes {
        let job = Job::answer(lost.provider, lost.message, lost.lane, lost.replays, lost.received_at);
        // Whatever goes wrong here, the next pass finds the apology unsent.
        if let Err(error) = worker.queue.enqueue(&[job]).await {
            tracing::debug!("an apology waits for the next pass: {error}");
        }
    }
    Ok(())
}

/// The first words of the detail of a receipt that the sweep has ended.
pub const FOUND: &str = "found by the sweep";

/// Whether the person of a lost message will hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The apology stands in the outbox.
    Yes,
    /// No answer was due, or its failure was told before an operator took it up again.
    NotDue,
    /// Nobody knows where to.
    Unreachable,
}

/// Puts the apology in the outbox, if one is due: to where the message came from, as its dead letter says, or else to
/// where the books know its person.
async fn apologise(
    db: &mut PgConnection,
    vault: &Vault,
    lost: &Open,
    letter: Option<&Letter>,
    user: Option<&UserId>,
    refunded: bool,
    now: DateTime<Utc>,
) -> Result<Told, JobError> {
    let due = refunded
        || letter.map_or(matches!(lost.kind.as_str(), "text" | "voice"), |letter| {
            Command::parse(&letter.inbound.content).apology().is_some()
        });
    if !due || !lost.met {
        return Ok(Told::NotDue);
    }
    let (mut address, mut language) = (letter.map(|letter| letter.inbound.sender.address.clone()), None);
    if let Some(user) = user {
        if address.is_none() {
            address = person::address(db, vault, user, lost.provider, &lost.lane).await?;
        }
        language = person::known(db, user).await?.map(|person| person.language);
    }
    let Some(address) = address else { return Ok(Told::Unreachable) };
    let language = language.unwrap_or_default();
    let words = voice::recall(db, vault, &lost.message).await?;
    let echo = words.map(|words| voice::said_back(&words, language));
    let reply = reply::write(echo, Text::Failed, language, lost.provider);
    let to = outbox::Recipient {
        cause: &lost.message,
        provider: lost.provider,
        business: &lost.business,
        address: &address,
        lane: lost.lane.clone(),
    };
    let key = match user {
        Some(user) => Some(vault.key(db, user).await?),
        None => None,
    };
    outbox::put(db, (vault, key.as_ref()), to, &reply.parts, reply.shown.as_ref(), now).await?;
    Ok(Told::Yes)
}

/// Answers that stand in the outbox while nothing in Redis will send them: those of the sweep that died after its
/// transaction, and those of messages that were lost after theirs. The id of the job lets each be offered again and
/// again, and taken once.
async fn resume_answers(worker: &Worker, before: DateTime<Utc>) -> Result<()> {
    let mut after: Option<MessageId> = None;
    loop {
        let unsent = outbox::stranded(&worker.pool, before, after.as_ref(), policy::SWEEP_BATCH).await?;
        let Some(last) = unsent.last() else { return Ok(()) };
        after = Some(last.cause.clone());
        for stranded in unsent {
            if worker.queue.place(&stranded.cause, &stranded.lane).await?.is_some() {
                continue;
            }
            let message = stranded.cause.fingerprint();
            if worker.queue.enqueue(&[stranded.job()]).await? == [Enqueued::Queued] {
                count("resumed");
                tracing::warn!(message.id = message, "an answer that nobody was to send is on its way again");
            }
        }
    }
}

fn count(outcome: &'static str) {
    counter!("postly_sweeps_total", "outcome" => outcome).increment(1);
}
