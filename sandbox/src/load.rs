//! `cargo load`: programs that print figures about the queue and the workers. They judge nothing: a figure depends
//! on the machine, so each program measures its own reference in the same run and prints both and their ratio.
//!
//! Each runs on private servers with the durability of production, is bounded in messages and in time, and ends by
//! itself. Without a name all three run, one after the other. A fourth, `autoscale`, is a model on paper and starts nothing.

pub mod autoscale;
mod backlog;
pub mod conditions;
pub mod crowd;
mod flood;
pub mod hand;
pub mod instrument;
pub mod sample;
mod scale;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::servers::{Options, Servers};

/// The first argument of this program that leads here.
pub const ARGUMENT: &str = "load";

/// Prints figures about backlog, fairness and scaling, on private servers. Without a program: all three.
#[derive(Debug, Parser)]
#[command(name = "cargo load")]
struct Arguments {
    #[command(subcommand)]
    program: Option<Program>,
}

#[derive(Debug, Subcommand)]
enum Program {
    Backlog(backlog::Backlog),
    Flood(flood::Flood),
    Scale(scale::Scale),
    Autoscale(autoscale::Autoscale),
}

impl Program {
    /// The program as it is when nobody chose anything.
    fn plain(name: &str) -> Result<Self> {
        let arguments = Arguments::try_parse_from([ARGUMENT, name])?;
        arguments.program.context("a program by its name")
    }

    async fn run(self) -> Result<()> {
        match self {
            Self::Backlog(backlog) => backlog.run().await,
            Self::Flood(flood) => flood.run().await,
            Self::Scale(scale) => scale.run().await,
            Self::Autoscale(autoscale) => autoscale.run(),
        }
    }
}

/// Runs what the arguments after [`ARGUMENT`] name.
#[must_use]
pub fn main() -> ExitCode {
    let mut words: Vec<_> = std::env::args_os().skip(1).collect();
    // As habit has it from `cargo demo -- --say`.
    if words.get(1).is_some_and(|word| word == "--") {
        words.remove(1);
    }
    let arguments = Arguments::parse_from(words);
    let ran = tokio::runtime::Runtime::new()
        .context("starting the runtime")
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let stop = shared::shutdown::on_signal()?;
    let programs = match arguments.program {
        Some(program) => vec![program],
        None => ["backlog", "flood", "scale"].into_iter().map(Program::plain).collect::<Result<_>>()?,
    };
    for program in programs {
        tokio::select! {
            ran = program.run() => ran?,
            () = stop.cancelled() => anyhow::bail!("interrupted"),
        }
    }
    Ok(())
}

/// Measures on a private Redis as careful as in production, whatever the environment names, and no Postgres. The
/// measure is given its address.
async fn on_a_redis(measure: impl AsyncFnOnce(&str) -> Result<()>) -> Result<()> {
    let exe = std::env::current_exe().context("finding this program")?;
    let nowhere = Some("postgres://nowhere".to_owned());
    let servers =
        Servers::start(Options { database_url: nowhere, redis_url: None, ..Options::demo(exe) }).await?;
    let measured = measure(&servers.redis_url).await;
    servers.stop().await.and(measured)
}
