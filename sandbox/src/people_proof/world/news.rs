//! What becomes of people beside what they write: other numbers, other ids, an account of the web app, credits.

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use shared::ledger::{self, Entry, Posted};
use shared::message::{MessageId, Provider};
use shared::person::{Change, UserId};

use super::{Delivery, External, QUARANTINE, What, World, applied};
use crate::people_proof::truth::{Human, Shown};

impl World<'_> {
    pub(super) fn changes_number(&mut self, human: usize) {
        let free = |free: &Option<DateTime<Utc>>| free.is_some_and(|since| since + QUARANTINE < self.now);
        if !self.free.iter().any(free) {
            return;
        }
        let old = self.truth.humans[human].clone();
        if let Some(number) = old.number {
            self.free[number] = Some(self.now);
        }
        self.settles(human);
        self.announces(human, &old, true);
    }

    pub(super) fn changes_id(&mut self, human: usize) {
        let old = self.truth.humans[human].clone();
        self.made += 1;
        let id = format!("FR.{}x{}", self.number, self.made);
        if self.external == External::MetasId {
            self.truth.humans[human].external = Some(id.clone());
        }
        self.truth.humans[human].id = id;
        self.announces(human, &old, false);
    }

    /// Meta announces what has changed: at once, late, or never.
    fn announces(&mut self, human: usize, old: &Human, moves: bool) {
        let after = match self.chance.random_range(0..10) {
            0..5 => TimeDelta::zero(),
            5..9 => TimeDelta::minutes(self.chance.random_range(1..100_000)),
            _ => {
                self.truth.humans[human].untraceable = true;
                return;
            }
        };
        let new = self.truth.humans[human].clone();
        let tells = |person: &Human| person.number.filter(|_| !old.hidden);
        let (from, to) = (tells(old), tells(&new));
        let shown = |person: &Human, number| Shown {
            human,
            provider: Provider::Meta,
            id: Some(person.id.clone()),
            number,
            period: person.period,
            at: self.now,
        };
        let (before, after_it) = (shown(old, from), shown(&new, to));
        let change = Change {
            previous_bsuid: Some(old.id.clone()),
            previous_phone: from.map(|number| self.spelled(number)),
            bsuid: Some(new.id.clone()),
            phone: to.map(|number| self.spelled(number)),
        };
        self.story.push(format!("{}: {human} changes, moves: {moves}, announced after {after}", self.now));
        self.truth.humans[human].unannounced += 1;
        let what = What::Change { before, after: after_it, change };
        self.under_way.push(Delivery { due: self.now + after, what });
    }

    pub(super) fn gives_up(&mut self, human: usize) {
        let person = &mut self.truth.humans[human];
        if let Some(number) = person.number.take() {
            // Whoever comes back, comes back as somebody whom nothing connects with before.
            person.untraceable = true;
            person.gave_up = true;
            self.free[number] = Some(self.now);
            self.story.push(format!("{}: {human} gives up number {number}", self.now));
        }
    }

    /// Opens an account of the web app, once, and links the number with a code that came to it.
    pub(super) async fn links(&mut self, human: usize) -> Result<()> {
        let (Some(number), None) = (self.truth.humans[human].number, &self.truth.humans[human].web) else {
            return Ok(());
        };
        let id = shared::db::new_id();
        let phone = self.phone(number).canonical();
        let mut tx = self.pool.begin().await?;
        sqlx::query(r#"update "User" set "waPhoneE164" = null where "waPhoneE164" = $1"#)
            .bind(phone.as_str())
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            r#"insert into "User" ("id", "email", "credits", "waPhoneE164", "waLinkedAt", "createdAt", "updatedAt")
               values ($1, $1 || '@example.com', 0, $2, $3, $3, $3)"#,
        )
        .bind(&id)
        .bind(phone.as_str())
        .bind(self.now.naive_utc())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let account = UserId::from_stored(id);
        self.story.push(format!("{}: {human} links number {number} to {}", self.now, account.as_str()));
        self.truth.owns(human, &account);
        // What the number alone shows from now on is about whoever has linked it; only an id joins it to before.
        self.truth.humans[human].period += 1;
        self.truth.humans[human].web = Some(account.clone());
        self.truth.humans[human].link = Some((account, number));
        Ok(())
    }

    /// Buys some, by a message, and spends one.
    pub(super) async fn buys_and_spends(&mut self, human: usize) -> Result<()> {
        let what = self.message(human);
        let account = applied(self.pool, &what, self.now).await?;
        self.delivers(what, 1).await?;
        self.made += 1;
        let key = format!("people:{}:{}", self.number, self.made);
        let mut tx = self.pool.begin().await?;
        let bought: i32 = self.chance.random_range(1..5);
        let _ = ledger::post(&mut tx, &account, Entry::Adjustment(&key, bought), self.now).await?;
        let message = MessageId::new(Provider::Meta, "people", &key);
        let spent = ledger::post(&mut tx, &account, Entry::Generation(&message), self.now).await?;
        tx.commit().await?;
        ensure!(matches!(spent, Posted::Applied(_)), "who has just bought cannot spend");
        self.truth.humans[human].credits += i64::from(bought) - 1;
        Ok(())
    }
}
