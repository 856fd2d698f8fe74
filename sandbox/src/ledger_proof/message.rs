//! What a worker does to a message and its credit: the product's transactions, statement after statement in its order,
//! without the model and the providers between them.

use chrono::{DateTime, Utc};
use shared::generation::{self, Generation};
use shared::ledger::{self, Entry, Posted};
use shared::message::Inbound;
use shared::receipt::{self, Outcome, Standing, Start};
use shared::{kept, outbox, person};
use sqlx::PgConnection;

use super::hand::{Did, Trouble};
use crate::stage::vault;

fn start(inbound: &Inbound) -> Start<'static> {
    Start { number: 1, worker: "a hand", received_at: inbound.sent_at }
}

/// The first transaction: receipt, person, and a hold or a refusal.
pub async fn opens(
    db: &mut PgConnection,
    inbound: &Inbound,
    kept: bool,
    now: DateTime<Utc>,
) -> Result<Did, Trouble> {
    match receipt::start(db, &vault(), inbound, start(inbound), now).await? {
        Standing::Open(_) => {}
        // A credit is held, and what for is known.
        Standing::Begun(_) => return Ok(Did::Held),
        _ => return Ok(Did::Found),
    }
    let person = person::resolve(db, &vault(), &inbound.sender, inbound.sent_at, now).await?;
    receipt::belongs_to(db, &inbound.id, &person.id).await?;
    if kept && kept::take(db, &vault(), &person.id, &inbound.id, now).await?.is_none() {
        return answers(db, inbound, Outcome::Answered, now).await;
    }
    match ledger::post(db, &person.id, Entry::Generation(&inbound.id), now).await? {
        Posted::Applied(_) | Posted::AlreadyApplied(_) => Ok(Did::Held),
        Posted::Insufficient => {
            kept::keep(db, &vault(), &person.id, "un post", now).await?;
            answers(db, inbound, Outcome::NoCredit, now).await
        }
    }
}

/// A message that never got as far as its receipt still needs one to fail.
pub async fn is_known(db: &mut PgConnection, inbound: &Inbound, now: DateTime<Utc>) -> Result<Did, Trouble> {
    let _ = receipt::start(db, &vault(), inbound, start(inbound), now).await?;
    Ok(Did::Found)
}

/// Posts, history, answer and the end.
pub async fn finishes(db: &mut PgConnection, inbound: &Inbound, now: DateTime<Utc>) -> Result<Did, Trouble> {
    let person = person::resolve(db, &vault(), &inbound.sender, inbound.sent_at, now).await?;
    ledger::balance(db, &person.id).await?;
    if answers(db, inbound, Outcome::Posts, now).await? == Did::Undone {
        return Ok(Did::Undone);
    }
    let generation = Generation {
        brief: "un post",
        platform: None,
        industry: None,
        objective: None,
        tone: None,
        language: None,
        prompt: "",
        posts: ["un", "deux", "trois"],
        tokens: 0,
    };
    generation::add(db, &person.id, &generation, now).await?;
    Ok(Did::Changed)
}

/// The model declined.
pub async fn declines(db: &mut PgConnection, inbound: &Inbound, now: DateTime<Utc>) -> Result<Did, Trouble> {
    if !receipt::end(db, &inbound.id, Outcome::Refused, None, now).await? {
        return Ok(Did::Undone);
    }
    ledger::refund(db, &inbound.id, now).await?;
    says(db, inbound, now).await?;
    Ok(Did::Changed)
}

/// Given up.
pub async fn gives_up(db: &mut PgConnection, inbound: &Inbound, now: DateTime<Utc>) -> Result<Did, Trouble> {
    if !receipt::end(db, &inbound.id, Outcome::Failed, Some("every attempt ended badly"), now).await? {
        return Ok(Did::Undone);
    }
    person::resolve(db, &vault(), &inbound.sender, inbound.sent_at, now).await?;
    ledger::refund(db, &inbound.id, now).await?;
    kept::give_back(&mut *db, &inbound.id).await?;
    says(db, inbound, now).await?;
    Ok(Did::Changed)
}

/// The posts were not received.
pub async fn is_undelivered(
    db: &mut PgConnection,
    inbound: &Inbound,
    now: DateTime<Utc>,
) -> Result<Did, Trouble> {
    if !receipt::fail_undelivered(db, &inbound.id, now).await? {
        return Ok(Did::Found);
    }
    ledger::refund(db, &inbound.id, now).await?;
    Ok(Did::Changed)
}

/// The sweep has found it open and nowhere else.
pub async fn is_swept(db: &mut PgConnection, inbound: &Inbound, now: DateTime<Utc>) -> Result<Did, Trouble> {
    if receipt::lock_open(db, &inbound.id, now).await?.is_none()
        || !receipt::end(db, &inbound.id, Outcome::Failed, Some("found by the sweep"), now).await?
    {
        return Ok(Did::Undone);
    }
    ledger::refund(db, &inbound.id, now).await?;
    kept::give_back(&mut *db, &inbound.id).await?;
    says(db, inbound, now).await?;
    Ok(Did::Changed)
}

async fn answers(
    db: &mut PgConnection,
    inbound: &Inbound,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<Did, Trouble> {
    if !receipt::end(db, &inbound.id, outcome, None, now).await? {
        return Ok(Did::Undone);
    }
    says(db, inbound, now).await?;
    Ok(Did::Changed)
}

async fn says(db: &mut PgConnection, inbound: &Inbound, now: DateTime<Utc>) -> Result<(), Trouble> {
    Ok(outbox::put(db, (&vault(), None), inbound.into(), &["…".to_owned()], None, now).await?)
}
