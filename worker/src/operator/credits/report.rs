//! `postly credits reconcile`: whether all balances add up, and what is to be done where one does not.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use shared::ledger::{self, Blame, Reconciliation};
use shared::payment;

use crate::operator::{Desk, table};
use crate::reconcile;

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
