//! `postly credits explain`: a balance, line by line, down to the messages and payments behind it.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use shared::ledger;
use shared::message::MessageId;
use shared::person::UserId;

use crate::operator::{Desk, table};

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

pub(super) fn digest(message: &MessageId) -> String {
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
        "merged_out" | "merged_in" => format!("joined with account {}", account(what)),
        "unmerged_out" | "unmerged_in" => format!("separated from account {}", account(what)),
        "second_bonus" => "a second welcome, from an account of the same person".to_owned(),
        "second_bonus_back" => "the welcome of somebody else after all".to_owned(),
        "signup_bonus" => "welcome".to_owned(),
        _ => format!("{key}{note}"),
    }
}

/// The account of a join: without how many it had before.
fn account(which: &str) -> &str {
    which.split(':').next().unwrap_or(which)
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
