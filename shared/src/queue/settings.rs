//! What the queue is told: where it is, and the times that everybody who uses it must agree on.

use std::time::Duration;

use secrecy::SecretString;

use crate::env::Env;
use crate::vault::Vault;

/// Meta redelivers what was not acknowledged for up to seven days; one more day of margin. Two such windows are
/// remembered, so an id is known for at least this long.
const CLAIM_WINDOW: Duration = Duration::from_hours(8 * 24);

/// What an operator or a test may choose.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// How long a worker may be silent before its messages go to another.
    pub lease: Duration,
    /// How many messages Redis may hold, dead letters included. Beyond, ingest spills.
    pub at_most: u64,
    /// How long one call may take before Redis counts as away.
    pub patience: Duration,
    /// How long an id is known at least, and at most twice as long. Whole seconds.
    pub claim_window: Duration,
    /// What waits is sealed by it; without one it waits in the open.
    pub vault: Option<Vault>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            at_most: 1_000_000,
            patience: Duration::from_secs(3),
            claim_window: CLAIM_WINDOW,
            vault: None,
        }
    }
}

/// Reads `REDIS_URL` of an environment, noting what is wrong with it there.
pub fn address(env: &mut Env) -> SecretString {
    let url = env.required("REDIS_URL", "the address of the queue, such as redis://127.0.0.1:6379");
    if !url.is_empty() && redis::Client::open(url.as_str()).is_err() {
        env.problem("REDIS_URL is not an address such as redis://127.0.0.1:6379");
    }
    url.into()
}

/// Reads `LEASE_SECONDS` of an environment, noting what is wrong with it there. Everybody reads it who says how many workers
/// are alive: one is, that was heard of within a lease.
pub fn lease(env: &mut Env) -> Duration {
    let seconds = env.parsed("LEASE_SECONDS", 30_u64);
    if seconds == 0 {
        env.problem("LEASE_SECONDS must be at least 1");
    }
    Duration::from_secs(seconds)
}
