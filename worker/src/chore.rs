//! Work that nobody asked for and that comes back by itself: of all workers, one does it at a time.

use std::time::Duration;

use anyhow::Result;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// Does a chore every so often, until told to stop. A turn may be dropped anywhere: what is not committed did not
/// happen, and the rest is found by the next.
pub async fn regularly<Turn>(
    name: &'static str,
    every: Duration,
    pool: &PgPool,
    stop: &CancellationToken,
    turn: impl Fn() -> Turn,
) where
    Turn: Future<Output = Result<()>>,
{
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return,
        }
        let done = tokio::select! {
            done = alone(name, pool, turn()) => done,
            () = stop.cancelled() => return,
        };
        if let Err(error) = done {
            tracing::debug!(name, "a chore waits: {error:#}");
        }
    }
}

/// Takes a turn if nobody else is taking one. The lock is held by a transaction that does nothing else, and saves work:
/// what is right does not hang on it.
async fn alone(name: &'static str, pool: &PgPool, turn: impl Future<Output = Result<()>>) -> Result<()> {
    let mut held = pool.begin().await?;
    let free: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtext($1))")
        .bind(name)
        .fetch_one(&mut *held)
        .await?;
    if free {
        turn.await?;
    }
    held.rollback().await?;
    Ok(())
}
