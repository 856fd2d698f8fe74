//! What the books say about a conversation, and what they said last while Postgres is away.
//!
//! A look takes bounded time and never fails: whoever looks is told whether it is of now.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::message::{MessageId, Provider};
use shared::story::{self, Event, What};
use sqlx::PgPool;
use tokio::time::timeout;

/// How long Postgres has for a look. The page asks again in a moment.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// What was read last.
#[derive(Debug, Default)]
pub(super) struct Books(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    credits: HashMap<Provider, i32>,
    causes: HashMap<String, String>,
    stories: HashMap<String, Vec<Event>>,
}

/// What a look saw.
#[derive(Debug)]
pub(super) struct Seen {
    /// The balance, if it was ever read.
    pub credits: Option<i32>,
    /// Which message each answer belongs to, by the provider's id of the answer.
    pub causes: HashMap<String, String>,
    /// What is written about the chosen message.
    pub events: Vec<Event>,
    /// Whether Postgres answered; otherwise all this was read earlier.
    pub fresh: bool,
    /// The number of the attempt, when this look is the first to see it and it is not the first attempt.
    pub retaken: Option<u32>,
}

impl Books {
    /// Reads what concerns this number and one of its messages, unless Postgres is known to be away.
    pub(super) async fn look(
        &self,
        pool: Option<&PgPool>,
        (provider, number): (Provider, &str),
        said: &[&str],
        chosen: Option<&MessageId>,
    ) -> Seen {
        let read = match pool {
            Some(pool) => timeout(PATIENCE, read(pool, number, said, chosen)).await.ok().and_then(Result::ok),
            None => None,
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (fresh, mut retaken) = (read.is_some(), None);
        if let Some((credits, causes, events)) = read {
            known.causes.extend(causes);
            known.credits.extend(credits.map(|credits| (provider, credits)));
            if let Some(chosen) = chosen {
                let attempt = attempts(&events);
                // After the end, the moment when it began has long passed.
                let ended = events.iter().any(|event| matches!(event.what, What::Ended(_)));
                let before =
                    known.stories.insert(chosen.as_str().to_owned(), events).map(|old| attempts(&old));
                retaken = (!ended && before.is_some_and(|before| before.max(1) < attempt)).then_some(attempt);
            }
        }
        Seen {
            credits: known.credits.get(&provider).copied(),
            causes: known.causes.clone(),
            events: chosen.and_then(|id| known.stories.get(id.as_str())).cloned().unwrap_or_default(),
            fresh,
            retaken,
        }
    }
}

/// How many attempts these events tell of.
fn attempts(events: &[Event]) -> u32 {
    let Some(started) = events.iter().find(|event| event.what == What::Started) else { return 0 };
    let told = started.detail.as_deref().and_then(|detail| detail.trim_start_matches("× ").parse().ok());
    told.unwrap_or(1)
}

type Read = (Option<i32>, Vec<(String, String)>, Vec<Event>);

async fn read(
    pool: &PgPool,
    number: &str,
    said: &[&str],
    chosen: Option<&MessageId>,
) -> Result<Read, sqlx::Error> {
    let credits = sqlx::query_scalar(r#"select "credits" from "User" where "waPhoneE164" = $1"#)
        .bind(number)
        .fetch_optional(pool)
        .await?;
    let causes = sqlx::query_as(
        "select provider_message_id, cause from wa.outbox where cause = any($1) and provider_message_id is not null",
    )
    .bind(said)
    .fetch_all(pool)
    .await?;
    let events = match chosen {
        Some(chosen) => story::of(pool, chosen).await?,
        None => Vec::new(),
    };
    Ok((credits, causes, events))
}

/// Whether a message waits in the spill now. Unknown counts as no.
pub(super) async fn is_spilled(pool: &PgPool, message: &MessageId) -> bool {
    let asked = sqlx::query_scalar("select exists (select from wa.spill where message_id = $1)")
        .bind(message.as_str())
        .fetch_one(pool);
    timeout(PATIENCE, asked).await.ok().and_then(Result::ok).unwrap_or(false)
}
