//! The first transaction of a message: its receipt, its person, and either an answer or a held credit. After it everybody who
//! starts the message again finds what was decided.

use chrono::{DateTime, Utc};
use shared::generation::{self, Earlier, Revision};
use shared::message::{Content, Inbound};
use shared::person::{self, Change, Person};
use shared::receipt::{self, Changed, Outcome, Standing, Start};
use shared::texts::Text;
use shared::vault::Vault;
use shared::{kept, ledger};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::Worker;
use crate::burst::{self, Burst, Late};
use crate::command::Command;
use crate::error::JobError;
use crate::generate::{self, Brief, Held};
use crate::{answer, detection, policy, revise, signin};

/// What is left to do after the first transaction.
pub enum Opened {
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
pub async fn open(
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
        learn(&mut tx, &worker.vault, inbound, change, now).await?;
        tx.commit().await?;
        return Ok(Opened::Answered);
    }
    let mut person = person::resolve(&mut tx, &worker.vault, &inbound.sender, inbound.sent_at, now).await?;
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
            (Some(text), _) | (None, Some(Late::Anew(text))) => {
                Inbound { content: Content::Text(text), ..inbound.clone() }
            }
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
    vault: &Vault,
    inbound: &Inbound,
    change: &Change,
    now: DateTime<Utc>,
) -> Result<(), JobError> {
    let user = person::changed(db, vault, change, inbound.sent_at, now).await?;
    receipt::belongs_to(db, &inbound.id, &user).await?;
    let _ended = receipt::end(db, &inbound.id, Outcome::Recorded, None, now).await?;
    Ok(())
}
