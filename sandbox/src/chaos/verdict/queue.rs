//! What is left in Redis: claims, dead letters, figures, and nothing of what has finished.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use redis::aio::MultiplexedConnection;

use super::Verdict;
use super::books::Books;

/// What a quiet queue consists of.
const BELONGS: [&str; 6] =
    ["{wa:0}seen:", "{wa:0}pace:", "{wa:0}stats", "{wa:0}dead", "{wa:0}wake", "{wa:0}workers"];

pub(super) struct Left {
    keys: Vec<String>,
    /// Ids that are remembered.
    claims: i64,
    /// Claims that would stay for ever.
    eternal: Vec<String>,
    /// Messages that were ever taken in.
    taken: i64,
    depth: i64,
    /// The ids of the dead.
    dead: Vec<String>,
}

pub(super) async fn left(url: &str) -> Result<Left> {
    let client = redis::Client::open(url)?;
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let mut redis: MultiplexedConnection =
        client.get_multiplexed_async_connection_with_config(&config).await?;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await?;
    let (mut claims, mut eternal) = (0, Vec::new());
    for key in keys.iter().filter(|key| BELONGS[..2].iter().any(|expiring| key.starts_with(expiring))) {
        if key.starts_with(BELONGS[0]) {
            claims += redis::cmd("HLEN").arg(key).query_async::<i64>(&mut redis).await?;
        }
        if redis::cmd("PTTL").arg(key).query_async::<i64>(&mut redis).await? == -1 {
            eternal.push(key.clone());
        }
    }
    let stats: BTreeMap<String, String> =
        redis::cmd("HGETALL").arg("{wa:0}stats").query_async(&mut redis).await?;
    let number = |name: &str| stats.get(name).and_then(|text| text.parse().ok()).unwrap_or_default();
    let dead: Vec<(String, BTreeMap<String, Vec<u8>>)> =
        redis::cmd("XRANGE").arg("{wa:0}dead").arg("-").arg("+").query_async(&mut redis).await?;
    let dead = dead
        .into_iter()
        .filter_map(|(_, letter)| {
            let job: serde_json::Value = serde_json::from_slice(letter.get("job")?).ok()?;
            Some(job["id"].as_str()?.to_owned())
        })
        .collect();
    Ok(Left { keys, claims, eternal, taken: number("taken"), depth: number("depth"), dead })
}

impl Left {
    pub(super) fn belongs(&self, books: &Books, verdict: &mut Verdict) -> usize {
        for key in self.keys.iter().filter(|key| !BELONGS.iter().any(|known| key.starts_with(known))) {
            verdict.breach(None, format!("{key} is still in Redis"));
        }
        for key in &self.eternal {
            verdict.breach(None, format!("{key} never expires"));
        }
        if self.depth != 0 {
            verdict.breach(None, format!("the queue believes to hold {}", self.depth));
        }
        if self.taken != self.claims {
            let (taken, claims) = (self.taken, self.claims);
            verdict.breach(None, format!("{taken} messages were queued under {claims} ids: some twice"));
        }
        let mut once = BTreeSet::new();
        for id in &self.dead {
            let outcome = books.receipts.get(id).and_then(|receipt| receipt.outcome.as_deref());
            if !once.insert(id) {
                verdict.breach(None, format!("{id} is dead twice"));
            }
            if outcome != Some("failed") {
                verdict.breach(None, format!("{id} is a dead letter, and its receipt says {outcome:?}"));
            }
        }
        for receipt in books.receipts.values().filter(|receipt| receipt.outcome.as_deref() == Some("failed"))
        {
            if !once.contains(&receipt.message_id) {
                verdict.breach(Some(&receipt.message()), "it failed, and is not among the dead letters");
            }
        }
        self.keys.len()
    }
}
