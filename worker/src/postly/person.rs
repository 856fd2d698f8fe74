//! `postly person`: its arguments and its words. The work is in `worker::operator::person`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::Subcommand;
use shared::clock::Clock;
use shared::env::Env;
use shared::erasure::Count;
use worker::operator::person::{self, Separated};
use worker::operator::{Desk, credits, erasure};

use crate::signed::{Signed, author};
use crate::{ATTENTION, print, tell};

/// People, and the accounts that they have.
#[derive(Subcommand)]
#[command(
    after_help = "PERSON is an account's id, a number with its +, an e-mail address, or the digest of a conversation (#...).\n\
                        Exit codes: 0 done, 1 it could not be done, 2 the command is not understood, 3 wants attention."
)]
pub enum Command {
    /// Who somebody is: the account, its names, and the accounts that have joined it.
    Show {
        /// Whose.
        person: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        /// Shows full numbers, ids and the e-mail address.
        #[arg(long)]
        reveal: bool,
    },
    /// Prints all that is kept of somebody, as a JSON document that may be handed to them.
    Export {
        /// Whose.
        person: String,
    },
    /// Forgets somebody for good: names, messages, posts, sessions, what waits in the queue. The lines of their money stay, by
    /// the account's id. Exit code 3: something is left.
    Erase {
        /// Whom.
        person: String,
        /// Does it. Without, it only says how much there is.
        #[arg(long)]
        yes: bool,
        /// Looks afterwards for everything that was known of them: in every table, every key of Redis and the files of
        /// `--log`. Without `--yes`, it only looks, also for somebody whom the books do not know any more.
        #[arg(long)]
        verify: bool,
        /// A file to look through.
        #[arg(long, value_name = "FILE", requires = "verify")]
        log: Vec<PathBuf>,
        #[command(flatten)]
        signed: Signed,
    },
    /// Separates an account from the one that it has joined: what moved goes back, as far as it is still there. Accounts
    /// that a provider's messages have shown to be one person's are joined again by the next one that shows it.
    Unmerge {
        /// Which, by its id, as `show` lists it.
        account: String,
        /// Does it. Without, it only says what would go back.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        signed: Signed,
    },
}

impl Command {
    /// Does it.
    pub async fn run(self) -> Result<ExitCode> {
        let desk = Desk::open(Env::of_process())?;
        match self {
            Self::Show { person, json, reveal } => {
                let user = credits::find(&desk, &person).await?;
                tell(&person::show(&desk, &user, reveal).await?, json)?;
            }
            Self::Export { person } => {
                let user = credits::find(&desk, &person).await?;
                print(&serde_json::to_string_pretty(&person::export(&desk, &user, now()).await?)?);
            }
            Self::Erase { person, yes, verify, log, signed } => {
                return erase(&desk, &person, yes.then_some(signed), verify.then_some(log)).await;
            }
            Self::Unmerge { account, yes, signed } => {
                let now = now();
                // Whoever only looks at what would be need not say why.
                let author = if yes { signed.author()? } else { author(None, "nothing is done")? };
                let separated = person::unmerge(&desk, &account, &author, yes, now).await?;
                let would = match &separated {
                    Separated::Gave(_) if !yes => "would go back (--yes does it) ",
                    Separated::Gave(_) => "went back ",
                    Separated::Before => "",
                };
                print(&format!("{would}{separated}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn now() -> DateTime<Utc> {
    Clock::system().now()
}

/// Forgets, where `signed`; and looks for what is left, where `logs` are given, or none to look through.
async fn erase(
    desk: &Desk,
    person: &str,
    signed: Option<Signed>,
    logs: Option<Vec<PathBuf>>,
) -> Result<ExitCode> {
    let user = match credits::find(desk, person).await {
        Ok(user) => Some(user),
        Err(error) if signed.is_some() || logs.is_none() => return Err(error),
        Err(_) => None,
    };
    let known = match &user {
        Some(user) => erasure::known(desk, user, now()).await?,
        None => erasure::names(person),
    };
    match (&user, signed) {
        (Some(user), Some(signed)) => {
            print(&erasure::erase(desk, user, &signed.author()?, now()).await?.to_string());
        }
        (Some(user), None) => {
            let Count { names, messages, told } = erasure::weigh(desk, user, now()).await?;
            print(&format!(
                "{names} name(s), {messages} message(s) and {told} answer(s) would be forgotten (--yes does it)"
            ));
        }
        (None, _) => print("nobody is known by this name"),
    }
    let Some(logs) = logs else { return Ok(ExitCode::SUCCESS) };
    let findings = erasure::scan(desk, &known, &logs).await?;
    print(&findings.to_string());
    Ok(if findings.found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(ATTENTION) })
}
