//! What has waited for Redis for so long that nobody can be answered any more: WhatsApp takes an answer for a day, and
//! whoever is relayed now would be charged, written for, refused by the provider, and given the credit back.
//!
//! Nothing leaves the spill in silence. Of each message a receipt stays that says what became of it, so that it counts in
//! their person's export, in `postly explain`, and as handled should it come again.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::Batch;
use super::books::bound;
use crate::job::{Job, Unread, Work};
use crate::receipt;
use crate::vault::{Vault, VaultError};

/// Why these failed.
const WHY: &str = "it waited for the queue until nobody could be answered any more";

/// One batch, beside no relay: whoever brings a row into its lane holds all of them.
pub(super) async fn batch(
    pool: &PgPool,
    vault: &Vault,
    before: DateTime<Utc>,
    at_most: i64,
    now: DateTime<Utc>,
) -> Result<Batch, sqlx::Error> {
    let mut tx = pool.begin().await?;
    bound(&mut tx).await?;
    let rows = crate::spill::overdue(&mut tx, before, at_most).await?;
    let (mut messages, mut ids) = (0_u64, Vec::with_capacity(rows.len()));
    for row in &rows {
        match Job::unpack(row.job.as_bytes(), Some(vault)) {
            // It may be somebody's message: it stays until the right key is there to tell.
            Err(Unread::Sealed(VaultError::UnknownMaster)) => continue,
            Ok(Job { work: Work::Message(inbound), received_at, .. }) => {
                receipt::never_begun(&mut tx, &inbound, WHY, received_at, now).await?;
                messages += 1;
            }
            _ => {}
        }
        ids.push(row.id);
    }
    crate::spill::done(&mut tx, &ids).await?;
    tx.commit().await?;
    if messages > 0 {
        tracing::error!(messages, "messages have waited for Redis until nobody could be answered any more");
    }
    let gone = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    Ok(Batch { gone, more: gone >= u64::try_from(at_most).unwrap_or(u64::MAX) })
}
