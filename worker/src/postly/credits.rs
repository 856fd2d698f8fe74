//! `postly credits`: its arguments and its words. The work is in `worker::operator::credits`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use shared::clock::Clock;
use shared::db;
use shared::env::Env;
use worker::operator::Desk;
use worker::operator::credits::{self, Adjusted};

use crate::signed::author;
use crate::{ATTENTION, print, tell};

/// The credits of people.
#[derive(Subcommand)]
#[command(
    after_help = "PERSON is an account's id, a number with its +, an e-mail address, or the digest of a conversation (#...).\n\
                        Exit codes: 0 done or all is well, 1 it could not be done, 2 the command is not understood, \
                        3 something wants attention (reconcile)."
)]
pub enum Command {
    /// What an account has.
    Show {
        /// Whose.
        person: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        /// Shows the full number.
        #[arg(long)]
        reveal: bool,
    },
    /// Why a balance is what it is, line by line, down to the messages and payments.
    Explain {
        /// Whose.
        person: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Adds credits to an account, or takes them from it, and writes down who did so and why.
    Adjust {
        /// Whose.
        person: String,
        /// How many, with a sign: +5, -3.
        #[arg(allow_hyphen_values = true, value_parser = signed)]
        credits: i32,
        /// Why: kept in the audit, never shown to the person.
        #[arg(long, visible_alias = "reason", value_name = "TEXT")]
        why: String,
        /// Who does it. Unless said, whoever is logged in on this machine.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Names this correction: the same name is made once. Without it, a new one, which is printed.
        #[arg(long)]
        key: Option<String>,
    },
    /// Whether every balance is the sum of its lines, and if not, who moved what, and when.
    Reconcile {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A number that says which way it goes.
fn signed(text: &str) -> Result<i32, &'static str> {
    let wrong = "expected a number with its sign, such as +5 or -3";
    let number: i32 = text.parse().map_err(|_| wrong)?;
    let has_sign = text.starts_with(['+', '-']);
    if has_sign && number != 0 && number != i32::MIN { Ok(number) } else { Err(wrong) }
}

impl Command {
    /// Does it.
    pub async fn run(self) -> Result<ExitCode> {
        let desk = Desk::open(Env::of_process())?;
        let now = Clock::system().now();
        match self {
            Self::Show { person, json, reveal } => {
                let user = credits::find(&desk, &person).await?;
                tell(&credits::show(&desk, &user, now, reveal).await?, json)?;
            }
            Self::Explain { person, json } => {
                let user = credits::find(&desk, &person).await?;
                tell(&credits::explain(&desk, &user).await?, json)?;
            }
            Self::Adjust { person, credits, why, by, key } => {
                let author = author(by.as_deref(), &why)?;
                let user = credits::find(&desk, &person).await?;
                let key = key.unwrap_or_else(db::new_id);
                match credits::adjust(&desk, &user, credits, (&author, &key), now).await? {
                    Adjusted::To(balance) => {
                        print(&format!("{credits:+}, the balance is {} now (key {key})", balance.get()));
                    }
                    Adjusted::Before(balance) => {
                        print(&format!("made before under the key {key}: the balance is {}", balance.get()));
                    }
                    Adjusted::TooMuch => {
                        anyhow::bail!(
                            "the account has fewer credits than that, and no balance goes below zero"
                        )
                    }
                }
            }
            Self::Reconcile { json } => {
                let report = credits::check(&desk, now).await?;
                tell(&report, json)?;
                if report.imbalance != 0 || !report.unclaimed.is_empty() {
                    return Ok(ExitCode::from(ATTENTION));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
