//! `postly keys`: its arguments and its words. The work is in `worker::operator::keys`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use shared::clock::Clock;
use shared::env::Env;
use worker::operator::{Desk, keys};

use crate::signed::Signed;
use crate::{ATTENTION, print, tell};

/// The keys under which what people write is kept sealed.
#[derive(Subcommand)]
#[command(
    after_help = "Exit codes: 0 done or all is well, 1 it could not be done, 2 the command is not understood, \
                        3 keys hang on an old or a missing master."
)]
pub enum Keys {
    /// Which master keys what is kept hangs on, by their digests.
    Show {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Seals the keys of all people under the first key of `MASTER_KEY`. Before: every service runs with `MASTER_KEY=new,old`.
    /// Afterwards nothing hangs on the old one, but for backups of the keys.
    Rotate {
        #[command(flatten)]
        signed: Signed,
    },
}

impl Keys {
    /// Does it.
    pub async fn run(self) -> Result<ExitCode> {
        let desk = Desk::open(Env::of_process())?;
        let json = match self {
            Self::Show { json } => json,
            Self::Rotate { signed } => {
                let rotated = keys::rotate(&desk, &signed.author()?, Clock::system().now()).await?;
                print(&format!("{rotated} key(s) sealed anew"));
                false
            }
        };
        let masters = keys::show(&desk).await?;
        tell(&masters, json)?;
        Ok(if masters.want_attention() { ExitCode::from(ATTENTION) } else { ExitCode::SUCCESS })
    }
}
