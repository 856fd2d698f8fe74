//! What happens to one job: from the lease to the verdict, each way once.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use metrics::{counter, histogram};
use shared::generation::{self, Earlier, Revision};
use shared::job::{Job, Notice, Unread, Work};
use shared::message::{Content, Inbound, MessageId};
use shared::person::{self, Change, Person};
use shared::receipt::{self, Changed, Outcome, Standing, Start};
use shared::texts::Text;
use shared::vault::VaultError;
use shared::{fault, kept, ledger, trace};
use sqlx::{PgConnection, Postgres, Transaction};
use tracing::{Instrument, Span, field};

use crate::Worker;
use crate::burst::{self, Burst, Late};
use crate::command::Command;
use crate::delivery::{self, Delivered};
use crate::error::JobError;
use crate::generate::{self, Brief, Held};
use crate::lanes::Assignment;
use crate::{answer, code, detection, payment, policy, revise, shop, signin, till, typing, voice};

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
        Work::Notice(notice) => record(worker, job, notice).await,
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
    match open(worker, inbound, burst, start).await? {
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

/// What is left to do after the first transaction.
enum Opened {
    /// This brief, for which a credit is held.
    Brief(Person, Brief),
    /// These posts are to be revised, for nothing.
    Revise(Person, Earlier, Revision),
    /// This pack is wished for, or to see what there is: Stripe is asked outside of any transaction.
    Shop(Person, Option<String>),
    /// This is about a sign-in on the web, which may join accounts: that wants a transaction that holds none yet.
    SignIn(Person, Command),
    /// At most something is to be sent.
    Answered,
    /// The message was given up before, for this reason.
    GivenUp(String),
}

/// The first transaction: the receipt, the person, and either an answer or a held credit.
async fn open(
    worker: &Worker,
    inbound: &Inbound,
    burst: Burst,
    start: Start<'_>,
) -> Result<Opened, JobError> {
    let now = worker.clock.now();
    let mut tx = worker.pool.begin().await?;
    let (begun, changed) = match receipt::start(&mut tx, &worker.vault, inbound, start, now).await? {
        Standing::Open(changed) => (None, changed),
        Standing::Begun(brief) => (Some(brief), Changed::default()),
        standing => return not_begun(tx, standing).await,
    };
    if changed.withdrawn || burst.is_withdrawn() {
        let done = generate::withdraw(&mut tx, inbound, now).await?;
        generate::end(tx, done).await?;
        return Ok(Opened::Answered);
    }
    if let Content::Identity(change) = &inbound.content {
        learn(&mut tx, inbound, change, now).await?;
        tx.commit().await?;
        return Ok(Opened::Answered);
    }
    let mut person = person::resolve(&mut tx, &inbound.sender, inbound.sent_at, now).await?;
    receipt::belongs_to(&mut tx, &inbound.id, &person.id).await?;
    // Made now, if there is none: what was paid for later must not be lost because two want to make one.
    worker.vault.key(&mut tx, &person.id).await?;
    let came = &inbound.content;
    let is_begun = begun.is_some();
    let said;
    let inbound = if is_begun {
        inbound
    } else {
        said = match (changed.text, burst::late(&mut tx, &worker.vault, inbound, &person).await?) {
            (Some(text), _) => Inbound { content: Content::Text(text), ..inbound.clone() },
            (None, Some(Late::Anew(inbound))) => inbound,
            (None, Some(Late::TooLate(brief))) => {
                kept::keep(&mut tx, &worker.vault, &person.id, &brief, now).await?;
                generate::answer(&mut tx, worker, inbound, &person, Outcome::Answered, Text::EditedTooLate)
                    .await?;
                tx.commit().await?;
                return Ok(Opened::Answered);
            }
            (None, _) => burst.take(&mut tx, inbound, &person, now).await?,
        };
        &said
    };
    let command = match begun.flatten() {
        // A credit is held for it: whatever it reads like, and wherever it came from.
        Some(brief) => Command::Generate { brief },
        None => generate::asked(&mut tx, inbound, &person, start.received_at).await?,
    };
    if !is_begun && signin::concerns(&mut *tx, &person, &command, now).await? {
        tx.commit().await?;
        return Ok(Opened::SignIn(person, command));
    }
    if let Command::Generate { brief } = &command
        && !person.chosen
    {
        // For what may be said before the model has told it better.
        person.language = detection::guess(brief).unwrap_or(person.language);
    }
    if person.stopped && answer::answer_stopped(&mut tx, worker, inbound, &person, &command).await?.is_some()
    {
        if is_begun {
            ledger::refund(&mut tx, &inbound.id, now).await?;
        }
        tx.commit().await?;
        return Ok(Opened::Answered);
    }
    if let Command::Revise { generation, wish } = &command
        && let Some(earlier) = generation::find(&mut *tx, &person.id, generation.as_deref()).await?
    {
        let revision = revise::wished(&earlier, *wish, person.language);
        let may = revise::may(&mut tx, worker, inbound, &person).await?;
        tx.commit().await?;
        return Ok(if may { Opened::Revise(person, earlier, revision) } else { Opened::Answered });
    }
    if let Some(brief) = generate::brief(&mut tx, &worker.vault, inbound, &person, &command, now).await? {
        let held = generate::hold(&mut tx, worker, inbound, &person, &brief.text).await?;
        if held == Held::Yes && !is_begun && (command == Command::KeptBrief || inbound.content != *came) {
            // What no further start could read in the message as it came, or find in the books as they are now.
            let key = worker.vault.key(&mut tx, &person.id).await?;
            receipt::burst::about(&mut tx, &key, &inbound.id, &brief.text).await?;
        }
        tx.commit().await?;
        return Ok(if held == Held::Yes { Opened::Brief(person, brief) } else { Opened::Answered });
    }
    if let Command::Buy { wish } = command {
        tx.commit().await?;
        return Ok(Opened::Shop(person, wish));
    }
    if is_begun {
        // What it was to be about is not there any more.
        ledger::refund(&mut tx, &inbound.id, now).await?;
    }
    answer::answer(&mut tx, worker, inbound, &person, &command, start.received_at).await?;
    tx.commit().await?;
    Ok(Opened::Answered)
}

/// What is left of a message that does not begin with this start.
async fn not_begun(tx: Transaction<'_, Postgres>, standing: Standing) -> Result<Opened, JobError> {
    match standing {
        Standing::Behind => {
            tx.rollback().await?;
            let cause = anyhow::anyhow!("an earlier message of its conversation is still spilled");
            Err(JobError::wait(policy::RELAY_PERIOD / 2, cause))
        }
        Standing::Forgotten => {
            tx.rollback().await?;
            tracing::warn!(
                "a message came again whose receipt is not kept any more: it was charged for then"
            );
            Ok(Opened::Answered)
        }
        Standing::Failed(reason) => {
            tx.commit().await?;
            Ok(Opened::GivenUp(reason))
        }
        Standing::Open(_) | Standing::Begun(_) | Standing::Ended => {
            tx.commit().await?;
            Ok(Opened::Answered)
        }
    }
}

/// The provider announces that somebody has other names from now on: nobody is answered.
async fn learn(
    db: &mut PgConnection,
    inbound: &Inbound,
    change: &Change,
    now: DateTime<Utc>,
) -> Result<(), JobError> {
    let user = person::changed(db, change, inbound.sent_at, now).await?;
    receipt::belongs_to(db, &inbound.id, &user).await?;
    let _ended = receipt::end(db, &inbound.id, Outcome::Recorded, None, now).await?;
    Ok(())
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

/// The kinds of notices that are counted by their names (Meta: Webhooks of WhatsApp Business Accounts): one that is made up
/// tomorrow must not make a label of its own.
pub const NOTICES: &[&str] = &[
    "account_alerts",
    "account_review_update",
    "account_update",
    "business_capability_update",
    "message_template_quality_update",
    "message_template_status_update",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
    "template_category_update",
    "unreadable",
    "user_preferences",
    OTHER,
];

const OTHER: &str = "other";

fn known(kind: &str) -> &'static str {
    NOTICES.iter().copied().find(|known| *known == kind).unwrap_or(OTHER)
}

/// Something about the account: kept, and said aloud, since an operator may have to act.
async fn record(worker: &Worker, job: &Job, notice: &Notice) -> Result<(), JobError> {
    tracing::warn!(provider = %notice.provider, notice.kind = notice.kind, "the provider has sent a notice");
    counter!("postly_provider_notices_total", "provider" => notice.provider.as_str(), "kind" => known(&notice.kind)).increment(1);
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
