//! `postly queue`: its arguments and its words. The work is in `worker::operator`.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use clap::{Args, Subcommand};
use shared::audit::Author;
use shared::clock::Clock;
use shared::env::Env;
use shared::queue::{DeadId, DeadLetter};
use worker::operator::dead::{self, Filter};
use worker::operator::deed::{self, Replayed};
use worker::operator::{Desk, status};

use crate::signed::Signed;
use crate::span::span;
use crate::{ATTENTION, print};

/// How often `drain` looks.
const LOOK: Duration = Duration::from_millis(500);

/// The queue.
#[derive(Subcommand)]
#[command(
    after_help = "Exit codes: 0 done or all is well, 1 it could not be done, 2 the command is not understood, \
                        3 something wants attention (status), nothing was found (dead), or it is not empty (drain)."
)]
pub enum Queue {
    /// How deep it is, how old its oldest message, who works, how fast.
    Status {
        /// Looks again every so many seconds, until interrupted.
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
        watch: Option<u64>,
        /// Prints JSON, one object a look.
        #[arg(long)]
        json: bool,
        /// Wants attention (exit code 3) when the oldest message has waited longer than so many seconds.
        #[arg(long, value_name = "SECONDS")]
        max_age: Option<u64>,
    },
    /// The dead letters.
    #[command(subcommand)]
    Dead(Dead),
    /// Lets no worker take anything more. What runs is finished, and ingest goes on taking messages in.
    Pause(Signed),
    /// Ends a pause.
    Resume(Signed),
    /// Waits until nothing is queued, being worked on or spilled. Changes nothing, and so stands in no audit.
    Drain {
        /// How long at most.
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        timeout: u64,
    },
}

/// What to do with dead letters.
#[derive(Subcommand)]
pub enum Dead {
    /// Lists them, oldest first.
    List {
        #[command(flatten)]
        which: Which,
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Prints JSON, one array.
        #[arg(long)]
        json: bool,
        /// Shows texts and full ids.
        #[arg(long)]
        reveal: bool,
    },
    /// Shows one.
    Show {
        /// As the list names it.
        id: DeadId,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        /// Shows the text and the full id.
        #[arg(long)]
        reveal: bool,
    },
    /// Has them handled again, each under the id that it had.
    Replay(Chosen),
    /// Forgets them.
    Discard(Chosen),
}

/// Which dead letters, by what they are.
#[derive(Args, Clone)]
pub struct Which {
    /// Only those whose reason contains this.
    #[arg(long)]
    reason: Option<String>,
    /// Only those that died within this time, such as 30m, 2h, 7d.
    #[arg(long, value_parser = span)]
    since: Option<TimeDelta>,
    /// Only those that died longer ago than this.
    #[arg(long, value_parser = span)]
    before: Option<TimeDelta>,
    /// Only those of this sender, as the list shows it.
    #[arg(long, value_name = "HASH")]
    sender: Option<String>,
}

/// Which dead letters, by name or by what they are.
#[derive(Args)]
pub struct Chosen {
    /// As the list names them.
    ids: Vec<DeadId>,
    #[command(flatten)]
    which: Which,
    /// All that there are.
    #[arg(long)]
    all: bool,
    /// Only says what would be done.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    signed: Signed,
}

impl Chosen {
    /// Who does it; nobody where nothing is done.
    fn author(&self) -> Result<Option<Author>> {
        if self.dry_run { Ok(None) } else { self.signed.author().map(Some) }
    }
}

impl Which {
    fn filter(self) -> Filter {
        Filter { reason: self.reason, since: self.since, before: self.before, sender: self.sender }
    }
}

impl Queue {
    /// Does it.
    pub async fn run(self) -> Result<ExitCode> {
        let desk = Desk::open(Env::of_process())?;
        match self {
            Self::Status { watch, json, max_age } => {
                let max_age = max_age.map(Duration::from_secs);
                loop {
                    let code = look(&desk, json, max_age).await?;
                    let Some(seconds) = watch else { return Ok(code) };
                    tokio::time::sleep(Duration::from_secs(seconds.max(1))).await;
                    if !json && std::io::stdout().is_terminal() {
                        // From the top left corner of an empty screen.
                        print("\x1b[2J\x1b[H");
                    }
                }
            }
            Self::Dead(dead) => dead.run(&desk).await,
            Self::Pause(signed) => {
                let paused = deed::pause(&desk, &signed.author()?, Clock::system().now()).await?;
                let already = if paused { "paused" } else { "paused already" };
                print(&format!("{already}: workers finish what they have and take nothing more"));
                Ok(ExitCode::SUCCESS)
            }
            Self::Resume(signed) => {
                deed::resume(&desk, &signed.author()?, Clock::system().now()).await?;
                print("running: workers take messages again within a second");
                Ok(ExitCode::SUCCESS)
            }
            Self::Drain { timeout } => drain(&desk, Duration::from_secs(timeout)).await,
        }
    }
}

async fn look(desk: &Desk, json: bool, max_age: Option<Duration>) -> Result<ExitCode> {
    let status = status::look(desk).await?;
    let concerns = status.concerns(max_age);
    if json {
        print(&serde_json::to_string(&status)?);
    } else {
        print(&status.to_string());
        for concern in &concerns {
            print(&format!("→ {concern}"));
        }
    }
    Ok(if concerns.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(ATTENTION) })
}

async fn drain(desk: &Desk, patience: Duration) -> Result<ExitCode> {
    let deadline = tokio::time::Instant::now() + patience;
    let mut told = None;
    loop {
        let figures = desk.queue.figures().await?;
        let spilled = u64::try_from(shared::spill::depth(&desk.pool).await?).unwrap_or_default();
        let left = figures.ready + figures.leased + figures.delayed + spilled;
        if left == 0 {
            print("empty: nothing is queued, being worked on or spilled");
            return Ok(ExitCode::SUCCESS);
        }
        ensure!(!figures.paused, "the queue is paused and holds {left}: `postly queue resume` lets it drain");
        if told != Some(left) {
            print(&format!("{left} left"));
            told = Some(left);
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(ExitCode::from(ATTENTION));
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl Dead {
    async fn run(self, desk: &Desk) -> Result<ExitCode> {
        match self {
            Self::List { which, limit, json, reveal } => {
                let letters = dead::find(desk, &which.filter(), limit, Clock::system().now()).await?;
                let entries = dead::entries(&letters, reveal);
                print(&if json { serde_json::to_string_pretty(&entries)? } else { dead::list(&entries) });
                Ok(ExitCode::SUCCESS)
            }
            Self::Show { id, json, reveal } => {
                let Some(letter) = desk.queue.dead_letter(&id).await? else {
                    eprintln!("postly: there is no dead letter {}", id.as_str());
                    return Ok(ExitCode::from(ATTENTION));
                };
                let entry = &dead::entries(&[letter], reveal)[0];
                print(&if json { serde_json::to_string_pretty(entry)? } else { entry.to_string() });
                Ok(ExitCode::SUCCESS)
            }
            Self::Replay(chosen) => {
                let author = chosen.author()?;
                let dry = author.is_none();
                each(desk, chosen, "replay", async |letter| {
                    let replayed = match &author {
                        None => Replayed::Queued,
                        Some(author) => deed::replay(desk, letter, author, Clock::system().now()).await?,
                    };
                    Ok(match replayed {
                        Replayed::Queued if dry => "would be replayed",
                        Replayed::Queued => "replayed",
                        Replayed::Gone => "is no longer there",
                        Replayed::NotAJob => {
                            "is no job: discard it, or have an engineer read it (show --reveal)"
                        }
                    })
                })
                .await
            }
            Self::Discard(chosen) => {
                let author = chosen.author()?;
                each(desk, chosen, "discard", async |letter| {
                    let Some(author) = &author else { return Ok("would be discarded") };
                    let discarded = deed::discard(desk, letter, author, Clock::system().now()).await?;
                    Ok(if discarded { "discarded" } else { "is no longer there" })
                })
                .await
            }
        }
    }
}

/// Does something with each dead letter that was chosen, and says what.
async fn each(
    desk: &Desk,
    chosen: Chosen,
    verb: &str,
    act: impl AsyncFn(&DeadLetter) -> Result<&'static str>,
) -> Result<ExitCode> {
    let Chosen { ids, which, all, .. } = chosen;
    let filter = which.filter();
    ensure!(!ids.is_empty() || !filter.is_empty() || all, "say which to {verb}: ids, a filter, or --all");
    ensure!(ids.is_empty() || filter.is_empty() && !all, "either ids, or filters");
    let mut letters = Vec::new();
    if ids.is_empty() {
        letters = dead::find(desk, &filter, usize::MAX, Clock::system().now()).await?;
    }
    for id in ids {
        match desk.queue.dead_letter(&id).await? {
            Some(letter) => letters.push(letter),
            None => eprintln!("postly: there is no dead letter {}", id.as_str()),
        }
    }
    for letter in &letters {
        print(&format!("{}  {}", letter.id.as_str(), act(letter).await?));
    }
    Ok(if letters.is_empty() { ExitCode::from(ATTENTION) } else { ExitCode::SUCCESS })
}
