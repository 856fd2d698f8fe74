//! A small world: a few people, fewer numbers than people, and a year or two in which everything happens that providers
//! tell of, and some that they do not.

mod names;
mod news;

use std::collections::HashMap;

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use shared::ledger::LedgerError;
use shared::message::{Provider, Sender};
use shared::person::{self, Change, UserId};
use sqlx::PgPool;

use super::tally::Tally;
use super::truth::{Human, Shown, Truth};

/// How many people and numbers there are.
const PEOPLE: usize = 5;
const NUMBERS: usize = 6;

/// How long a carrier keeps a number before somebody else gets it.
const QUARANTINE: TimeDelta = TimeDelta::days(60);

/// What Twilio passes on beside a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum External {
    Nothing,
    MetasId,
    ItsOwn,
}

/// Something that is under way.
#[derive(Clone)]
struct Delivery {
    due: DateTime<Utc>,
    what: What,
}

#[derive(Clone)]
enum What {
    Message(Shown, Sender),
    Change { before: Shown, after: Shown, change: Change },
}

/// One world, in its own names.
pub(super) struct World<'a> {
    pool: &'a PgPool,
    number: usize,
    chance: StdRng,
    external: External,
    now: DateTime<Utc>,
    truth: Truth,
    /// Since when nobody has a number; None: somebody has it.
    free: Vec<Option<DateTime<Utc>>>,
    under_way: Vec<Delivery>,
    /// What was shown at the same moment: any of it may be why two accounts became one.
    at_once: Vec<Shown>,
    made: usize,
    story: Vec<String>,
    tally: &'a Tally,
}

impl<'a> World<'a> {
    pub(super) fn new(pool: &'a PgPool, seed: u64, number: usize, tally: &'a Tally) -> Self {
        let mut chance = StdRng::seed_from_u64(seed ^ (number as u64).rotate_left(32));
        let external = *[External::Nothing, External::MetasId, External::ItsOwn]
            .choose(&mut chance)
            .unwrap_or(&External::Nothing);
        let long_ago = DateTime::UNIX_EPOCH + TimeDelta::days(18_000);
        let mut world = Self {
            pool,
            number,
            chance,
            external,
            now: long_ago + QUARANTINE * 2,
            truth: Truth::default(),
            free: vec![Some(long_ago); NUMBERS],
            under_way: Vec::new(),
            at_once: Vec::new(),
            made: 0,
            story: Vec::new(),
            tally,
        };
        for human in 0..PEOPLE {
            world.truth.humans.push(Human::default());
            world.settles(human);
        }
        world
    }

    /// Lives through so many events. Returns how many there were, or what went wrong, with the story of it.
    pub(super) async fn lives(mut self, events: usize) -> Result<()> {
        for _ in 0..events {
            let happened = self.happens().await;
            self.tells(happened)?;
        }
        while let Some(delivery) = self.under_way.pop() {
            self.now = self.now.max(delivery.due);
            let delivered = self.delivers(delivery.what, 1).await;
            self.tells(delivered)?;
        }
        let ended = self.ends().await;
        self.tells(ended)
    }

    fn tells<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| anyhow::anyhow!("world {}: {error:#}\n{}", self.number, self.story.join("\n")))
    }

    async fn happens(&mut self) -> Result<()> {
        self.now += TimeDelta::minutes(self.chance.random_range(1..600));
        self.arrives().await?;
        let human = self.chance.random_range(0..PEOPLE);
        let has_number = self.truth.humans[human].number.is_some();
        match self.chance.random_range(0..100) {
            0..58 if has_number => self.writes(human).await,
            58..66 if has_number => self.writes_at_once(human).await,
            66..72 => {
                let human = &mut self.truth.humans[human];
                human.hidden = !human.hidden;
                Ok(())
            }
            72..79 if has_number => {
                self.changes_number(human);
                Ok(())
            }
            79..83 if has_number => {
                self.changes_id(human);
                Ok(())
            }
            83..86 if has_number => {
                self.gives_up(human);
                Ok(())
            }
            86..90 if has_number => self.links(human).await,
            90..94 if has_number => self.buys_and_spends(human).await,
            94..98 => {
                self.now += TimeDelta::days(self.chance.random_range(1..50));
                self.arrives().await
            }
            _ if !has_number => {
                self.settles(human);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What is due arrives, in any order.
    async fn arrives(&mut self) -> Result<()> {
        let now = self.now;
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.under_way).into_iter().partition(|delivery| delivery.due <= now);
        self.under_way = later;
        while !due.is_empty() {
            let next = self.chance.random_range(0..due.len());
            let times = if self.chance.random_bool(0.1) { 2 } else { 1 };
            self.delivers(due.swap_remove(next).what, times).await?;
        }
        Ok(())
    }

    async fn writes(&mut self, human: usize) -> Result<()> {
        let what = self.message(human);
        let by_meta = matches!(&what, What::Message(shown, _) if shown.provider == Provider::Meta);
        // Twilio does not say when a message was written: it counts when it comes.
        if by_meta && self.chance.random_bool(0.15) {
            let due = self.now + TimeDelta::minutes(self.chance.random_range(1..720));
            self.under_way.push(Delivery { due, what });
            return Ok(());
        }
        let times = if self.chance.random_bool(0.1) { 2 } else { 1 };
        self.delivers(what, times).await
    }

    /// Several messages of several people at the same moment; then each once more, when it must be clear whose it is.
    async fn writes_at_once(&mut self, human: usize) -> Result<()> {
        let other = (human + 1) % PEOPLE;
        let mut messages = vec![self.message(human), self.message(human), self.message(human)];
        if self.truth.humans[other].number.is_some() {
            messages.push(self.message(other));
        }
        let (pool, now) = (self.pool, self.now);
        let all = join_all(messages.iter().map(|what| applied(pool, what, now))).await;
        for done in all {
            done?;
        }
        let shown = |what: &What| match what {
            What::Message(shown, _) => Some(shown.clone()),
            What::Change { .. } => None,
        };
        self.at_once = messages.iter().filter_map(shown).collect();
        for what in messages {
            self.delivers(what, 1).await?;
        }
        self.at_once.clear();
        Ok(())
    }

    /// Hands something to the product, so many times, and looks at what it makes of it.
    async fn delivers(&mut self, what: What, times: usize) -> Result<()> {
        let shown = match &what {
            What::Message(shown, _) => vec![shown.clone()],
            What::Change { before, after, .. } => vec![before.clone(), after.clone()],
        };
        let human = shown[0].human;
        for _ in 0..times {
            let account = applied(self.pool, &what, self.now).await?;
            self.tally.delivered(matches!(what, What::Change { .. }));
            let seen: Vec<String> = shown
                .iter()
                .map(|s| format!("{} id {:?} number {:?} of {}", s.provider, s.id, s.number, s.at))
                .collect();
            self.story.push(format!(
                "{}: {human} shows {} -> {}",
                self.now,
                seen.join(", then "),
                account.as_str()
            ));
            let (wrong, confusions) = self.truth.led(&shown, &self.at_once, &account);
            self.tally.mistook(confusions);
            if let Some(wrong) = wrong {
                anyhow::bail!(wrong);
            }
        }
        if let What::Change { before, after, .. } = &what {
            self.truth.humans[human].unannounced -= 1;
            if let Some(number) = before.number.filter(|number| after.number != Some(*number)) {
                self.truth.left(human, number);
            }
        }
        let joined = self.joined().await?;
        for (from, into) in &joined {
            let causes: Vec<Shown> = shown.iter().chain(&self.at_once).cloned().collect();
            let (wrong, confusions) = self.truth.joined(from, into, &causes);
            self.tally.mistook(confusions);
            if let Some(wrong) = wrong {
                anyhow::bail!(wrong);
            }
        }
        let survivor = |account: &UserId| {
            let mut account = account;
            while let Some(next) = joined.get(account) {
                account = next;
            }
            account.clone()
        };
        match self.truth.split(survivor) {
            Some(wrong) => anyhow::bail!(wrong),
            None => Ok(()),
        }
    }

    /// What has become one in this world.
    async fn joined(&self) -> Result<HashMap<UserId, UserId>> {
        let mine: Vec<String> = self.truth.accounts().map(|account| account.as_str().to_owned()).collect();
        let rows: Vec<(String, String)> =
            sqlx::query_as("select from_user, into_user from wa.merged_account where from_user = any($1)")
                .bind(mine)
                .fetch_all(self.pool)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(from, into)| (UserId::from_stored(from), UserId::from_stored(into)))
            .collect())
    }

    /// The sum of all that each has bought and not spent is in their accounts, and nowhere else.
    async fn ends(&self) -> Result<()> {
        for (human, (credits, accounts)) in self.truth.purses() {
            let ids: Vec<&str> = accounts.iter().map(UserId::as_str).collect();
            let found: i64 =
                sqlx::query_scalar(r#"select coalesce(sum("credits"), 0) from "User" where "id" = any($1)"#)
                    .bind(&ids)
                    .fetch_one(self.pool)
                    .await?;
            ensure!(found == credits, "person {human} has {found} credits instead of {credits}");
        }
        self.tally.lived();
        Ok(())
    }
}

/// One transaction of the product.
async fn applied(pool: &PgPool, what: &What, now: DateTime<Utc>) -> Result<UserId, LedgerError> {
    let mut tx = pool.begin().await?;
    let account = match what {
        What::Message(shown, sender) => {
            person::resolve(&mut tx, &crate::stage::vault(), sender, shown.at, now).await?.id
        }
        What::Change { before, change, .. } => {
            person::changed(&mut tx, &crate::stage::vault(), change, before.at, now).await?
        }
    };
    tx.commit().await?;
    Ok(account)
}
