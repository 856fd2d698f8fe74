//! Signing in on the web from the phone, as far as WhatsApp sees it: who has sent a token is asked which number stands on
//! the screen, and only the right one opens anything. The session itself is opened by ingest, in the browser that began.
//!
//! Each answer is one transaction with the end of its message. What was decided before is found decided.

use chrono::{DateTime, Utc};
use metrics::counter;
use shared::fault;
use shared::ledger::{self, LedgerError};
use shared::message::Inbound;
use shared::person::{self, Person, UserId};
use shared::receipt::{self, Outcome};
use shared::signin::{self, Asked, Denied, Question};
use shared::texts::{SignIn, Text};
use shared::vault::Vault;
use sqlx::{Connection, PgConnection, PgExecutor};

use crate::Worker;
use crate::command::{Command, SmallTalk};
use crate::error::JobError;
use crate::generate;

/// Whether this is for us: what can mean nothing else, and a number of two digits or a "no" while a question is open.
pub async fn concerns(
    db: impl PgExecutor<'_>,
    person: &Person,
    command: &Command,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    match command {
        Command::SignIn(_) | Command::SignInNumber { .. } | Command::NotMe => Ok(true),
        Command::Number(10..=99) | Command::SmallTalk(SmallTalk::No) => {
            Ok(signin::question(db, &person.id, now).await?.is_some())
        }
        _ => Ok(false),
    }
}

/// Answers it, and does what it asks for.
pub async fn answer(
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    command: &Command,
) -> Result<(), JobError> {
    let now = worker.clock.now();
    let mut tx = worker.pool.begin().await?;
    // The receipt's row first, as everywhere; no account is held yet.
    if !receipt::end(&mut tx, &inbound.id, Outcome::Answered, None, now).await? {
        return Ok(tx.rollback().await?);
    }
    let question;
    let (event, said) = match command {
        Command::SignIn(token) => match signin::ask(&mut tx, token, &person.id, now).await? {
            Asked::Question(asked) => {
                question = asked;
                ("asked", ask(&question))
            }
            Asked::Over => ("late", SignIn::Over),
            Asked::TooOften => ("too_often", SignIn::TooOften),
        },
        Command::SignInNumber { signin, number } => {
            choose(&mut tx, &worker.vault, inbound, person, signin, *number, now).await?
        }
        Command::Number(number) => match signin::question(&mut *tx, &person.id, now).await? {
            Some(open) => {
                let number = u8::try_from(*number).unwrap_or(u8::MAX);
                choose(&mut tx, &worker.vault, inbound, person, &open, number, now).await?
            }
            None => ("late", SignIn::Over),
        },
        _ => match signin::deny(&mut tx, &person.id, now).await? {
            Denied::Asked => ("denied", SignIn::Denied),
            Denied::Opened => ("closed", SignIn::Closed),
            Denied::Nothing => ("late", SignIn::NothingAsked),
        },
    };
    generate::say(&mut tx, &worker.vault, inbound, person, Text::SignIn(said), now).await?;
    fault::point("signin.decided");
    tx.commit().await?;
    counter!("postly_signin_total", "event" => event).increment(1);
    if matches!(event, "denied" | "closed" | "wrong") {
        tracing::warn!(event, "a sign-in on the web was ended by its person");
    }
    fault::point("signin.answered");
    Ok(())
}

fn ask(question: &Question) -> SignIn<'_> {
    SignIn::Ask {
        id: &question.id,
        numbers: question.numbers.0,
        browser: question.agent.as_deref(),
        system: question.system.as_deref(),
        network: question.network.as_deref(),
    }
}

/// A number was chosen: the right one opens the account of who writes, and only that one was asked.
async fn choose(
    db: &mut PgConnection,
    vault: &Vault,
    inbound: &Inbound,
    person: &Person,
    signin: &str,
    number: u8,
    now: DateTime<Utc>,
) -> Result<(&'static str, SignIn<'static>), JobError> {
    match signin::is_right(&mut *db, signin, &person.id, number, now).await? {
        None => Ok(("late", SignIn::Over)),
        Some(false) => {
            signin::fail(db, signin).await?;
            Ok(("wrong", SignIn::Wrong))
        }
        Some(true) => {
            let user = account(db, vault, inbound, person, now).await?;
            let confirmed = signin::confirm(db, signin, &user, now).await?;
            Ok(if confirmed { ("confirmed", SignIn::Done) } else { ("late", SignIn::Over) })
        }
    }
}

/// The account of who writes. Their number proves itself by this message, as a code typed on the web would do it, with the
/// welcome gift; but where it leads to another account than theirs (an id decides whose a message is, and a code shows
/// none), that one stays closed, and all that entering it would have done is taken back.
async fn account(
    db: &mut PgConnection,
    vault: &Vault,
    inbound: &Inbound,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<UserId, LedgerError> {
    let Some(phone) = &inbound.sender.phone else { return Ok(person.id.clone()) };
    let mut attempt = db.begin().await?;
    let entered = person::enter(&mut attempt, vault, phone, now).await?.user;
    // Entering may have joined theirs to another one of theirs.
    if entered == ledger::survivor(&mut attempt, &person.id).await? {
        attempt.commit().await?;
        return Ok(entered);
    }
    attempt.rollback().await?;
    Ok(person.id.clone())
}
