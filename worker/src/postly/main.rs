//! `postly`: the operator's tool.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shared::env::Env;

/// Looks after Postly for WhatsApp. Reads the same variables as the services.
#[derive(Parser)]
#[command(name = "postly", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Applies pending migrations to `DATABASE_URL` and verifies the web app's tables; for `MIGRATE=off`.
    Migrate,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { command: Command::Migrate } = Arguments::parse();
    match migrate().await {
        Ok(()) => {
            println!("the database is up to date");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("postly: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn migrate() -> anyhow::Result<()> {
    let mut env = Env::of_process();
    let options = shared::db::from_env(&mut env);
    shared::db::migrate(&shared::db::pool(env.finish(options)?, 2)).await
}
