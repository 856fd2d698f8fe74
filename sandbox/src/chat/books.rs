//! What the books say about a conversation, and what they said last while Postgres is away.
//!
//! A look takes bounded time and never fails: whoever looks is told whether it is of now.

mod payments;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::message::MessageId;
use shared::story::{self, Event, What};
use sqlx::PgPool;
use tokio::time::timeout;

pub(super) use payments::{Payment, Way};

use super::Visitor;

/// How long Postgres has for a look. The page asks again in a moment.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// What was read last.
#[derive(Debug, Default)]
pub(super) struct Books(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    accounts: HashMap<Visitor, Account>,
    causes: HashMap<String, String>,
    payments: HashMap<Visitor, Vec<Payment>>,
    stories: HashMap<String, Vec<Event>>,
}

/// A visitor's account.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Account {
    /// Its id.
    pub id: String,
    /// Its balance.
    pub credits: i32,
}

/// What a look saw.
#[derive(Debug)]
pub(super) struct Seen {
    /// The account, if it was ever read.
    pub account: Option<Account>,
    /// Which message, or which word about a payment, each answer belongs to, by the provider's id of the answer as the books have it.
    pub causes: HashMap<String, String>,
    /// What was paid, or is to be, in the order of the orders.
    pub payments: Vec<Payment>,
    /// Whether Postgres answered; otherwise all this was read earlier.
    pub fresh: bool,
}

/// What is written about one message.
#[derive(Debug, Default)]
pub(super) struct Tale {
    /// What happened.
    pub events: Vec<Event>,
    /// The number of the attempt, when this look is the first to see it and it is not the first attempt.
    pub retaken: Option<u32>,
}

impl Books {
    /// Reads what concerns this phone and its messages, unless Postgres is known to be away.
    pub(super) async fn look(&self, pool: Option<&PgPool>, visitor: Visitor, said: &[&str]) -> Seen {
        let read = match pool {
            Some(pool) => {
                timeout(PATIENCE, read(pool, visitor.number(), said)).await.ok().and_then(Result::ok)
            }
            None => None,
        };
        let mut known = self.lock();
        let fresh = read.is_some();
        if let Some((account, payments, causes)) = read {
            known.causes.extend(causes);
            known.payments.insert(visitor, payments);
            known.accounts.extend(account.map(|account| (visitor, account)));
        }
        Seen {
            account: known.accounts.get(&visitor).cloned(),
            causes: known.causes.clone(),
            payments: known.payments.get(&visitor).cloned().unwrap_or_default(),
            fresh,
        }
    }

    /// Reads the story of a message, unless Postgres is known to be away.
    pub(super) async fn tale(&self, pool: Option<&PgPool>, message: &MessageId) -> Tale {
        let read = match pool {
            Some(pool) => timeout(PATIENCE, story::of(pool, message)).await.ok().and_then(Result::ok),
            None => None,
        };
        let (mut known, mut retaken) = (self.lock(), None);
        if let Some(events) = read {
            let attempt = attempts(&events);
            // After the end, the moment when it began has long passed.
            let ended = events.iter().any(|event| matches!(event.what, What::Ended(_)));
            let before = known.stories.insert(message.as_str().to_owned(), events).map(|old| attempts(&old));
            retaken = (!ended && before.is_some_and(|before| before.max(1) < attempt)).then_some(attempt);
        }
        Tale { events: known.stories.get(message.as_str()).cloned().unwrap_or_default(), retaken }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many attempts these events tell of.
fn attempts(events: &[Event]) -> u32 {
    let Some(started) = events.iter().find(|event| event.what == What::Started) else { return 0 };
    let told = started.detail.as_deref().and_then(|detail| detail.trim_start_matches("× ").parse().ok());
    told.unwrap_or(1)
}

type Read = (Option<Account>, Vec<Payment>, Vec<(String, String)>);

async fn read(pool: &PgPool, number: &str, said: &[&str]) -> Result<Read, sqlx::Error> {
    let account: Option<Account> =
        sqlx::query_as(r#"select "id" as id, "credits" as credits from "User" where "waPhoneE164" = $1"#)
            .bind(number)
            .fetch_optional(pool)
            .await?;
    let payments = match &account {
        Some(account) => payments::of(pool, &account.id).await?,
        None => Vec::new(),
    };
    let told = payments.iter().map(|payment| payment.told_by.as_str());
    let asked: Vec<&str> = said.iter().copied().chain(told).collect();
    let causes = sqlx::query_as(
        "select provider_message_id, cause from wa.outbox where cause = any($1) and provider_message_id is not null",
    )
    .bind(asked)
    .fetch_all(pool)
    .await?;
    Ok((account, payments, causes))
}

/// Whether a message waits in the spill now. Unknown counts as no.
pub(super) async fn is_spilled(pool: &PgPool, message: &MessageId) -> bool {
    let asked = sqlx::query_scalar("select exists (select from wa.spill where message_id = $1)")
        .bind(message.as_str())
        .fetch_one(pool);
    timeout(PATIENCE, asked).await.ok().and_then(Result::ok).unwrap_or(false)
}
