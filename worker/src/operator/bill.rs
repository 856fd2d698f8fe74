//! What the model has cost, day by day, for everybody together.

use std::fmt;

use chrono::NaiveDate;
use serde::Serialize;
use shared::price::dollars;
use shared::step::spend::{self, Day};

use super::{Desk, table};

/// Some days.
#[derive(Debug, Clone, Serialize)]
pub struct Bill {
    /// The newest first. Days on which nobody asked are not there.
    pub days: Vec<Day>,
}

/// The bill since this day.
pub async fn since(desk: &Desk, day: NaiveDate) -> anyhow::Result<Bill> {
    Ok(Bill { days: spend::days(&desk.pool, day).await? })
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
