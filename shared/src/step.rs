//! What the model answered, step by step, recorded before the next step begins: whatever happens afterwards, a
//! step that was paid for is not paid for again.
//!
//! Owner of `wa.step` and, through [`spend`], of `wa.spend`.

pub mod spend;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::message::MessageId;
use crate::vault::{PersonKey, Place, Vault};

/// The step that listens to a voice note: its answer is what its person said.
pub const TRANSCRIPTION: &str = "transcription";

/// A finished call of the model.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Step {
    /// What the model wrote, unparsed: a bad answer was paid for as well.
    pub output: String,
    /// Why it stopped, in the API's word (`stop`, `length`, `refusal`...).
    pub finish_reason: String,
    /// The model that answered, as it names itself.
    pub model: String,
    /// Tokens read.
    pub prompt_tokens: i32,
    /// Tokens written.
    pub completion_tokens: i32,
    /// Duration of the call, in milliseconds.
    pub took_ms: i32,
    /// What it cost, in millionths of a dollar, if the model's price was told.
    pub cost_micros: Option<i64>,
}

/// The row of a step, as its words are sealed for it.
pub(crate) fn row(message: &str, name: &str) -> String {
    format!("{message} {name}")
}

/// The answer recorded under this name, if the step was taken before.
pub async fn find(
    db: &mut PgConnection,
    vault: &Vault,
    message: &MessageId,
    name: &str,
) -> Result<Option<Step>, sqlx::Error> {
    Ok(all(db, vault, message).await?.remove(name))
}

/// All answers recorded for a message, by the names of their steps. One whose words nobody can read any more was not taken.
pub async fn all(
    db: &mut PgConnection,
    vault: &Vault,
    message: &MessageId,
) -> Result<HashMap<String, Step>, sqlx::Error> {
    #[derive(sqlx::FromRow)]
    struct Named {
        name: String,
        #[sqlx(flatten)]
        step: Step,
    }
    if crate::fault::without("step") {
        return Ok(HashMap::new());
    }
    let steps: Vec<Named> = sqlx::query_as(
        "select name, output, finish_reason, model, prompt_tokens, completion_tokens, took_ms, cost_micros
         from wa.step where message_id = $1",
    )
    .bind(message.as_str())
    .fetch_all(&mut *db)
    .await?;
    let stored: Vec<&str> = steps.iter().map(|named| named.step.output.as_str()).collect();
    let keys = vault.keys(db, &stored).await?;
    let mut all = HashMap::new();
    for Named { name, step } in steps {
        if let Some(output) = keys.open(Place::Output, &row(message.as_str(), &name), step.output)? {
            all.insert(name, Step { output, ..step });
        }
    }
    Ok(all)
}

/// Records an answer under the key of whose message it is, and adds it to its person's day. The first one recorded under a name
/// stays.
pub async fn record(
    db: impl PgExecutor<'_>,
    key: &PersonKey,
    message: &MessageId,
    name: &str,
    step: &Step,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let output = crate::message::clean(&step.output);
    sqlx::query(
        "with step as (
           insert into wa.step
             (message_id, name, output, finish_reason, model, prompt_tokens, completion_tokens, took_ms, finished_at,
              cost_micros)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           on conflict (message_id, name) do nothing
           returning message_id
         )
         insert into wa.spend as s (day, user_id, steps, prompt_tokens, completion_tokens, cost_micros)
         select $11, coalesce(r.user_id, ''), 1, $6, $7, coalesce($10, 0)
         from step join wa.receipt r using (message_id)
         on conflict (day, user_id) do update
           set steps = s.steps + 1, prompt_tokens = s.prompt_tokens + excluded.prompt_tokens,
               completion_tokens = s.completion_tokens + excluded.completion_tokens,
               cost_micros = s.cost_micros + excluded.cost_micros",
    )
    .bind(message.as_str())
    .bind(name)
    .bind(key.seal(Place::Output, &row(message.as_str(), name), &output))
    .bind(&step.finish_reason)
    .bind(&step.model)
    .bind(step.prompt_tokens)
    .bind(step.completion_tokens)
    .bind(step.took_ms)
    .bind(now)
    .bind(step.cost_micros)
    .bind(now.date_naive())
    .execute(db)
    .await?;
    Ok(())
}

/// Tokens of all steps of a message, read and written together: what `"Generation"."usageTokens"` holds.
pub async fn tokens(db: impl PgExecutor<'_>, message: &MessageId) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce(sum(prompt_tokens + completion_tokens), 0)::int from wa.step where message_id = $1",
    )
    .bind(message.as_str())
    .fetch_one(db)
    .await
}
