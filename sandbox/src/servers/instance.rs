//! A running server of either kind: started on a free port, harmed on request, started again, ended for good.
//!
//! What differs between Postgres and Redis is their [`Recipe`]. Every wait here has a limit, and a server that
//! does not come up is reported with the end of its log.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use tokio::{
    process::{Child, Command},
    time::{Instant, interval, sleep, timeout},
};

use super::processes;
use crate::port;

/// How long a server may take to accept connections, or to end in good order.
pub const LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to end when nobody wants its data any more.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How often a starting server is asked whether it is ready.
const ASKED_EVERY: Duration = Duration::from_millis(20);
/// Somebody may take a free port before the server does, but not this often in a row.
const PORTS_TRIED: u32 = 8;
/// Both servers say this (both run with `LC_ALL=C`) when somebody else listens on their port.
const PORT_TAKEN: &str = "Address already in use";
/// How much of a log an error quotes.
const LINES_QUOTED: usize = 12;

/// What one kind of server is made of.
pub trait Recipe {
    /// Its name in errors.
    const NAME: &'static str;
    /// Asks for an orderly stop that keeps the data.
    const STOP: Signal;
    /// Asks for the quickest end that leaves nothing behind in the kernel.
    const END: Signal;

    /// The server in the foreground, on 127.0.0.1 and this port.
    fn command(&self, port: u16) -> Command;
    /// The working directory of all its processes, and of nobody else's.
    fn directory(&self) -> &Path;
    /// How a client reaches it.
    fn url(&self, port: u16) -> String;
    /// Removes what a killed server left in its directory that would hinder the next start.
    fn tidy(&self) -> Result<()>;
    /// Whether the process `pid`, and no other server on that port, accepts connections.
    async fn is_ready(&self, pid: u32, port: u16) -> bool;
    /// Gives back what a killed server holds outside of its directory.
    async fn reclaim(&self);
}

/// A server with its port and log, whether it runs at the moment or not.
#[derive(Debug)]
pub struct Instance<R> {
    recipe: R,
    port: u16,
    log: PathBuf,
    process: Option<Child>,
}

/// How a launch ended that did not fail.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
enum Launch {
    Ready,
    PortTaken,
}

impl<R: Recipe> Instance<R> {
    /// Starts the server on a free port and returns when it accepts connections.
    pub async fn start(recipe: R, log: PathBuf) -> Result<Self> {
        let mut instance = Self { recipe, port: 0, log, process: None };
        for _ in 0..PORTS_TRIED {
            instance.port = port::free()?;
            match instance.launch().await {
                Ok(Launch::Ready) => return Ok(instance),
                Ok(Launch::PortTaken) => {}
                Err(error) => {
                    // The first error is the one to tell.
                    let _ = instance.end().await;
                    return Err(error);
                }
            }
        }
        bail!("{} found {PORTS_TRIED} free ports of 127.0.0.1 taken a moment later", R::NAME)
    }

    /// How a client reaches the server.
    pub fn url(&self) -> String {
        self.recipe.url(self.port)
    }

    /// Starts a stopped or killed server on its old port and data.
    pub async fn start_again(&mut self) -> Result<()> {
        if self.running().is_ok() {
            bail!("{} is running already", R::NAME);
        }
        self.recipe.tidy()?;
        // A client of somebody else may hold the port for a moment.
        let until = Instant::now() + LIMIT;
        while self.launch().await? == Launch::PortTaken {
            if Instant::now() > until {
                bail!("somebody else listens on port {} of {} now", self.port, R::NAME);
            }
            sleep(ASKED_EVERY).await;
        }
        Ok(())
    }

    /// SIGKILL for every process of the server; returns when all are gone.
    pub async fn kill(&mut self) -> Result<()> {
        let pid = self.running()?;
        // Standing still, it has no new children while the old ones are listed.
        processes::signal(pid, Signal::SIGSTOP);
        self.signal_all(pid, Signal::SIGKILL);
        self.wait(LIMIT).await?.with_context(|| format!("{} survives SIGKILL", R::NAME))?;
        processes::gone(self.recipe.directory(), LIMIT).await
    }

    /// An orderly stop.
    pub async fn stop(&mut self) -> Result<()> {
        let pid = self.running()?;
        self.signal_all(pid, Signal::SIGCONT);
        processes::signal(pid, R::STOP);
        self.wait(LIMIT).await?.with_context(|| format!("{} does not stop:{}", R::NAME, self.quote(0)))?;
        processes::gone(self.recipe.directory(), LIMIT).await
    }

    /// SIGSTOP for every process of the server.
    pub fn freeze(&mut self) -> Result<()> {
        let pid = self.running()?;
        processes::signal(pid, Signal::SIGSTOP);
        self.signal_all(pid, Signal::SIGSTOP);
        Ok(())
    }

    /// SIGCONT for every process of the server.
    pub fn thaw(&mut self) -> Result<()> {
        let pid = self.running()?;
        self.signal_all(pid, Signal::SIGCONT);
        Ok(())
    }

    /// Ends the server whatever its state, so that only its directory is left of it.
    pub async fn end(mut self) -> Result<()> {
        if let Ok(pid) = self.running() {
            self.signal_all(pid, Signal::SIGCONT);
            processes::signal(pid, R::END);
            if self.wait(END_LIMIT).await?.is_none() {
                self.kill().await?;
            }
        }
        processes::gone(self.recipe.directory(), END_LIMIT).await?;
        self.recipe.reclaim().await;
        Ok(())
    }

    async fn launch(&mut self) -> Result<Launch> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let written = log.metadata()?.len();
        let mut command = self.recipe.command(self.port);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot run {}", R::NAME))?;
        let pid = child.id().with_context(|| format!("{} has no process id", R::NAME))?;
        self.process = Some(child);
        let until = Instant::now() + LIMIT;
        let mut ask = interval(ASKED_EVERY);
        loop {
            ask.tick().await;
            if let Some(status) = self.wait(Duration::ZERO).await? {
                let quote = self.quote(written);
                if quote.contains(PORT_TAKEN) {
                    return Ok(Launch::PortTaken);
                }
                bail!("{} ended while it was starting ({status}):{quote}", R::NAME);
            }
            if self.recipe.is_ready(pid, self.port).await {
                return Ok(Launch::Ready);
            }
            if Instant::now() > until {
                let quote = self.quote(written);
                self.kill().await?;
                bail!("{} does not accept connections after {} s:{quote}", R::NAME, LIMIT.as_secs());
            }
        }
    }

    /// The id of the server's first process, or an error when that has ended.
    fn running(&mut self) -> Result<u32> {
        if let Some(child) = &mut self.process
            && child.try_wait()?.is_none()
            && let Some(pid) = child.id()
        {
            return Ok(pid);
        }
        self.process = None;
        bail!("{} is not running", R::NAME)
    }

    /// Waits for the end of the first process; `None` when it still runs.
    async fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.process else { return Ok(None) };
        let ended = match child.try_wait()? {
            Some(status) => Some(status),
            None if limit.is_zero() => None,
            None => timeout(limit, child.wait()).await.ok().transpose()?,
        };
        if ended.is_some() {
            self.process = None;
        }
        Ok(ended)
    }

    fn signal_all(&self, first: u32, signal: Signal) {
        processes::signal(first, signal);
        for pid in processes::living_in(self.recipe.directory()) {
            processes::signal(pid, signal);
        }
    }

    /// The last lines of the log after its first `skip` bytes, each on a line of its own.
    fn quote(&self, skip: u64) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let new = log.get(usize::try_from(skip).unwrap_or_default()..).unwrap_or_default();
        quote_end(&String::from_utf8_lossy(new))
    }
}

/// The last lines of a text, each on a line of its own.
pub fn quote_end(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_QUOTED)..].iter().flat_map(|line| ["\n    ", line]).collect()
}

/// A command for a server or its tools, with an environment that decides nothing for it.
pub fn plain_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_read = name.to_string_lossy();
        // PGDATA, PGPORT, PGTZ, LC_MESSAGES and their like would change what runs, or what its log says.
        if name_read.starts_with("PG") || name_read.starts_with("LC_") {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C").env("TZ", "UTC");
    command
}

/// A new file that is readable for its owner only.
pub fn private_file(path: &Path) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("cannot create {}", path.display()))
}
