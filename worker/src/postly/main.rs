//! `postly`: the operator's tool.

mod doctor;

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
    /// Checks every setting and every dependency, and says what to do; changes nothing.
    Doctor(doctor::Doctor),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Migrate => migrate().await,
        Command::Doctor(doctor) => doctor.run().await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("postly: {error:#}");
        ExitCode::FAILURE
    })
}

async fn migrate() -> anyhow::Result<ExitCode> {
    let mut env = Env::of_process();
    let options = shared::db::from_env(&mut env);
    shared::db::migrate(&shared::db::pool(env.finish(options)?, 2)).await?;
    println!("the database is up to date");
    Ok(ExitCode::SUCCESS)
}
