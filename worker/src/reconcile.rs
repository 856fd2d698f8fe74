//! Looks at the sums of all accounts from time to time, and keeps the result for `postly_ledger_imbalance`.

use anyhow::Result;
use shared::ledger::{self, Blame, Reconciliation};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{Worker, policy};

/// Looks until told to stop.
pub async fn run(worker: Worker, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(worker.patience.reconcile_period) => {}
            () = stop.cancelled() => return,
        }
        let looked = tokio::select! {
            looked = pass(&worker) => looked,
            () = stop.cancelled() => return,
        };
        if let Err(error) = looked {
            tracing::debug!("the look at the sums waits: {error:#}");
        }
    }
}

/// One look. Of all workers, one does it at a time.
async fn pass(worker: &Worker) -> Result<()> {
    let mut turn = worker.pool.begin().await?;
    let free: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtext('postly.reconcile'))")
        .fetch_one(&mut *turn)
        .await?;
    if free {
        let found = look(&worker.pool).await?;
        ledger::record(&worker.pool, &found, worker.clock.now()).await?;
        if found.imbalance() != 0 {
            let ours = found.differences.iter().any(|found| matches!(found.blame, Blame::OurLines(_)));
            let (credits, accounts) = (found.imbalance(), found.differences.len());
            tracing::error!(
                credits,
                accounts,
                ours,
                "balances are not the sums of their lines: postly credits reconcile"
            );
        }
    }
    turn.rollback().await?;
    Ok(())
}

/// What is off now and was just as much off a moment ago.
pub async fn look(pool: &PgPool) -> Result<Reconciliation, sqlx::Error> {
    let first = ledger::look(pool).await?;
    if first.differences.is_empty() {
        return Ok(first);
    }
    tokio::time::sleep(policy::SECOND_LOOK).await;
    Ok(ledger::confirmed(&first, ledger::look(pool).await?))
}
