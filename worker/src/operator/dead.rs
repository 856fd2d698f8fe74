//! `postly queue dead`: the dead letters, as they are chosen and shown. What is done with them is in `deed`.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;
use shared::job::{Job, Work};
use shared::message::Provider;
use shared::queue::{DeadId, DeadLetter};

use super::{Desk, table};

/// Dead letters that are read at once.
const PAGE: usize = 500;

/// Which ones are meant. Everything that is given must fit.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Words in the reason, whatever their case.
    pub reason: Option<String>,
    /// Died within this time.
    pub since: Option<TimeDelta>,
    /// Died longer ago than this.
    pub before: Option<TimeDelta>,
    /// The sender, as the list shows it.
    pub sender: Option<String>,
}

impl Filter {
    /// Whether nothing was asked for, which means all of them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reason.is_none() && self.since.is_none() && self.before.is_none() && self.sender.is_none()
    }

    fn fits(&self, letter: &DeadLetter, now: DateTime<Utc>) -> bool {
        let age = now - letter.id.at();
        let lowered = letter.reason.to_lowercase();
        self.reason.as_ref().is_none_or(|reason| lowered.contains(&reason.to_lowercase()))
            && self.since.is_none_or(|since| age <= since)
            && self.before.is_none_or(|before| age > before)
            && self.sender.as_ref().is_none_or(|sender| {
                let hash = letter.lane.as_ref().map(shared::message::Lane::fingerprint);
                hash.as_deref() == Some(sender.trim_start_matches('#'))
            })
    }
}

/// A dead letter as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its name, for `show`, `replay` and `discard`.
    pub id: String,
    /// When it died.
    pub died_at: DateTime<Utc>,
    /// How often it was started.
    pub attempts: u32,
    /// A digest of its conversation.
    pub sender: Option<String>,
    /// A digest of the message, which `explain` takes.
    pub message: Option<String>,
    /// What it is: the kind of a person's message, `status`, `notice`, `answer`, or `unreadable`.
    pub kind: String,
    /// Whose message it is, where that is known.
    pub provider: Option<&'static str>,
    /// When ingest received it.
    pub received_at: Option<DateTime<Utc>>,
    /// Why it died.
    pub reason: String,
    /// The message's full id, only when revealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// What the person wrote and where the answer would go, or the bytes: only when revealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

impl Entry {
    /// The entry of one, without what it says of a person.
    #[must_use]
    pub fn hidden(letter: &DeadLetter) -> Self {
        Self::of(letter, false)
    }

    fn of(letter: &DeadLetter, reveal: bool) -> Self {
        let job: Option<Job> = serde_json::from_slice(&letter.job).ok();
        let kind = job.as_ref().map_or("unreadable", |job| match &job.work {
            Work::Message(inbound) => inbound.content.kind(),
            Work::Status(_) => "status",
            Work::Notice(_) => "notice",
            Work::Answer(_) => "answer",
            Work::Payment(_) => "payment",
            Work::Code(_) => "code",
            Work::Checkout(_) => "checkout",
            Work::Shelf => "shelf",
        });
        Self {
            id: letter.id.as_str().to_owned(),
            died_at: letter.id.at(),
            attempts: letter.attempts,
            sender: letter.lane.as_ref().map(|lane| format!("#{}", lane.fingerprint())),
            message: job.as_ref().map(|job| format!("#{}", job.id.fingerprint())),
            kind: kind.to_owned(),
            provider: job.as_ref().and_then(provider),
            received_at: job.as_ref().map(|job| job.received_at),
            reason: letter.reason.clone(),
            message_id: job.as_ref().filter(|_| reveal).map(|job| job.id.as_str().to_owned()),
            content: reveal.then(|| content(job.as_ref(), &letter.job)),
        }
    }
}

/// Who carries it: the first part of a message's key.
fn provider(job: &Job) -> Option<&'static str> {
    let name = job.id.as_str().split(':').next()?;
    name.parse::<Provider>().ok().map(Provider::as_str)
}

fn content(job: Option<&Job>, bytes: &[u8]) -> String {
    match job.map(|job| &job.work) {
        Some(Work::Message(inbound)) => {
            let text = inbound.content.words().unwrap_or_else(|| inbound.content.kind());
            format!("from {}: {text}", inbound.sender.address.as_str())
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Those that are meant, oldest first, at most so many.
pub async fn find(
    desk: &Desk,
    filter: &Filter,
    at_most: usize,
    now: DateTime<Utc>,
) -> anyhow::Result<Vec<DeadLetter>> {
    let (mut found, mut after) = (Vec::new(), None::<DeadId>);
    loop {
        let page = desk.queue.dead_letters(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.id.clone());
        for letter in page {
            if filter.fits(&letter, now) {
                found.push(letter);
            }
            if found.len() == at_most {
                return Ok(found);
            }
        }
    }
}

/// The entries of these.
#[must_use]
pub fn entries(letters: &[DeadLetter], reveal: bool) -> Vec<Entry> {
    letters.iter().map(|letter| Entry::of(letter, reveal)).collect()
}

/// The table that a person reads.
#[must_use]
pub fn list(entries: &[Entry]) -> String {
    let dash = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
    let rows: Vec<[String; 7]> = entries
        .iter()
        .map(|entry| {
            [
                entry.id.clone(),
                entry.died_at.to_rfc3339_opts(SecondsFormat::Secs, true),
                entry.attempts.to_string(),
                entry.kind.clone(),
                dash(&entry.sender),
                dash(&entry.message),
                entry.reason.clone(),
            ]
        })
        .collect();
    table::render(["ID", "DIED", "STARTS", "KIND", "SENDER", "MESSAGE", "REASON"], &rows)
}

impl fmt::Display for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dash = |cell: Option<&str>| cell.unwrap_or("-").to_owned();
        writeln!(out, "id        {}", self.id)?;
        writeln!(out, "died      {}", self.died_at.to_rfc3339_opts(SecondsFormat::Millis, true))?;
        writeln!(out, "reason    {}", self.reason)?;
        writeln!(out, "starts    {}", self.attempts)?;
        writeln!(out, "kind      {}", self.kind)?;
        writeln!(out, "sender    {}", dash(self.sender.as_deref()))?;
        writeln!(out, "message   {}", dash(self.message_id.as_deref().or(self.message.as_deref())))?;
        let received = self.received_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
        write!(out, "received  {}", dash(received.as_deref()))?;
        match &self.content {
            Some(content) => write!(out, "\n\n{content}"),
            None => Ok(()),
        }
    }
}
