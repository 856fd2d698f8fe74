//! What happens to one job: from the lease to the verdict, each way once.

use std::time::Instant;

use metrics::{counter, histogram};
use shared::fault;
use shared::job::{Job, Notice, StatusReport, Work};
use shared::message::{Inbound, MessageId};
use shared::person::{self, Person};
use shared::receipt::{self, Outcome, Standing};
use shared::texts::Text;
use shared::{ledger, outbox};

use crate::Worker;
use crate::command::Command;
use crate::delivery::{self, Delivered};
use crate::error::JobError;
use crate::generate::{self, Held};
use crate::lanes::Assignment;
use crate::policy;

/// Handles one job. May run again at any time, from any point: what was done before is found done.
pub async fn handle(worker: Worker, assignment: Assignment) -> Result<(), JobError> {
    let began = Instant::now();
    let result = decide(&worker, &assignment).await;
    histogram!("postly_job_seconds").record(began.elapsed());
    let outcome = match &result {
        Ok(()) => "done",
        Err(JobError::Retry { .. }) => "retry",
        Err(JobError::Wait { .. }) => "wait",
        Err(JobError::Fail { .. }) => "dead",
    };
    counter!("postly_jobs_total", "outcome" => outcome).increment(1);
    result.map_err(|error| match error {
        JobError::Retry { after, cause } => {
            tracing::warn!(attempt = assignment.attempt, "a job will be tried again: {cause:#}");
            JobError::Retry { after: after.or(Some(worker.patience.retry.pause(assignment.attempt))), cause }
        }
        other => {
            tracing::info!(attempt = assignment.attempt, "a job {other}");
            other
        }
    })
}

async fn decide(worker: &Worker, assignment: &Assignment) -> Result<(), JobError> {
    fault::point("job.leased");
    let job: Job = serde_json::from_slice(&assignment.payload)
        .map_err(|_| JobError::fail("the queued bytes are no job that this version knows"))?;
    match &job.work {
        Work::Status(report) => status(worker, report).await,
        Work::Notice(notice) => record(worker, &job, notice).await,
        Work::Message(inbound) => {
            let poison = assignment.lost >= policy::LOST_LEASES;
            if poison || assignment.attempt > worker.patience.attempts {
                let reason = if poison { "its workers kept dying" } else { "every attempt ended badly" };
                return give_up(worker, &job, inbound, reason).await;
            }
            match message(worker, &job, inbound, assignment.attempt).await {
                Err(JobError::Retry { cause, .. }) if assignment.attempt >= worker.patience.attempts => {
                    tracing::error!(message.id = job.id.fingerprint(), "the last attempt failed: {cause:#}");
                    give_up(worker, &job, inbound, &format!("{cause:#}")).await
                }
                Err(JobError::Fail { reason }) => give_up(worker, &job, inbound, &reason).await,
                other => other,
            }
        }
    }
}

async fn message(worker: &Worker, job: &Job, inbound: &Inbound, attempt: u32) -> Result<(), JobError> {
    if let Some((person, brief)) = open(worker, job, inbound, attempt).await? {
        fault::point("hold.done");
        let providers = worker.providers.clone();
        let typing = inbound.clone();
        tokio::spawn(async move { providers.typing(&typing).await });
        generate::write(worker, inbound, &person, &brief).await?;
    }
    match delivery::deliver(worker, job).await? {
        Delivered::Whole | Delivered::Refused { partly: true } => Ok(()),
        Delivered::Refused { partly: false } => generate::refund_undelivered(worker, inbound).await,
    }
}

/// The first transaction: the receipt, the person, and either an answer or a held credit. Returns the brief that
/// is still to be worked on, if there is one.
async fn open(
    worker: &Worker,
    job: &Job,
    inbound: &Inbound,
    attempt: u32,
) -> Result<Option<(Person, String)>, JobError> {
    let now = worker.clock.now();
    let mut tx = worker.pool.begin().await?;
    if receipt::start(&mut tx, inbound, job.received_at, attempt, now).await? == Standing::Ended {
        tx.commit().await?;
        return Ok(None);
    }
    let person = person::resolve(&mut tx, &inbound.sender, now).await?;
    receipt::belongs_to(&mut tx, &inbound.id, &person.id).await?;
    let text = match Command::parse(&inbound.content) {
        Command::Generate { brief } => {
            let held = generate::hold(&mut tx, worker, inbound, &person).await?;
            tx.commit().await?;
            return Ok((held == Held::Yes).then_some((person, brief)));
        }
        Command::Silence => {
            let _ended = receipt::end(&mut tx, &inbound.id, Outcome::Recorded, None, now).await?;
            tx.commit().await?;
            return Ok(None);
        }
        Command::Help => Text::Help,
        Command::Balance => Text::Balance(ledger::balance(&mut tx, &person.id).await?),
        Command::BriefMissing => Text::BriefMissing,
        Command::Unreadable => Text::TextOnly,
    };
    generate::answer(&mut tx, worker, inbound, &person, Outcome::Answered, text).await?;
    tx.commit().await?;
    Ok(None)
}

/// The end of a message that could not be handled: refund, apology, dead letter.
async fn give_up(worker: &Worker, job: &Job, inbound: &Inbound, reason: &str) -> Result<(), JobError> {
    let now = worker.clock.now();
    let mut tx = worker.pool.begin().await?;
    // A message that never got as far as its receipt still needs one to fail.
    let _standing = receipt::start(&mut tx, inbound, job.received_at, worker.patience.attempts, now).await?;
    tx.commit().await?;
    if Command::parse(&inbound.content) != Command::Silence {
        generate::give_up(worker, inbound, reason).await?;
    }
    match delivery::deliver(worker, job).await {
        // The apology, or an answer that was ready, is on its way or must wait: the message ends when it is out.
        Err(JobError::Wait { after, cause }) => Err(JobError::Wait { after, cause }),
        Ok(Delivered::Whole) => Err(JobError::fail(reason)),
        Ok(Delivered::Refused { .. }) | Err(_) => {
            generate::refund_undelivered(worker, inbound).await?;
            Err(JobError::fail(reason))
        }
    }
}

/// A provider's report on something we sent.
async fn status(worker: &Worker, report: &StatusReport) -> Result<(), JobError> {
    if !outbox::report(&worker.pool, report).await? {
        tracing::debug!(provider = %report.provider, "a report on a message that is not ours");
    }
    Ok(())
}

/// Something about the account: kept, and said aloud, since an operator may have to act.
async fn record(worker: &Worker, job: &Job, notice: &Notice) -> Result<(), JobError> {
    tracing::warn!(provider = %notice.provider, notice.kind = notice.kind, "the provider has sent a notice");
    let mut db = worker.pool.acquire().await?;
    let id: &MessageId = &job.id;
    receipt::record(
        &mut db,
        id,
        notice.provider,
        &notice.kind,
        &notice.body,
        job.received_at,
        worker.clock.now(),
    )
    .await?;
    Ok(())
}
