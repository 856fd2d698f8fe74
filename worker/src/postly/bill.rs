//! `postly bill`: what the model has cost, day by day.

use std::process::ExitCode;

use anyhow::Result;
use chrono::Days;
use clap::Args;
use shared::clock::Clock;
use shared::env::Env;
use worker::operator::{Desk, bill};

use crate::print;

/// How many days, and how.
#[derive(Args)]
pub struct Bill {
    /// How many days, today included.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=3660))]
    days: u64,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Bill {
    /// Prints it.
    pub async fn run(self) -> Result<ExitCode> {
        let desk = Desk::open(Env::of_process())?;
        let today = Clock::system().now().date_naive();
        let since = today.checked_sub_days(Days::new(self.days - 1)).unwrap_or(today);
        let bill = bill::since(&desk, since).await?;
        print(&if self.json { serde_json::to_string_pretty(&bill)? } else { bill.to_string() });
        Ok(ExitCode::SUCCESS)
    }
}
