//! What the model has cost, day by day, for everybody together.

use std::fmt;

use chrono::NaiveDate;
use serde::Serialize;
use shared::price::dollars;
use shared::step::spend;

use super::{Desk, table};

/// Some days.
#[derive(Debug, Clone, Serialize)]
pub struct Bill {
    /// The newest first. Days on which nobody asked are not there.
    pub days: Vec<Day>,
}

/// One day (UTC).
#[derive(Debug, Clone, Serialize)]
pub struct Day {
    /// Which.
    pub day: NaiveDate,
    /// Accounts for which the model was asked.
    pub people: i64,
    /// Answers of the model.
    pub steps: i64,
    /// Tokens read.
    pub prompt_tokens: i64,
    /// Tokens written.
    pub completion_tokens: i64,
    /// Millionths of a dollar, as far as `MODEL_PRICES` told the price when it was asked.
    pub cost_micros: i64,
}

/// The bill since this day.
pub async fn since(desk: &Desk, day: NaiveDate) -> anyhow::Result<Bill> {
    let days = spend::days(&desk.pool, day).await?;
    let days = days
        .into_iter()
        .map(|day| Day {
            day: day.day,
            people: day.people,
            steps: day.steps,
            prompt_tokens: day.prompt_tokens,
            completion_tokens: day.completion_tokens,
            cost_micros: day.cost_micros,
        })
        .collect();
    Ok(Bill { days })
}

impl fmt::Display for Bill {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |day: &Day| {
            [
                day.day.to_string(),
                day.people.to_string(),
                day.steps.to_string(),
                day.prompt_tokens.to_string(),
                day.completion_tokens.to_string(),
                dollars(day.cost_micros),
            ]
        };
        let mut rows: Vec<[String; 6]> = self.days.iter().map(row).collect();
        let sum = |of: fn(&Day) -> i64| self.days.iter().map(of).sum::<i64>();
        rows.push([
            "all".to_owned(),
            String::new(),
            sum(|day| day.steps).to_string(),
            sum(|day| day.prompt_tokens).to_string(),
            sum(|day| day.completion_tokens).to_string(),
            dollars(sum(|day| day.cost_micros)),
        ]);
        write!(out, "{}", table::render(["DAY", "PEOPLE", "STEPS", "READ", "WRITTEN", "COST"], &rows))
    }
}
