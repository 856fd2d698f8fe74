//! `postly credits`: what an account has, why, and what to do about it.

use std::fmt;

use anyhow::bail;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use shared::audit::{self, Act};
use shared::ledger::{self, Blame, Credits, Entry, Posted, Reconciliation};
use shared::message::MessageId;
use shared::payment;
use shared::person::{self, UserId};
use shared::price::dollars;
use shared::step::spend;

use super::{Desk, table};
use crate::reconcile;

/// The account that an operator means: by its id, a number, an e-mail address, or the digest of a conversation as lists
/// and `explain` show it. One that has joined another is that one.
pub async fn find(desk: &Desk, name: &str) -> anyhow::Result<UserId> {
    let mut db = desk.pool.acquire().await?;
    let mut found = person::find(&mut db, name.trim()).await?;
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
    let phone = person::phone(&mut *db, user).await?;
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

/// Why an account's balance is what it is.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The account.
    pub account: String,
    /// What `"User"."credits"` says.
    pub balance: i64,
    /// What the lines below add up to, with what the web app opened the account with.
    pub sum: i64,
    /// Line by line, the oldest first.
    pub lines: Vec<Line>,
}

/// One line, and what the balance was after it.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// When; nothing for the opening.
    pub at: Option<DateTime<Utc>>,
    /// What it moved.
    pub delta: i64,
    /// The sum so far.
    pub sum: i64,
    /// The word in the ledger.
    pub reason: String,
    /// Down to the message or the payment.
    pub cause: String,
}

/// Explains a balance.
pub async fn explain(desk: &Desk, user: &UserId) -> anyhow::Result<Explanation> {
    let mut db = desk.pool.acquire().await?;
    let balance = i64::from(ledger::balance(&mut db, user).await?.get());
    let entries = ledger::statement(&mut *db, user).await?;
    let total: i64 = entries.iter().map(|entry| i64::from(entry.delta)).sum();
    let (mut sum, mut lines) = (0, Vec::new());
    if let Some(opening) = ledger::opening(&mut *db, user, balance - total).await? {
        sum = opening;
        lines.push(Line {
            at: None,
            delta: opening,
            sum,
            reason: "-".to_owned(),
            cause: "opened by the web app with the default of its column".to_owned(),
        });
    }
    for entry in entries {
        sum += i64::from(entry.delta);
        lines.push(Line {
            at: Some(entry.at),
            delta: i64::from(entry.delta),
            sum,
            cause: cause(&entry),
            reason: entry.reason,
        });
    }
    Ok(Explanation { account: user.as_str().to_owned(), balance, sum, lines })
}

fn digest(message: &MessageId) -> String {
    format!("#{}", message.fingerprint())
}

/// What caused a line, down to its message or payment.
fn cause(line: &ledger::Line) -> String {
    let Some(key) = &line.key else { return "the web app's own".to_owned() };
    if let Some((message, outcome)) = &line.message {
        return format!("message {}, {outcome}", digest(message));
    }
    let (kind, what) = key.split_once(':').unwrap_or((key, ""));
    let note = line.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    let pack = line.pack.as_ref().map(|pack| format!("{pack}, ")).unwrap_or_default();
    match kind {
        "purchase" => format!("payment {pack}{what}"),
        "debt" => format!("owed for money that went back, settled by payment {what}"),
        "stripe_refund" => format!("money went back: {what}"),
        "stripe_reinstated" => format!("money came again: {what}"),
        "merged_out" | "merged_in" => format!("joined with account {what}"),
        "signup_bonus" => "welcome".to_owned(),
        _ => format!("{key}{note}"),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 5]> = self
            .lines
            .iter()
            .map(|line| {
                let at = line.at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
                let delta = format!("{:+}", line.delta);
                [at.unwrap_or_default(), delta, line.sum.to_string(), line.reason.clone(), line.cause.clone()]
            })
            .collect();
        writeln!(out, "account  {}\n", self.account)?;
        writeln!(out, "{}\n", table::render(["WHEN", "MOVES", "SUM", "REASON", "CAUSE"], &rows))?;
        match self.balance - self.sum {
            0 => write!(out, "balance  {}", self.balance),
            off => write!(
                out,
                "balance  {}, and the lines add up to {}: {off:+} that no line explains (postly credits reconcile)",
                self.balance, self.sum
            ),
        }
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
    (actor, key, note): (&str, &str, &str),
    now: DateTime<Utc>,
) -> anyhow::Result<Adjusted> {
    let mut tx = desk.pool.begin().await?;
    let (account, _) = ledger::lock(&mut tx, user).await?;
    let adjusted = match ledger::post(&mut tx, &account, Entry::Adjustment(key, delta), now).await? {
        Posted::Applied(balance) => Adjusted::To(balance),
        Posted::AlreadyApplied(balance) => Adjusted::Before(balance),
        Posted::Insufficient => Adjusted::TooMuch,
    };
    if matches!(adjusted, Adjusted::To(_)) {
        let key = &format!("adjustment:{key}");
        audit::record(&mut *tx, Act { actor, action: "credits.adjust", subject: &account, key, note }, now)
            .await?;
    }
    tx.commit().await?;
    Ok(adjusted)
}

/// What adds up, what does not, and who paid for nothing yet.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Accounts looked at.
    pub accounts: i64,
    /// Lines looked at.
    pub lines: i64,
    /// Accounts that the web app opened with credits and no line, which is its way.
    pub openings: i64,
    /// How many credits that is each.
    pub opening: i64,
    /// What `postly_ledger_imbalance` shows.
    pub imbalance: i64,
    /// Each account that is off.
    pub differences: Vec<Off>,
    /// Payments that nobody could claim: checkout, pack, problem.
    pub unclaimed: Vec<(String, String, String)>,
}

/// An account that is off, and what can be said about it.
#[derive(Debug, Clone, Serialize)]
pub struct Off {
    /// The account.
    pub account: String,
    /// What its balance is.
    pub balance: i64,
    /// What its lines add up to.
    pub sum: i64,
    /// Why.
    pub why: String,
}

/// Looks at everything.
pub async fn check(desk: &Desk, now: DateTime<Utc>) -> anyhow::Result<Report> {
    let found = reconcile::look(&desk.pool).await?;
    ledger::record(&desk.pool, &found, now).await?;
    let unclaimed = payment::unclaimed(&desk.pool).await?;
    let imbalance = found.imbalance();
    let Reconciliation { accounts, lines, openings, opening, differences } = found;
    let differences = differences
        .into_iter()
        .map(|difference| Off {
            why: why(&difference.blame),
            account: difference.user.as_str().to_owned(),
            balance: difference.balance,
            sum: difference.entries,
        })
        .collect();
    Ok(Report { accounts, lines, openings, opening, imbalance, differences, unclaimed })
}

fn why(blame: &Blame) -> String {
    let at = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    match blame {
        Blame::OurLines(lines) => {
            format!("{lines} line(s) of ours are not as their keys say: changed by hand")
        }
        Blame::Stranger(None, None) => {
            "moved without its line by somebody else; none of our lines is there to tell when".to_owned()
        }
        Blame::Stranger(Some(before), None) => {
            format!("moved without its line by somebody else, after {}", at(before))
        }
        Blame::Stranger(None, Some(after)) => {
            format!("moved without its line by somebody else, before {}", at(after))
        }
        Blame::Stranger(Some(before), Some(after)) => {
            format!("moved without its line by somebody else, between {} and {}", at(before), at(after))
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "accounts   {}", self.accounts)?;
        writeln!(out, "lines      {}", self.lines)?;
        if self.openings > 0 {
            writeln!(
                out,
                "explained  {} account(s) that the web app opened with {} credit(s) and no line",
                self.openings, self.opening
            )?;
        }
        write!(out, "imbalance  {}", self.imbalance)?;
        if !self.differences.is_empty() {
            let rows: Vec<[String; 5]> = self
                .differences
                .iter()
                .map(|off| {
                    let drift = format!("{:+}", off.balance - off.sum);
                    [
                        off.account.clone(),
                        off.balance.to_string(),
                        off.sum.to_string(),
                        drift,
                        off.why.clone(),
                    ]
                })
                .collect();
            write!(out, "\n\n{}", table::render(["ACCOUNT", "BALANCE", "LINES", "OFF", "WHY"], &rows))?;
        }
        if !self.unclaimed.is_empty() {
            let rows: Vec<[String; 3]> = self
                .unclaimed
                .iter()
                .map(|(session, pack, why)| [session.clone(), pack.clone(), why.clone()])
                .collect();
            write!(out, "\n\npaid for nothing yet\n{}", table::render(["CHECKOUT", "PACK", "WHY"], &rows))?;
        }
        Ok(())
    }
}
