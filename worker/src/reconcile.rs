//! Looks at the sums of all accounts from time to time, and keeps the result for `postly_ledger_imbalance`.

use anyhow::Result;
use shared::ledger::{self, Blame, Reconciliation};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{Worker, chore, policy};

/// Looks until told to stop.
pub async fn run(worker: Worker, stop: CancellationToken) {
    let every = worker.patience.reconcile_period;
    chore::regularly("postly.reconcile", every, &worker.pool, &stop, || pass(&worker)).await;
}

/// One look.
async fn pass(worker: &Worker) -> Result<()> {
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
