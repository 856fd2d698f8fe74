//! `postly audit`: who did what by hand, and why.

use std::process::ExitCode;

use anyhow::Result;
use chrono::TimeDelta;
use clap::Args;
use shared::clock::Clock;
use shared::env::Env;
use worker::operator::{Desk, audit};

use crate::span::span;
use crate::tell;

/// Which lines, and how.
#[derive(Args)]
pub struct Audit {
    /// Only what was done within this time, such as 30m, 2h, 7d.
    #[arg(long, value_parser = span, default_value = "7d")]
    since: TimeDelta,
    /// Also what people asked for and what the system decided about accounts.
    #[arg(long)]
    all: bool,
    /// Prints JSON, one array.
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Prints it, the newest line first.
    pub async fn run(self) -> Result<ExitCode> {
        let desk = Desk::open(Env::of_process())?;
        let since = Clock::system().now() - self.since;
        tell(&audit::since(&desk, since, self.all).await?, self.json)?;
        Ok(ExitCode::SUCCESS)
    }
}
