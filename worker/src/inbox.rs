//! What happens to one job: from the lease to the verdict, each way once.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use metrics::{counter, histogram};
use shared::job::{Job, Unread, Work};
use shared::message::{Inbound, MessageId};
use shared::receipt::{self, Standing, Start};
use shared::vault::VaultError;
use shared::{fault, trace};
use tracing::{Instrument, Span, field};

use crate::Worker;
use crate::delivery::{self, Delivered};
use crate::error::JobError;
use crate::lanes::Assignment;
use crate::opening::{self, Opened};
use crate::{burst, code, generate, notice, payment, policy, revise, shop, signin, till, typing, voice};

/// Handles one job. May run again at any time, from any point: what was done before is found done.
pub async fn handle(worker: Arc<Worker>, assignment: Assignment) -> Result<(), JobError> {
    let began = Instant::now();
    let job = worker.queue.read(&assignment.payload);
    let span = span(job.as_ref().ok(), &assignment);
    settle(&worker, &assignment, job, began).instrument(span).await
}

/// What everything about one start of one job is logged and traced under. An error's level, so that a quiet log keeps it.
fn span(job: Option<&Job>, assignment: &Assignment) -> Span {
    let span = tracing::error_span!(
        "job",
        otel.kind = "consumer",
        otel.status_code = field::Empty,
        kind = job.map(|job| job.work.kind()),
        attempt = assignment.attempt,
        message.id = job.map(|job| job.id.fingerprint()),
        outcome = field::Empty,
        trace_id = field::Empty,
    );
    if let Some(trace) = job.and_then(|job| job.trace) {
        trace.adopt(&span);
    }
    trace::name(&span);
    span
}

async fn settle(
    worker: &Worker,
    assignment: &Assignment,
    job: Result<Job, Unread>,
    began: Instant,
) -> Result<(), JobError> {
    let (job, result) = match &job {
        Ok(job) => (Some(job), decide(worker, assignment, job).await),
        // An operator's affair, as with a dependency that is away.
        Err(Unread::Sealed(VaultError::UnknownMaster)) => {
            let cause = anyhow::anyhow!("it is sealed under a master key that MASTER_KEY does not name");
            (None, Err(JobError::wait(policy::DEPENDENCY_AWAY, cause)))
        }
        Err(unread) => (None, Err(JobError::fail(unread.to_string()))),
    };
    histogram!("postly_job_seconds").record(began.elapsed());
    let outcome = match &result {
        Ok(()) => "done",
        Err(JobError::Retry { .. }) => "retry",
        Err(JobError::Wait { .. }) => "wait",
        Err(JobError::Fail { .. }) => "dead",
    };
    counter!("postly_jobs_total", "outcome" => outcome).increment(1);
    Span::current().record("outcome", outcome);
    if matches!(result, Err(JobError::Retry { .. } | JobError::Fail { .. })) {
        Span::current().record("otel.status_code", "ERROR");
    }
    if let (Some(job), Err(error)) = (job, &result) {
        note(worker, job, assignment.attempt, outcome, error).await;
    }
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

/// Writes down why a start was not the last, for whoever asks what became of a message. A courtesy: it waits for
/// nothing, since Postgres may be what the message waits for.
async fn note(worker: &Worker, job: &Job, attempt: u32, verdict: &str, error: &JobError) {
    let reason = error.to_string();
    let noted = receipt::interrupted(&worker.pool, &job.id, attempt, verdict, &reason, worker.clock.now());
    if !matches!(tokio::time::timeout(policy::NOTE_TIMEOUT, noted).await, Ok(Ok(()))) {
        tracing::debug!(message.id = job.id.fingerprint(), "the end of a start could not be noted");
    }
}

async fn decide(worker: &Worker, assignment: &Assignment, job: &Job) -> Result<(), JobError> {
    fault::point("job.leased");
    match &job.work {
        Work::Status(report) => delivery::report::take(worker, report).await,
        Work::Notice(notice) => notice::record(worker, job, notice).await,
        Work::Answer(cause) => deliver(worker, cause, job.received_at).await,
        Work::Code(wish) => code::send(worker, job, wish).await,
        Work::Payment(notice) => payment::tell(worker, job, notice).await,
        Work::Checkout(key) => till::serve(worker, key, assignment.attempt).await,
        Work::Shelf => till::show(worker).await,
        Work::Message(inbound) => {
            let start = Start {
                number: assignment.attempt,
                worker: assignment.hold.worker(),
                received_at: job.received_at,
            };
            let poison = assignment.lost >= policy::LOST_LEASES;
            if poison || assignment.attempt > worker.patience.attempts {
                let reason = if poison { "its workers kept dying" } else { "every attempt ended badly" };
                return give_up(worker, job, inbound, start, reason).await;
            }
            match message(worker, job, inbound, start).await {
                Err(JobError::Retry { cause, .. }) if assignment.attempt >= worker.patience.attempts => {
                    tracing::error!(message.id = job.id.fingerprint(), "the last attempt failed: {cause:#}");
                    give_up(worker, job, inbound, start, &format!("{cause:#}")).await
                }
                Err(JobError::Fail { reason }) => give_up(worker, job, inbound, start, &reason).await,
                other => other,
            }
        }
    }
}

async fn message(worker: &Worker, job: &Job, inbound: &Inbound, start: Start<'_>) -> Result<(), JobError> {
    if let Some(shop) = &worker.shop {
        shop.restock().await;
    }
    let mut burst = burst::listen(worker, job, inbound).await;
    let listened = burst.typing.take();
    let heard = if burst.is_withdrawn() {
        Cow::Borrowed(inbound)
    } else if let Some(heard) = voice::heard(worker, inbound, start).await? {
        heard
    } else {
        return deliver(worker, &job.id, job.received_at).await;
    };
    let inbound = &*heard;
    match opening::open(worker, inbound, burst, start).await? {
        Opened::Brief(person, brief) => {
            fault::point("hold.done");
            fault::poison(&brief.text);
            let _typing = listened.unwrap_or_else(|| typing::begin(worker, inbound));
            generate::write(worker, inbound, &person, &brief).await?;
        }
        Opened::Revise(person, earlier, revision) => {
            let _typing = typing::begin(worker, inbound);
            revise::write(worker, inbound, &person, &earlier, revision).await?;
        }
        Opened::Shop(person, wish) => {
            shop::answer(worker, inbound, &person, wish.as_deref(), job.received_at).await?;
        }
        Opened::SignIn(person, command) => signin::answer(worker, inbound, &person, &command).await?,
        Opened::Answered => {}
        // Given up before, and its apology had to wait.
        Opened::GivenUp(reason) => return Err(JobError::fail(reason)),
    }
    deliver(worker, &job.id, job.received_at).await
}

/// Sends what is to be sent. Nobody pays for posts of which no part was taken.
async fn deliver(worker: &Worker, cause: &MessageId, received_at: DateTime<Utc>) -> Result<(), JobError> {
    match delivery::deliver(worker, cause, received_at).await? {
        Delivered::Whole | Delivered::Refused { partly: true } => Ok(()),
        Delivered::Refused { partly: false } => generate::refund_undelivered(worker, cause).await,
    }
}

/// The end of a message that could not be handled: refund, apology, dead letter. The dead letter comes last: until
/// the apology is out, the message waits in its lane.
async fn give_up(
    worker: &Worker,
    job: &Job,
    inbound: &Inbound,
    start: Start<'_>,
    reason: &str,
) -> Result<(), JobError> {
    let now = worker.clock.now();
    let mut tx = worker.pool.begin().await?;
    // A message that never got as far as its receipt still needs one to fail.
    let standing = receipt::start(&mut tx, &worker.vault, inbound, start, now).await?;
    if standing == Standing::Forgotten {
        return Ok(tx.rollback().await?);
    }
    tx.commit().await?;
    // It was answered long ago, and those who came to send or to settle it died: nothing about it has failed.
    if standing == Standing::Ended {
        return deliver(worker, &job.id, job.received_at).await;
    }
    let inbound = voice::recalled(worker, inbound).await?;
    generate::give_up(worker, &inbound, reason, job.received_at).await?;
    deliver(worker, &job.id, job.received_at).await?;
    Err(JobError::fail(reason))
}
