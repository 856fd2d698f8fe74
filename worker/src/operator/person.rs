//! `postly person`: who somebody is in the books, and two accounts that were joined by mistake.

use std::fmt;

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::audit::Author;
use shared::export;
use shared::ledger::{self, Credits};
use shared::person::{self, Alias, Apart, Former, Unmerged, UserId};
use shared::phone::E164;

use super::{Desk, table};

/// What is known of a person.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// The account.
    pub account: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// Its e-mail address, masked unless revealed.
    pub email: Option<String>,
    /// The number by which the web app lets its person in, masked unless revealed.
    pub phone: Option<String>,
    /// When that was proved by a code.
    pub linked_at: Option<DateTime<Utc>>,
    /// Whether they want no messages.
    pub stopped: bool,
    /// Credits to spend.
    pub balance: u32,
    /// Posts in the history.
    pub generations: i64,
    /// Numbers, masked unless revealed, and digests of ids.
    pub names: Vec<Known>,
    /// The accounts that have joined this one.
    pub joined: Vec<Former>,
}

/// A name.
#[derive(Debug, Clone, Serialize)]
pub struct Known {
    /// `number` or `id`.
    pub kind: &'static str,
    /// It, masked unless revealed.
    pub name: String,
    /// Since when it is theirs.
    pub since: DateTime<Utc>,
    /// When it was last shown, or proved.
    pub seen_at: DateTime<Utc>,
    /// Whether its person has another one now.
    pub retired: bool,
}

/// Looks at a person.
pub async fn show(desk: &Desk, user: &UserId, reveal: bool) -> anyhow::Result<Shown> {
    let mut db = desk.pool.acquire().await?;
    let (portrait, names, former) =
        person::portrait(&mut db, &desk.vault, user).await?.context("the account is not in the books")?;
    let number = |number: &str| match number.parse::<E164>() {
        Ok(phone) if !reveal => phone.masked(),
        _ => number.to_owned(),
    };
    Ok(Shown {
        account: user.as_str().to_owned(),
        opened_at: portrait.opened_at,
        email: portrait.email.map(|email| if reveal { email } else { masked(&email) }),
        phone: portrait.phone.as_deref().map(number),
        linked_at: portrait.linked_at,
        stopped: portrait.stopped,
        balance: ledger::balance(&mut db, user).await?.get(),
        generations: portrait.generations,
        names: names.into_iter().map(|name| known(name, reveal, number)).collect(),
        joined: former,
    })
}

fn known(name: Alias, reveal: bool, number: impl Fn(&str) -> String) -> Known {
    let shown = match (name.is_number, reveal) {
        (true, _) => number(&name.value),
        (false, true) => name.value,
        (false, false) => format!("#{}", &hex::encode(Sha256::digest(name.value.as_bytes()))[..12]),
    };
    Known {
        kind: if name.is_number { "number" } else { "id" },
        name: shown,
        since: name.since,
        seen_at: name.seen_at,
        retired: name.retired_at.is_some(),
    }
}

/// An e-mail address without what names its person.
fn masked(email: &str) -> String {
    let (name, place) = email.split_once('@').unwrap_or((email, ""));
    format!("{}…@{place}", name.chars().take(1).collect::<String>())
}

impl fmt::Display for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        writeln!(out, "account   {}, opened {}", self.account, time(self.opened_at))?;
        writeln!(out, "e-mail    {}", or_none(&self.email))?;
        let linked = self.linked_at.map(|at| format!(", linked {}", time(at))).unwrap_or_default();
        writeln!(out, "phone     {}{linked}", or_none(&self.phone))?;
        writeln!(out, "messages  {}", if self.stopped { "none wanted" } else { "wanted" })?;
        write!(out, "has       {} credit(s), {} post(s)", self.balance, self.generations)?;
        if !self.names.is_empty() {
            let row = |name: &Known| {
                let state = if name.retired { "changed since" } else { "" };
                [
                    name.kind.to_owned(),
                    name.name.clone(),
                    time(name.since),
                    time(name.seen_at),
                    state.to_owned(),
                ]
            };
            let rows: Vec<[String; 5]> = self.names.iter().map(row).collect();
            write!(out, "\n\n{}", table::render(["NAME", "", "SINCE", "SEEN", ""], &rows))?;
        }
        if !self.joined.is_empty() {
            let count = |number: Option<i32>| number.map(|number| number.to_string()).unwrap_or_default();
            let row = |join: &Former| {
                [
                    join.account.clone(),
                    join.into.clone(),
                    time(join.at),
                    join.shown_by.clone().unwrap_or_else(|| "not kept".to_owned()),
                    count(join.credits),
                    count(join.generations),
                ]
            };
            let rows: Vec<[String; 6]> = self.joined.iter().map(row).collect();
            let header = ["JOINED", "INTO", "WHEN", "BY", "CREDITS", "POSTS"];
            write!(out, "\n\n{}", table::render(header, &rows))?;
        }
        Ok(())
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Everything that is kept of a person, as it may be handed to them.
pub async fn export(desk: &Desk, user: &UserId, now: DateTime<Utc>) -> anyhow::Result<Value> {
    let mut tx = desk.pool.begin().await?;
    export::begin(&mut tx).await?;
    let all = export::everything(&mut tx, &desk.vault, user, now).await?;
    tx.rollback().await?;
    Ok(all)
}

/// What a separation gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Separated {
    /// This.
    Gave(Apart),
    /// They had been separated before.
    Before,
}

/// Separates an account from the one that it has joined. Without `really`, everything is done and taken back, to say what
/// would be.
pub async fn unmerge(
    desk: &Desk,
    account: &str,
    author: &Author,
    really: bool,
    now: DateTime<Utc>,
) -> anyhow::Result<Separated> {
    let account = UserId::from_stored(account.trim().to_owned());
    let mut tx = desk.pool.begin().await?;
    ensure!(
        person::known(&mut tx, &account).await?.is_some(),
        "no account has this id: give the one that `postly person show` lists as joined"
    );
    let separated =
        match person::unmerge(&mut tx, &desk.vault, &account, (author.actor(), author.why()), now).await? {
            Unmerged::Apart(apart) => Separated::Gave(apart),
            Unmerged::Before => Separated::Before,
            Unmerged::Never => bail!("this account has never joined another"),
            Unmerged::NotKept => bail!("what moved when this account joined another was not kept"),
            Unmerged::Further(into) => {
                bail!(
                    "the account that it joined, {}, has joined another since: separate that one first",
                    into.as_str()
                )
            }
        };
    if really {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok(separated)
}

impl fmt::Display for Separated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Gave(apart) = self else { return write!(out, "separated before: nothing to do") };
        let credits = |credits: Credits| credits.get();
        let (back, moved) = apart.credits;
        write!(
            out,
            "from {}: {} of {} credit(s), {} of {} post(s), {} name(s)",
            apart.from.as_str(),
            credits(back),
            credits(moved),
            apart.generations.0,
            apart.generations.1,
            apart.names
        )
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn an_address_is_masked_whatever_it_looks_like() {
        assert_eq!(masked("camille@example.com"), "c…@example.com");
        assert_eq!(masked("émile@example.com"), "é…@example.com");
        assert_eq!(masked(""), "…@");
    }
}
