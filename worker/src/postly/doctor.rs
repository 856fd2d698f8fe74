//! `postly doctor`: its arguments, and how its report leaves. The looking is in `worker::doctor`.

use std::process::ExitCode;

use clap::Args;
use shared::clock::Clock;
use shared::env::Env;

/// How the report is wanted.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 nothing failed (there may be warnings), 1 something failed, \
                        2 the settings could not be read.\n\
                        META_WABA_ID, which only this command reads, lets it check Meta's subscription and template.")]
pub struct Doctor {
    /// Prints JSON: {"checks": [{"name", "verdict", "found", "advice"?}], "readable"}.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Looks at everything, and says so.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let report = worker::doctor::examine(Env::of_process(), &Clock::system()).await;
        let text = if self.json { serde_json::to_string_pretty(&report)? } else { report.to_string() };
        crate::print(&text);
        Ok(ExitCode::from(report.exit_code()))
    }
}
