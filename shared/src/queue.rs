//! The durable queue: lanes over Redis.
//!
//! A lane is one conversation. Its messages are a list whose head stays in place until the holder of the current
//! fence settles it, so that a death at any point loses nothing by construction. A sorted set says which lanes
//! may run and since when (turns, delays and retries are one score), another holds the leases. Blocking reads
//! carry only a wake token, never a job. Everything is in Lua scripts, atomic and bounded; all keys share one
//! hash slot; time is Redis' own.
//!
//! What an acknowledgement means depends on the server: `appendonly yes`, `appendfsync always`, `noeviction`.

mod behind;
mod contents;
mod dead;
mod enqueue;
mod figures;
mod lease;
mod line;
mod pace;
mod place;
mod restore;
mod rewrite;
mod settings;
mod standing;
mod waiting;
mod wake;
mod withdraw;

use std::sync::Arc;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{IntoConnectionInfo, Script};
use secrecy::{ExposeSecret, SecretString};

use crate::job::{Job, Unread};
use crate::vault::{Vault, VaultError};

pub use dead::{DeadId, DeadLetter};
pub use enqueue::{Enqueued, Parcel};
pub use figures::{Figures, publish};
pub use lease::{Fetched, Lease, Leased, Settlement, Verdict};
pub use pace::{Hold, Pace, Route, Turn};
pub use place::{Head, Place};
pub use restore::Restored;
pub use settings::{QueueSettings, address, lease};
pub use standing::{Standing, durable};
pub use wake::Waker;
pub use withdraw::Withdrawn;

use line::Line;

/// Everything of the first shard. More shards are more indexes; a lane stays in its own.
const PREFIX: &str = "{wa:0}";

/// Leases of one message that may be lost before even its apology is no longer attempted by a worker. Those after the
/// first three are no longer the message's doing, but that of whatever else kills workers.
const LOST_LEASES_AT_MOST: u32 = 10;

/// Waiting messages in one lane beyond which more of the same sender are set aside.
const LANE_AT_MOST: u32 = 20_000;

/// Redis' Lua unpacks at most some thousands of values; scripts here take at most this many items.
pub const BATCH: usize = 200;

/// The queue, from either side. Clones share one connection.
#[derive(Clone)]
pub struct Queue {
    connection: Line,
    client: Arc<redis::Client>,
    scripts: Arc<Scripts>,
    settings: QueueSettings,
}

/// Redis did not do it, or said something that a queue does not say.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Away, refusing, too slow.
    #[error("redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// A job that has no JSON form.
    #[error("a job could not be written as JSON")]
    Shape(#[from] serde_json::Error),
    /// Nobody has a key to seal with.
    #[error(transparent)]
    Sealed(#[from] VaultError),
}

struct Scripts {
    enqueue: Script,
    set_aside: Script,
    fetch: Script,
    settle: Script,
    renew: Script,
    recover: Script,
    restore: Script,
    replay: Script,
    figures: Script,
    pace: Script,
    hold: Script,
    release: Script,
    paused: Script,
    crowd: Script,
    withdraw: Script,
}

impl Queue {
    /// A queue on this server. Connects at the first call and again after every loss, so that the order in which
    /// things start does not matter.
    pub fn open(url: &SecretString, settings: QueueSettings) -> Result<Self, QueueError> {
        // The end of a long call must not wait in our kernel for an acknowledgement that the server's kernel delays.
        let info = url.expose_secret().into_connection_info()?;
        let client = redis::Client::open(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))?;
        let connection = Line::new(client.clone(), settings.patience)?;
        let scripts = Scripts {
            enqueue: script(include_str!("queue/enqueue.lua")),
            set_aside: script(include_str!("queue/set_aside.lua")),
            fetch: script(include_str!("queue/fetch.lua")),
            settle: script(include_str!("queue/settle.lua")),
            renew: script(include_str!("queue/renew.lua")),
            recover: script(include_str!("queue/recover.lua")),
            restore: script(include_str!("queue/restore.lua")),
            replay: script(include_str!("queue/replay.lua")),
            figures: script(include_str!("queue/figures.lua")),
            pace: script(include_str!("queue/pace.lua")),
            hold: script(include_str!("queue/hold.lua")),
            release: script(include_str!("queue/release.lua")),
            paused: script(include_str!("queue/paused.lua")),
            crowd: script(include_str!("queue/crowd.lua")),
            withdraw: script(include_str!("queue/withdraw.lua")),
        };
        Ok(Self { connection, client: Arc::new(client), scripts: Arc::new(scripts), settings })
    }

    /// How long a lease lasts here.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.settings.lease
    }

    /// What seals the work that waits here, and in the spill.
    #[must_use]
    pub fn vault(&self) -> Option<&Vault> {
        self.settings.vault.as_ref()
    }

    /// Reads a job, as it stands in a lane.
    pub fn read(&self, payload: &[u8]) -> Result<Job, Unread> {
        Job::unpack(payload, self.vault())
    }

    /// Lets no worker take anything more, until [`Queue::resume`]. What is being worked on goes on, and so does the
    /// taking in of messages. `false`: that was so already.
    pub async fn pause(&self) -> Result<bool, QueueError> {
        let mut connection = self.connection.clone();
        Ok(redis::cmd("SET").arg(key("paused")).arg(1).arg("NX").query_async(&mut connection).await?)
    }

    /// Ends a pause. Workers notice within a second. `false`: there was none.
    pub async fn resume(&self) -> Result<bool, QueueError> {
        let mut connection = self.connection.clone();
        Ok(redis::cmd("DEL").arg(key("paused")).query_async(&mut connection).await?)
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let mut connection = self.connection.clone();
        redis::cmd("PING").query_async::<()>(&mut connection).await?;
        Ok(())
    }
}

/// A script, without the guards that a test build was told to do without.
fn script(source: &str) -> Script {
    Script::new(&crate::fault::unguarded(source))
}

/// The name of a key of this queue.
fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Queue").field("settings", &self.settings).finish_non_exhaustive()
    }
}
