//! `postly`: the operator's tool.

mod audit;
mod bill;
mod credits;
mod doctor;
mod keys;
mod person;
mod queue;
mod signed;
mod span;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;
use shared::env::Env;
use shared::vault::Vault;
use worker::operator::Desk;
use worker::operator::explain::explain;

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
    /// Looks at the queue, stops it, moves what is in it.
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Looks at the credits of people, explains and corrects them, checks the sums.
    #[command(subcommand)]
    Credits(credits::Command),
    /// Looks at who somebody is, and separates accounts that were joined by mistake.
    #[command(subcommand)]
    Person(person::Command),
    /// Looks at the keys under which what people write is sealed, and puts a new master key in place of an old one.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// What the model has cost, day by day.
    Bill(bill::Bill),
    /// What operators have done, by this tool and by their page: who, what and why, the newest first.
    Audit(audit::Audit),
    /// Tells the whole story of one message, and where it stands now.
    Explain {
        /// Its key in our books, the provider's id, or a digest as lists and logs show it.
        message: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        /// Shows the texts and the full id.
        #[arg(long)]
        reveal: bool,
    },
}

/// What is not as it should be, for scripts.
const ATTENTION: u8 = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Migrate => migrate().await,
        Command::Doctor(doctor) => doctor.run().await,
        Command::Queue(queue) => queue.run().await,
        Command::Credits(credits) => credits.run().await,
        Command::Person(person) => person.run().await,
        Command::Keys(keys) => keys.run().await,
        Command::Bill(bill) => bill.run().await,
        Command::Audit(audit) => audit.run().await,
        Command::Explain { message, json, reveal } => tells(&message, json, reveal).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("postly: {error:#}");
        ExitCode::FAILURE
    })
}

async fn migrate() -> anyhow::Result<ExitCode> {
    let mut env = Env::of_process();
    let (options, vault) = (shared::db::from_env(&mut env), Vault::from_env(&mut env));
    let (options, vault) = env.finish((options, vault))?;
    shared::db::migrate(&shared::db::pool(options, 2, shared::db::PATIENCE), &vault).await?;
    println!("the database is up to date");
    Ok(ExitCode::SUCCESS)
}

async fn tells(message: &str, json: bool, reveal: bool) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(Env::of_process())?;
    tell(&explain(&desk, message, reveal).await?, json)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a line. A reader that has gone, such as `head`, is no reason to panic.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints it for people, or as JSON.
fn tell<T: Serialize + ToString>(what: &T, json: bool) -> anyhow::Result<()> {
    print(&if json { serde_json::to_string_pretty(what)? } else { what.to_string() });
    Ok(())
}
