//! What the model has cost: by person and by day, for caps and for the bill.
//!
//! Reads `wa.spend`; [`super::record`] adds to it together with the step that was paid for. Days are UTC's.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgExecutor;

use crate::message::MessageId;
use crate::person::UserId;
use crate::price::Micros;

/// One day's bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Day {
    /// Which (UTC).
    pub day: NaiveDate,
    /// Accounts that had something written.
    pub people: i64,
    /// Calls of the model that were recorded.
    pub steps: i64,
    /// Tokens read.
    pub prompt_tokens: i64,
    /// Tokens written.
    pub completion_tokens: i64,
    /// What it cost, as far as `MODEL_PRICES` told the price when it was asked.
    pub cost_micros: Micros,
}

/// The bills of the days since this one, the newest first.
pub async fn days(db: impl PgExecutor<'_>, since: NaiveDate) -> Result<Vec<Day>, sqlx::Error> {
    sqlx::query_as(
        "select day, count(*) as people, sum(steps)::bigint as steps, sum(prompt_tokens)::bigint as prompt_tokens,
                sum(completion_tokens)::bigint as completion_tokens, sum(cost_micros)::bigint as cost_micros
         from wa.spend where day >= $1 group by day order by day desc",
    )
    .bind(since)
    .fetch_all(db)
    .await
}

/// What this person has cost today, in whichever of their accounts.
pub async fn by_person(
    db: impl PgExecutor<'_>,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<Micros, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce(sum(cost_micros), 0)::bigint from wa.spend
         where day = $1 and user_id in (select wa.accounts_of($2))",
    )
    .bind(now.date_naive())
    .bind(user.as_str())
    .fetch_one(db)
    .await
}

/// What everybody together has cost today.
pub async fn by_all(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<Micros, sqlx::Error> {
    sqlx::query_scalar("select coalesce(sum(cost_micros), 0)::bigint from wa.spend where day = $1")
        .bind(now.date_naive())
        .fetch_one(db)
        .await
}

/// What one message has cost: tokens, and money as far as prices were told. `None`: the model was not asked.
pub async fn of_message(
    db: impl PgExecutor<'_>,
    message: &MessageId,
) -> Result<Option<(i64, Micros)>, sqlx::Error> {
    let (tokens, cost): (Option<i64>, Option<Micros>) = sqlx::query_as(
        "select sum(prompt_tokens + completion_tokens)::bigint, sum(cost_micros)::bigint from wa.step where message_id = $1",
    )
    .bind(message.as_str())
    .fetch_one(db)
    .await?;
    Ok(tokens.map(|tokens| (tokens, cost.unwrap_or_default())))
}
