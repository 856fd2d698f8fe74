//! `postly credits`: what an account has, why, and what to do about it.

mod explanation;
mod report;

use std::fmt;

use anyhow::bail;
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::audit::{self, Act, Author};
use shared::ledger::{self, Credits, Entry, Posted};
use shared::message::conceal;
use shared::payment;
use shared::person::{self, UserId};
use shared::price::dollars;
use shared::step::spend;

use super::Desk;

use explanation::digest;

pub use explanation::{Explanation, Line, explain};
pub use report::{Off, Report, check};

/// The account that an operator means: by its id, a number, an e-mail address, or the digest of a conversation as lists
/// and `explain` show it. One that has joined another is that one.
pub async fn find(desk: &Desk, name: &str) -> anyhow::Result<UserId> {
    let mut db = desk.pool.acquire().await?;
    let mut found = person::find(&mut db, &desk.vault, name.trim()).await?;
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(ledger::survivor(&mut db, &only).await?),
        (None, _) => bail!(
            "nobody is known by this name: give an account's id, a number with its +, an e-mail address, or the digest of a conversation"
        ),
        (_, more) => bail!("{} accounts are known by this name: give an id", more + 1),
    }
}

/// What an account has.
#[derive(Debug, Clone, Serialize)]
pub struct Account {
    /// Its id.
    pub account: String,
    /// Its number, masked unless revealed.
    pub phone: Option<String>,
    /// Credits to spend.
    pub balance: i64,
    /// Credits that are owed for money that went back.
    pub debt: i64,
    /// Digests of the messages that hold a credit at this moment.
    pub held: Vec<String>,
    /// What the model has cost for it today, in millionths of a dollar.
    pub spent_today_micros: i64,
}

/// Looks at an account.
pub async fn show(desk: &Desk, user: &UserId, now: DateTime<Utc>, reveal: bool) -> anyhow::Result<Account> {
    let mut db = desk.pool.acquire().await?;
    let held = ledger::held(&mut *db, user).await?;
    let phone = person::phone(&mut db, &desk.vault, user).await?;
    Ok(Account {
        account: user.as_str().to_owned(),
        phone: phone.map(|phone| if reveal { phone.as_str().to_owned() } else { phone.masked() }),
        balance: i64::from(ledger::balance(&mut db, user).await?.get()),
        debt: payment::debt(&mut *db, user).await?,
        held: held.iter().map(digest).collect(),
        spent_today_micros: spend::by_person(&mut *db, user, now).await?,
    })
}

impl fmt::Display for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "account      {}", self.account)?;
        writeln!(out, "phone        {}", self.phone.as_deref().unwrap_or("-"))?;
        writeln!(out, "balance      {}", self.balance)?;
        writeln!(out, "debt         {}", self.debt)?;
        let held = if self.held.is_empty() { "-".to_owned() } else { self.held.join(" ") };
        writeln!(out, "held for     {held}")?;
        write!(out, "model today  {}", dollars(self.spent_today_micros))
    }
}

/// What became of a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjusted {
    /// The balance is this now.
    To(Credits),
    /// It had been made before under this key; the balance is this.
    Before(Credits),
    /// It would have made the balance negative. Nothing was written.
    TooMuch,
}

/// Corrects a balance by so much, once for each key, and writes down who did it and why.
pub async fn adjust(
    desk: &Desk,
    user: &UserId,
    delta: i32,
    (author, key): (&Author, &str),
    now: DateTime<Utc>,
) -> anyhow::Result<Adjusted> {
    // Whoever mends what a message has cost may name it by its id.
    let key = &*conceal(key);
    let mut tx = desk.pool.begin().await?;
    let (account, _) = ledger::lock(&mut tx, user).await?;
    let adjusted = match ledger::post(&mut tx, &account, Entry::Adjustment(key, delta), now).await? {
        Posted::Applied(balance) => Adjusted::To(balance),
        Posted::AlreadyApplied(balance) => Adjusted::Before(balance),
        Posted::Insufficient => Adjusted::TooMuch,
    };
    if matches!(adjusted, Adjusted::To(_)) {
        let (actor, note) = (author.actor(), author.why());
        let key = &format!("adjustment:{key}");
        audit::record(&mut *tx, Act { actor, action: "credits.adjust", subject: &account, key, note }, now)
            .await?;
    }
    tx.commit().await?;
    Ok(adjusted)
}
