//! `postly person`: its arguments and its words. The work is in `worker::operator::person`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use shared::clock::Clock;
use shared::env::Env;
use worker::operator::person::{self, Separated};
use worker::operator::{Desk, credits};

use crate::signed::{Signed, author};
use crate::{print, tell};

/// People, and the accounts that they have.
#[derive(Subcommand)]
#[command(
    after_help = "PERSON is an account's id, a number with its +, an e-mail address, or the digest of a conversation (#...).\n\
                        Exit codes: 0 done, 1 it could not be done, 2 the command is not understood."
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
            Self::Unmerge { account, yes, signed } => {
                let now = Clock::system().now();
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
