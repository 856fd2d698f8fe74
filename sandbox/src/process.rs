//! Ingest and worker as processes of their own: this same program with another first argument, which then does
//! what `postly-ingest` and `postly-worker` do, from the same variables.
//!
//! A child ends when its standard input closes, so that none outlives the program that started it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, timeout};

use crate::port::free_address;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `postly-ingest`.
    Ingest,
    /// `postly-worker`.
    Worker,
}

impl Role {
    /// The first argument that makes this program play the role.
    #[must_use]
    pub fn argument(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Worker => "worker",
        }
    }

    /// The role that a first argument asks for.
    #[must_use]
    pub fn of(argument: &str) -> Option<Self> {
        [Self::Ingest, Self::Worker].into_iter().find(|role| role.argument() == argument)
    }

    /// Plays the role until told to stop, or until the starter is gone.
    #[must_use]
    pub fn play(self) -> ExitCode {
        std::thread::spawn(|| {
            // Nothing is ever written there: reading returns when the other end is closed, however that came about.
            let _ = std::io::stdin().read(&mut [0]);
            std::process::exit(0);
        });
        let played =
            tokio::runtime::Runtime::new().map_err(anyhow::Error::new).and_then(|runtime| match self {
                Self::Ingest => runtime.block_on(ingest::run()),
                Self::Worker => runtime.block_on(worker::run()),
            });
        match played {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}: {error:#}", self.argument());
                ExitCode::FAILURE
            }
        }
    }
}

/// A running child. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    role: Role,
    child: Child,
    /// Held here: waiting for a child would close its own end, which tells the child to go.
    _alive: Option<ChildStdin>,
    admin: String,
}

impl Process {
    /// Starts the role with exactly these variables (and none of ours), its log in this file.
    pub fn start(exe: &Path, role: Role, variables: &BTreeMap<String, String>, log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log).context("opening a log file")?;
        let admin = variables.get("ADMIN_ADDR").cloned().map_or_else(free_address, Ok)?;
        let mut child = Command::new(exe)
            .arg(role.argument())
            .env_clear()
            .envs(variables)
            .env("ADMIN_ADDR", &admin)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", role.argument()))?;
        let alive = child.stdin.take();
        Ok(Self { role, child, _alive: alive, admin: format!("http://{admin}") })
    }

    /// Waits until `/readyz` says yes. Fails when the process ends first, or after a while.
    pub async fn ready(&mut self, within: Duration) -> Result<()> {
        // Somebody else in this process may have installed it: that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::new();
        let deadline = Instant::now() + within;
        let mut turns = tokio::time::interval(Duration::from_millis(20));
        loop {
            turns.tick().await;
            let name = self.role.argument();
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("{name} ended at its start ({status})");
            }
            let answer = http.get(format!("{}/readyz", self.admin)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "{name} is not ready after {} s", within.as_secs());
        }
    }

    /// Where operators look.
    #[must_use]
    pub fn admin_url(&self) -> &str {
        &self.admin
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // It may have ended in this very moment, which is no error.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// How it ended, if it has.
    pub fn exit(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    pub async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        Ok(timeout(within, self.child.wait()).await.context("a process did not end")??)
    }
}
