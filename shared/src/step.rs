//! What the model answered, step by step, recorded before the next step begins: whatever happens afterwards, a
//! step that was paid for is not paid for again.
//!
//! Owner of `wa.step` and, through [`spend`], of `wa.spend`.

pub mod spend;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::message::MessageId;

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

/// The answer recorded under this name, if the step was taken before.
pub async fn find(
    db: impl PgExecutor<'_>,
    message: &MessageId,
    name: &str,
) -> Result<Option<Step>, sqlx::Error> {
    if crate::fault::without("step") {
        return Ok(None);
    }
    sqlx::query_as(
        "select output, finish_reason, model, prompt_tokens, completion_tokens, took_ms, cost_micros
         from wa.step where message_id = $1 and name = $2",
    )
    .bind(message.as_str())
    .bind(name)
    .fetch_optional(db)
    .await
}

/// All answers recorded for a message, by the names of their steps.
pub async fn all(db: impl PgExecutor<'_>, message: &MessageId) -> Result<HashMap<String, Step>, sqlx::Error> {
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
    .fetch_all(db)
    .await?;
    Ok(steps.into_iter().map(|named| (named.name, named.step)).collect())
}

/// Records an answer, and adds it to its person's day. The first one recorded under a name stays.
pub async fn record(
    db: impl PgExecutor<'_>,
    message: &MessageId,
    name: &str,
    step: &Step,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
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
    .bind(crate::message::clean(&step.output))
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
