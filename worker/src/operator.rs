//! What the operator's tool does with the queue and the books: look, stop, move, replay, explain, correct.
//!
//! Everything here is safe beside running services, may be repeated, writes down who changed something and why, and shows no text of a person and no full number
//! unless it is told to reveal them.

pub mod audit;
pub mod bill;
pub mod credits;
pub mod dead;
pub mod deed;
pub mod erasure;
pub mod explain;
pub mod keys;
pub mod person;
pub mod status;
mod table;

use shared::env::Env;
use shared::queue::{Queue, QueueSettings};
use shared::vault::Vault;
use sqlx::PgPool;

/// Enough for a tool that asks one thing after the other.
const CONNECTIONS: u32 = 2;

/// What an operator works with.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The queue.
    pub queue: Queue,
    /// The books.
    pub pool: PgPool,
    /// What people write is sealed by it.
    pub vault: Vault,
}

impl Desk {
    /// Opens the desk with the services' own variables (`REDIS_URL`, `DATABASE_URL`, `MASTER_KEY`, `LEASE_SECONDS`). Connects to
    /// nothing yet.
    pub fn open(mut env: Env) -> anyhow::Result<Self> {
        let redis_url = shared::queue::address(&mut env);
        let database = shared::db::from_env(&mut env);
        let vault = Vault::from_env(&mut env);
        let lease = shared::queue::lease(&mut env);
        let (redis_url, database, vault, lease) = env.finish((redis_url, database, vault, lease))?;
        let settings = QueueSettings { lease, vault: Some(vault.clone()), ..QueueSettings::default() };
        let queue = Queue::open(&redis_url, settings)?;
        Ok(Self { queue, pool: shared::db::pool(database, CONNECTIONS, shared::db::PATIENCE), vault })
    }
}
