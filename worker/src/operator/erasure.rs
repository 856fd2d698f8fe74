//! `postly person erase`: somebody is forgotten, and it is looked whether anything is left.

mod scan;

use std::fmt;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use shared::audit::{self, Act, Author};
use shared::erasure::{self, AskedBy, Count};
use shared::ledger;
use shared::person::{self, UserId};
use shared::queue::Withdrawn;

use super::Desk;
use crate::erase::carry_out;

pub use scan::{Findings, Known, Place, known, names, scan};

/// How often it is tried while somebody is learning a name of the person.
const TRIES: u32 = 25;

/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);

/// What an erasure came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Its receipt.
    pub receipt: String,
    /// What was taken out of the queue; none where a worker had done all of it.
    pub withdrawn: Withdrawn,
}

/// How much there is of a person. Changes nothing.
pub async fn weigh(desk: &Desk, user: &UserId, now: DateTime<Utc>) -> anyhow::Result<Count> {
    let mut db = desk.pool.acquire().await?;
    Ok(erasure::count(&mut db, &desk.vault, user, now).await?)
}

/// Forgets a person, here and now: whoever dies over it is followed by any worker.
pub async fn erase(
    desk: &Desk,
    user: &UserId,
    author: &Author,
    now: DateTime<Utc>,
) -> anyhow::Result<Erased> {
    let mut tx = desk.pool.begin().await?;
    let account = ledger::survivor(&mut tx, user).await?;
    person::known(&mut tx, &account).await?.context("the account is not in the books")?;
    let receipt = erasure::ask(&mut tx, &account, AskedBy::Operator, now).await?;
    let key = format!("erasure.asked:{receipt}");
    let (actor, note) = (author.actor(), author.why());
    let act = Act { actor, action: "erasure.asked", subject: &account, key: &key, note };
    audit::record(&mut *tx, act, now).await?;
    tx.commit().await?;
    let mut withdrawn = Withdrawn::default();
    for _ in 0..TRIES {
        let Some(open) = erasure::find(&desk.pool, &receipt).await? else {
            return Ok(Erased { receipt, withdrawn });
        };
        let carried = carry_out(&desk.pool, &desk.queue, &desk.vault, &[open], now).await?;
        withdrawn.jobs += carried.withdrawn.jobs;
        withdrawn.letters += carried.withdrawn.letters;
        if carried.done == 0 {
            tokio::time::sleep(PAUSE).await;
        }
    }
    bail!("receipt {receipt}: it is written down and could not be carried out now; a worker goes on with it")
}

impl fmt::Display for Erased {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Withdrawn { jobs, letters } = self.withdrawn;
        write!(
            out,
            "receipt {}: nothing is kept of this person; {jobs} queued job(s) and {letters} dead letter(s) went as well",
            self.receipt
        )
    }
}
