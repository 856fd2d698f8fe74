//! The keys of what is kept sealed: which masters they hang on, and a new master in place of an old one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use serde::Serialize;
use shared::audit::Author;
use shared::audit::deed::{self, Object};
use shared::{erasure, job, outbox, vault};

use super::Desk;

/// Keys that are sealed anew in one transaction: so few that nobody whose key is among them waits.
const BATCH: i64 = 200;

/// Which masters what is kept hangs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Masters {
    /// Each one of `MASTER_KEY` or of the table, the current one first.
    pub masters: Vec<Master>,
}

/// A master key, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Master {
    /// Eight digits of its digest.
    pub id: String,
    /// What it is to us.
    pub standing: Standing,
    /// How many keys it has sealed.
    pub keys: i64,
    /// How many jobs and dead letters, in Redis and in the spill, codes that have not left, and erasures that are not over.
    pub waiting: i64,
}

/// What a master is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It seals, and opens.
    Current,
    /// It only opens.
    Old,
    /// `MASTER_KEY` does not name it: what it has sealed cannot be read here.
    Missing,
}

/// Looks.
pub async fn show(desk: &Desk) -> anyhow::Result<Masters> {
    let held = vault::held(&desk.pool).await?;
    let waiting = waiting(desk).await?;
    let waits = |id: &str| waiting.get(id).copied().unwrap_or_default();
    let keys = |id: &str| held.iter().find(|held| held.master == id).map_or(0, |held| held.keys);
    let ours = desk.vault.masters().enumerate().map(|(place, id)| Master {
        id: id.to_owned(),
        standing: if place == 0 { Standing::Current } else { Standing::Old },
        keys: keys(id),
        waiting: waits(id),
    });
    let others: BTreeSet<&str> =
        held.iter().map(|held| held.master.as_str()).chain(waiting.keys().map(String::as_str)).collect();
    let missing = others.into_iter().filter(|id| !desk.vault.has(id)).map(|id| Master {
        id: id.to_owned(),
        standing: Standing::Missing,
        keys: keys(id),
        waiting: waits(id),
    });
    Ok(Masters { masters: ours.chain(missing).collect() })
}

/// What waits, by the masters that have sealed it.
async fn waiting(desk: &Desk) -> anyhow::Result<BTreeMap<String, i64>> {
    let mut waiting = BTreeMap::new();
    let mut count = |packed: &[u8]| {
        if let Some(master) = job::sealed_by(packed) {
            *waiting.entry(master).or_insert(0) += 1;
        }
    };
    desk.queue.reads_all(|_, value| count(value)).await?;
    let mut spilled = sqlx::query_scalar::<_, String>("select job from wa.spill").fetch(&desk.pool);
    while let Some(packed) = spilled.try_next().await? {
        count(packed.as_bytes());
    }
    drop(spilled);
    let reaches = erasure::waiting(&desk.pool).await?;
    for master in outbox::waiting(&desk.pool).await?.into_iter().chain(reaches) {
        *waiting.entry(master).or_insert(0) += 1;
    }
    Ok(waiting)
}

/// Seals every key that an old master has sealed under the current one, and says how many. Safe beside running services, as soon
/// as all of them know the current one; may be broken off and begun again.
pub async fn rotate(desk: &Desk, author: &Author, now: DateTime<Utc>) -> anyhow::Result<usize> {
    let deed = deed::begin(&desk.pool, author, "keys.rotate", Object::Keys, now).await?;
    let mut rotated = 0;
    loop {
        let mut tx = desk.pool.begin().await?;
        let some = desk.vault.rotate(&mut tx, BATCH).await?;
        tx.commit().await?;
        rotated += some;
        if some == 0 {
            break;
        }
    }
    let outcome = format!("{rotated} key(s) under {} now", desk.vault.current());
    deed.ended(&desk.pool, &outcome).await?;
    Ok(rotated)
}

impl Masters {
    /// Whether an operator has to do something: something cannot be read, or an old master still has keys.
    #[must_use]
    pub fn want_attention(&self) -> bool {
        self.masters
            .iter()
            .any(|master| master.standing != Standing::Current && master.keys + master.waiting > 0)
    }
}

impl fmt::Display for Masters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Master { id, standing, keys, waiting }) in self.masters.iter().enumerate() {
            let said = match (standing, keys + waiting) {
                (Standing::Current, _) => "seals",
                (Standing::Old, _) if *keys == 0 && *waiting > 0 => {
                    "only opens what waits: replay or discard the dead letters"
                }
                (Standing::Old, 0) => "nothing hangs on it: take it out of MASTER_KEY",
                (Standing::Old, _) => "only opens: `postly keys rotate`",
                (Standing::Missing, _) => {
                    "MASTER_KEY does not name it, and nobody can read what it has sealed"
                }
            };
            let line = if place == 0 { "" } else { "\n" };
            write!(out, "{line}{id}  {keys:>7} key(s) {waiting:>5} waiting  {said}")?;
        }
        Ok(())
    }
}
