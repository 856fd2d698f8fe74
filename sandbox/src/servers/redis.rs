//! The recipe of a private Redis: an append-only file, nothing ever evicted, 127.0.0.1 only.
//!
//! Whatever it acknowledged survives `kill -9`, for it is written to the file before the answer. Whether it also
//! survives the loss of power is a matter of fsync, and so of [`super::Options::durable`].

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use nix::sys::signal::Signal;
use tokio::{process::Command, time::timeout};

use super::{
    directory::RunDirectory,
    instance::{Recipe, plain_command},
};

/// A starting Redis either answers at once or is asked again.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// A data directory and how to serve it.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    data: PathBuf,
    databases: u16,
    durable: bool,
    cluster: bool,
}

impl Redis {
    /// Makes the room of a new, empty Redis.
    pub fn create(
        program: PathBuf,
        directory: &RunDirectory,
        databases: u16,
        durable: bool,
        cluster: bool,
    ) -> Result<Self> {
        Ok(Self { program, data: directory.room("redis")?, databases, durable, cluster })
    }
}

impl Recipe for Redis {
    const NAME: &'static str = "Redis";
    const STOP: Signal = Signal::SIGTERM;
    const END: Signal = Signal::SIGTERM;

    fn command(&self, port: u16) -> Command {
        let mut command = plain_command(&self.program);
        if self.cluster {
            command.args(["--cluster-enabled", "yes"]);
        }
        command
            .current_dir(&self.data)
            .args(["--port", &port.to_string()])
            .args(["--bind", "127.0.0.1"])
            .args(["--protected-mode", "yes"])
            .args(["--databases", &self.databases.to_string()])
            .args(["--appendonly", "yes"])
            // Not "everysec": it keeps writes back while an fsync takes its time, and a kill loses those.
            .args(["--appendfsync", if self.durable { "always" } else { "no" }])
            // No snapshots beside the append-only file.
            .args(["--save", ""])
            // A queue that forgets jobs when memory is short would be worse than one that refuses them.
            .args(["--maxmemory-policy", "noeviction"]);
        command
    }

    fn directory(&self) -> &Path {
        &self.data
    }

    fn url(&self, port: u16) -> String {
        format!("redis://127.0.0.1:{port}")
    }

    fn tidy(&self) -> Result<()> {
        Ok(())
    }

    async fn is_ready(&self, pid: u32, port: u16) -> bool {
        matches!(timeout(ANSWER_LIMIT, status(&self.url(port))).await, Ok(Ok(status)) if is_up(&status, pid))
    }

    async fn reclaim(&self) {}
}

async fn status(url: &str) -> ::redis::RedisResult<String> {
    let mut connection = ::redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    ::redis::cmd("INFO").query_async(&mut connection).await
}

/// Whether this answer to INFO is from our process and it has read its data.
fn is_up(status: &str, pid: u32) -> bool {
    let mut lines = status.lines();
    let process = format!("process_id:{pid}");
    lines.clone().any(|line| line == process) && lines.any(|line| line == "loading:0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_redis_on_the_port_is_not_ours() {
        let status = "# Server\r\nprocess_id:71\r\n# Persistence\r\nloading:0\r\n";
        assert!(is_up(status, 71));
        assert!(!is_up(status, 7));
        assert!(!is_up(&status.replace("loading:0", "loading:1"), 71));
    }
}
