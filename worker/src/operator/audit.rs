//! `postly audit`: who did what by hand, and why.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use shared::audit::{self, Line};

use super::{Desk, table};

/// Lines that are shown at once.
const AT_MOST: i64 = 1000;

/// Some of it, the newest line first.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Audit(Vec<Line>);

/// Reads what operators have done since then; with `all`, also what people asked for and the system decided.
pub async fn since(desk: &Desk, since: DateTime<Utc>, all: bool) -> anyhow::Result<Audit> {
    Ok(Audit(audit::lines(&desk.pool, since, all, AT_MOST).await?))
}

impl fmt::Display for Audit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 6]> = self
            .0
            .iter()
            .map(|line| {
                [
                    line.at.to_rfc3339_opts(SecondsFormat::Secs, true),
                    line.actor.clone(),
                    line.action.clone(),
                    line.subject.clone(),
                    outcome(line).to_owned(),
                    line.note.clone(),
                ]
            })
            .collect();
        write!(out, "{}", table::render(["WHEN", "WHO", "WHAT", "TO", "CAME OF IT", "WHY"], &rows))
    }
}

/// What came of it, in words. The line of an account's deed is in the transaction of the deed.
pub(crate) fn outcome(line: &Line) -> &str {
    match (&line.outcome, line.about.as_str()) {
        (Some(outcome), _) => outcome,
        (None, "account") => "done",
        (None, _) => "not known",
    }
}
