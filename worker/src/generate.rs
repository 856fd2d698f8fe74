//! One generation: a credit is held, three steps are taken, posts and debit become final together, or the credit
//! goes back.

use chrono::{DateTime, Utc};
use shared::generation::{self, Generation};
use shared::language::Language;
use shared::ledger::{self, Credits, Entry, Posted};
use shared::message::{Inbound, MessageId};
use shared::person::Person;
use shared::receipt::{self, Outcome};
use shared::texts::Text;
use shared::vault::Vault;
use shared::{fault, kept, menu, outbox, preference};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::Worker;
use crate::burst;
use crate::command::Command;
use crate::error::JobError;
use crate::pipeline::{Draft, Pipeline, Written};
use crate::policy::LOW;
use crate::shop::Shop;
use crate::{reply, voice};

/// What is to be written about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// The person's words.
    pub text: String,
    /// Posts about it that they have seen: others are wanted.
    pub earlier: Option<[String; 3]>,
}

/// The brief that a command asks to write about: its own, the one that was kept, or that of an earlier generation.
pub async fn brief(
    db: &mut PgConnection,
    vault: &Vault,
    inbound: &Inbound,
    person: &Person,
    command: &Command,
    now: DateTime<Utc>,
) -> Result<Option<Brief>, JobError> {
    Ok(match command {
        Command::Generate { brief } => Some(Brief { text: brief.clone(), earlier: None }),
        Command::KeptBrief => {
            let kept = kept::take(db, vault, &person.id, &inbound.id, now).await?;
            kept.map(|text| Brief { text, earlier: None })
        }
        Command::Again { generation } => {
            let earlier = generation::find(db, &person.id, generation.as_deref()).await?;
            earlier.map(|earlier| Brief { text: earlier.brief, earlier: Some(earlier.posts) })
        }
        _ => None,
    })
}

/// Whether there is a credit to work for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Held {
    /// One is held, now or since an earlier attempt.
    Yes,
    /// There is none; the refusal stands in the outbox and the message has ended.
    No,
}

/// Takes the credit before any model is asked: that is what makes one credit buy one generation when five
/// messages arrive at once.
#[tracing::instrument(name = "hold", skip_all)]
pub async fn hold(
    db: &mut PgConnection,
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    brief: &str,
) -> Result<Held, JobError> {
    let now = worker.clock.now();
    if let Some(everybody) = worker.budget.is_spent(db, &person.id, &inbound.id, now).await? {
        answer(db, worker, inbound, person, Outcome::Capped, Text::Capped { everybody }).await?;
        return Ok(Held::No);
    }
    if let Some(minutes) = worker.allowance.brief(db, &person.id, &inbound.id, now).await? {
        answer(db, worker, inbound, person, Outcome::Capped, Text::TooFast { minutes }).await?;
        return Ok(Held::No);
    }
    match ledger::post(db, &person.id, Entry::Generation(&inbound.id), now).await? {
        Posted::Applied(_) | Posted::AlreadyApplied(_) => Ok(Held::Yes),
        Posted::Insufficient => {
            let offers = worker.shop.as_ref().map(Shop::shelf).unwrap_or_default();
            if !offers.is_empty() {
                kept::keep(db, &worker.vault, &person.id, brief, now).await?;
            }
            let text = Text::OutOfCredits { offers: &offers };
            answer(db, worker, inbound, person, Outcome::NoCredit, text).await?;
            Ok(Held::No)
        }
    }
}

/// From a held credit to an answer in the outbox.
pub async fn write(
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    brief: &Brief,
) -> Result<(), JobError> {
    let pipeline = Pipeline::of(worker, inbound, person);
    let written = pipeline.write(&brief.text, person.language, brief.earlier.as_ref()).await?;
    settle(worker, inbound, person, &brief.text, &written).await?;
    fault::point("reply.stored");
    Ok(())
}

/// What came of it, and what becomes of the credit: one transaction.
#[tracing::instrument(name = "settle", skip_all)]
async fn settle(
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    brief: &str,
    written: &Written,
) -> Result<(), JobError> {
    let withdrawn = burst::was_withdrawn(worker, inbound).await;
    let mut tx = worker.pool.begin().await?;
    let done = match written {
        _ if withdrawn => withdraw(&mut tx, inbound, worker.clock.now()).await?,
        Written::Posts(draft) => finish(&mut tx, worker, inbound, person, brief, draft).await?,
        Written::Refused => decline(&mut tx, worker, inbound, person).await?,
        Written::OffTopic(intent) => {
            let person = &spoken_to(person, intent.written_in.as_deref());
            turn_down(&mut tx, worker, inbound, person, Outcome::OffTopic, Text::OffTopic).await?
        }
    };
    end(tx, done).await?;
    Ok(())
}

/// Ends a transaction: what another worker had done before is not done again.
pub async fn end(tx: Transaction<'_, Postgres>, done: bool) -> Result<(), sqlx::Error> {
    if done { tx.commit().await } else { tx.rollback().await }
}

/// Posts, history, answer and the end of the message: one fact. `false`: another worker had ended it.
async fn finish(
    db: &mut PgConnection,
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    brief: &str,
    draft: &Draft,
) -> Result<bool, JobError> {
    let now = worker.clock.now();
    let posts = draft.posts.each();
    if !receipt::end(db, &inbound.id, Outcome::Posts, None, now).await? {
        return Ok(false);
    }
    let (person, left) = &held(db, person).await?;
    let left = *left;
    let low = left <= LOW && ledger::ran_low(&mut *db, &inbound.id, LOW).await?;
    let generation = Generation {
        brief,
        platform: draft.intent.platform.as_deref(),
        industry: draft.intent.industry.as_deref(),
        objective: draft.intent.objective.as_deref(),
        tone: draft.intent.tone.as_deref(),
        language: draft.intent.language.as_deref(),
        prompt: &draft.prompt,
        posts,
        tokens: shared::step::tokens(&mut *db, &inbound.id).await?,
    };
    let generation = &generation::add(db, &person.id, &generation, now).await?;
    let person = &spoken_to(person, draft.intent.written_in.as_deref());
    if !person.chosen {
        preference::wrote(&mut *db, &person.id, person.language).await?;
    }
    let translation = generation::translation(draft.intent.language.as_deref(), person.language);
    say(db, &worker.vault, inbound, person, Text::Posts { generation, posts, left, low, translation }, now)
        .await?;
    Ok(true)
}

/// The person and their balance, held: while the model was at work their account may have joined another one.
pub async fn held(db: &mut PgConnection, person: &Person) -> Result<(Person, Credits), JobError> {
    let (id, left) = ledger::lock(db, &person.id).await?;
    Ok((Person { id, ..person.clone() }, left))
}

/// The person, spoken to in the language that they have just written in, unless they chose one.
fn spoken_to(person: &Person, written_in: Option<&str>) -> Person {
    let written = written_in.and_then(Language::from_tag).filter(|_| !person.chosen);
    Person { language: written.unwrap_or(person.language), ..person.clone() }
}

/// Its person deleted the message before it was answered: nobody writes, and nobody pays. `false`: it had ended.
pub async fn withdraw(
    db: &mut PgConnection,
    inbound: &Inbound,
    now: DateTime<Utc>,
) -> Result<bool, JobError> {
    if !receipt::end(db, &inbound.id, Outcome::Withdrawn, None, now).await? {
        return Ok(false);
    }
    ledger::refund(db, &inbound.id, now).await?;
    kept::give_back(&mut *db, &inbound.id).await?;
    Ok(true)
}

/// The model declined: said politely, and nothing is charged. `false`: another worker had ended it.
pub async fn decline(
    db: &mut PgConnection,
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
) -> Result<bool, JobError> {
    turn_down(db, worker, inbound, person, Outcome::Refused, Text::Refused).await
}

/// Nothing is written, and nothing is charged. `false`: another worker had ended it.
async fn turn_down(
    db: &mut PgConnection,
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    outcome: Outcome,
    text: impl FnOnce(Credits) -> Text<'static>,
) -> Result<bool, JobError> {
    let now = worker.clock.now();
    // The receipt's row before the person's, as when a message is opened: two orders of locks would deadlock.
    if !receipt::end(db, &inbound.id, outcome, None, now).await? {
        return Ok(false);
    }
    ledger::refund(db, &inbound.id, now).await?;
    let (person, left) = &held(db, person).await?;
    say(db, &worker.vault, inbound, person, text(*left), now).await?;
    Ok(true)
}

/// What a person asks for: a number means what it chooses from, and "yes" what was asked, as that stood when it arrived.
pub async fn asked(
    db: &mut PgConnection,
    inbound: &Inbound,
    person: &Person,
    received_at: DateTime<Utc>,
) -> Result<Command, sqlx::Error> {
    let command = Command::parse(&inbound.content);
    let picked = match command {
        Command::Number(number) => menu::pick(db, &person.id, number, received_at).await?,
        Command::Yes => menu::yes(db, &person.id, received_at).await?,
        _ => None,
    };
    Ok(picked.map_or(command, Command::of))
}

/// Given up: the credit goes back, the person is told, if an answer was due. A message that had ended stays as it
/// is.
pub async fn give_up(
    worker: &Worker,
    inbound: &Inbound,
    reason: &str,
    received_at: DateTime<Utc>,
) -> Result<(), JobError> {
    let now = worker.clock.now();
    let mut tx = worker.pool.begin().await?;
    if !receipt::end(&mut tx, &inbound.id, Outcome::Failed, Some(reason), now).await? {
        tx.rollback().await?;
        return Ok(());
    }
    let person =
        shared::person::resolve(&mut tx, &worker.vault, &inbound.sender, inbound.sent_at, now).await?;
    let refunded = ledger::refund(&mut tx, &inbound.id, now).await?;
    kept::give_back(&mut *tx, &inbound.id).await?;
    // Whose credit was held waits for something, whatever the message itself reads like.
    let apology = asked(&mut tx, inbound, &person, received_at).await?.apology();
    if let Some(apology) = apology.or(refunded.then_some(Text::Failed)) {
        say(&mut tx, &worker.vault, inbound, &person, apology, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The posts could not be delivered at all: nobody pays for what nobody received.
pub async fn refund_undelivered(worker: &Worker, message: &MessageId) -> Result<(), JobError> {
    let now = worker.clock.now();
    let mut tx = worker.pool.begin().await?;
    if receipt::fail_undelivered(&mut tx, message, now).await? {
        ledger::refund(&mut tx, message, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Ends a message with an answer. `false`: it had ended before; the caller rolls back.
pub async fn answer(
    db: &mut PgConnection,
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    outcome: Outcome,
    text: Text<'_>,
) -> Result<bool, JobError> {
    let now = worker.clock.now();
    if !receipt::end(db, &inbound.id, outcome, None, now).await? {
        return Ok(false);
    }
    say(db, &worker.vault, inbound, person, text, now).await?;
    Ok(true)
}

/// Puts a text in the outbox, in the person's language and in as many parts as its provider needs.
pub async fn say(
    db: &mut PgConnection,
    vault: &Vault,
    inbound: &Inbound,
    person: &Person,
    text: Text<'_>,
    now: DateTime<Utc>,
) -> Result<(), JobError> {
    let echo = voice::echo(inbound, person.language);
    let reply = reply::write(echo, text, person.language, inbound.provider);
    let key = vault.key(db, &person.id).await?;
    outbox::put(db, (vault, Some(&key)), inbound.into(), &reply.parts, reply.shown.as_ref(), now).await?;
    if let Some(menu) = &reply.menu {
        menu::open(db, &person.id, menu, now).await?;
    }
    Ok(())
}
