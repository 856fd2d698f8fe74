//! The processes of a server, known by the directory they work in.
//!
//! Each private server has a working directory of its own, and Postgres and Redis stay in theirs, children
//! included: whoever carries a server's name and works there belongs to that run, whatever became of its parent.
//! Nothing else is ever signalled. Where there is no `/proc`, nobody is found and only first processes are
//! reached.

use std::{fs, path::Path, time::Duration};

use anyhow::{Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

/// How often it is looked whether a process has gone.
const LOOKED_EVERY: Duration = Duration::from_millis(10);

/// The ids of the server processes that work in this directory (absolute, without symbolic links) or below it.
pub fn living_in(directory: &Path) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|pid: &u32| works_in(*pid, directory)).collect()
}

/// Sends a signal; a process that has ended meanwhile needs none.
pub fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Waits until no server process works in this directory any more.
pub async fn gone(directory: &Path, limit: Duration) -> Result<()> {
    let until = Instant::now() + limit;
    loop {
        let living = living_in(directory);
        if living.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("the processes {living:?} do not leave {}", directory.display());
        }
        sleep(LOOKED_EVERY).await;
    }
}

fn works_in(pid: u32, directory: &Path) -> bool {
    // A dead process that nobody has buried has no working directory.
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(directory))
        && fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| ["postgres", "redis", "valkey"].iter().any(|server| name.starts_with(server)))
}
