//! `postly explain`: the whole story of one message, from the signature to the phone, and where it stands now.

use std::fmt;

use anyhow::bail;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use shared::job::{Job, Work};
use shared::message::{Lane, MessageId};
use shared::price::dollars;
use shared::queue::{Head, Place};
use shared::step::spend;
use shared::story::{self, Receipt, What};
use sqlx::PgPool;

use super::{Desk, dead, table};

/// Everything that is known of a message.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// Its digest; the full id when revealed.
    pub message: String,
    /// A digest of its conversation, once a worker has met it.
    pub sender: Option<String>,
    /// What was written, as a kind.
    pub kind: Option<String>,
    /// Where it stands now.
    pub now: String,
    /// What the model has cost for it, if it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What happened, in order.
    pub events: Vec<Line>,
    /// What was written and what was answered: only when revealed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
}

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub what: String,
    /// Figures and reasons.
    pub detail: String,
}

/// Explains the message of this name: our key, the provider's id, or a digest as lists and logs show it.
pub async fn explain(desk: &Desk, name: &str, reveal: bool) -> anyhow::Result<Explanation> {
    let name = name.trim();
    let mut receipts = story::find(&desk.pool, name).await?;
    if receipts.len() > 1 {
        bail!("{} messages have this name: give the full id", receipts.len());
    }
    match receipts.pop() {
        Some(receipt) => begun(desk, receipt, reveal).await,
        None => not_begun(desk, &MessageId::from_stored(name.to_owned()), reveal).await,
    }
}

/// A message that a worker has met.
async fn begun(desk: &Desk, receipt: Receipt, reveal: bool) -> anyhow::Result<Explanation> {
    let id = MessageId::from_stored(receipt.message_id.clone());
    let lane = Lane::from_stored(receipt.lane.clone());
    let place = desk.queue.place(&id, &lane).await?;
    let now = match &place {
        Some(place) => whereabouts(place),
        None => at_its_end(desk, &receipt, &id).await?,
    };
    let mut texts = Vec::new();
    if reveal {
        texts.extend(place.iter().filter_map(|place| written(&place.job)));
        let mut db = desk.pool.acquire().await?;
        texts.extend(story::words(&mut db, &desk.vault, &id).await?);
    }
    Ok(Explanation {
        message: shown(&id, reveal),
        sender: (!receipt.lane.is_empty()).then(|| format!("#{}", lane.fingerprint())),
        kind: Some(receipt.kind),
        now,
        model: spend::of_message(&desk.pool, &id)
            .await?
            .map(|(tokens, cost)| format!("{tokens} tokens, {}", dollars(cost))),
        events: events(&desk.pool, &id).await?,
        texts,
    })
}

/// A message that no worker has met: it waits in the spill or in a lane, or we never had it.
async fn not_begun(desk: &Desk, id: &MessageId, reveal: bool) -> anyhow::Result<Explanation> {
    let spilled: Option<(DateTime<Utc>, String)> =
        sqlx::query_as("select spilled_at, job from wa.spill where message_id = $1")
            .bind(id.as_str())
            .fetch_optional(&desk.pool)
            .await?;
    let (now, at, job) = if let Some((at, job)) = spilled {
        ("spilled: it waits in Postgres until Redis takes it".to_owned(), at, serde_json::from_str(&job).ok())
    } else if !desk.queue.knows(id).await? {
        bail!(
            "no such message: it was never acknowledged, or it is long forgotten (a waiting one is found by its full id)"
        );
    } else if let Some(place) = desk.queue.search(id).await? {
        (whereabouts(&place), place.job.received_at, Some(place.job))
    } else {
        bail!("this id was taken, and no worker has met its message: look among the dead letters");
    };
    let job: Option<Job> = job;
    let events = vec![Line { at, what: "verified and kept".to_owned(), detail: String::new() }];
    Ok(Explanation {
        message: shown(id, reveal),
        sender: job.as_ref().map(|job| format!("#{}", job.lane.fingerprint())),
        kind: None,
        now,
        model: None,
        events,
        texts: job.iter().filter(|_| reveal).filter_map(written).collect(),
    })
}

fn shown(id: &MessageId, reveal: bool) -> String {
    if reveal { id.as_str().to_owned() } else { format!("#{}", id.fingerprint()) }
}

fn written(job: &Job) -> Option<String> {
    match &job.work {
        Work::Message(inbound) => inbound.content.words().map(str::to_owned),
        Work::Status(_)
        | Work::Notice(_)
        | Work::Answer(_)
        | Work::Payment(_)
        | Work::Code(_)
        | Work::Checkout(_)
        | Work::Shelf => None,
    }
}

fn whereabouts(place: &Place) -> String {
    let head = match &place.head {
        Head::Leased { worker, remaining } if remaining.is_zero() => {
            format!("worker {worker} has fallen silent over it; another will take it")
        }
        Head::Leased { worker, remaining } => {
            format!("worker {worker} has it, with a lease of {:.1} s more", remaining.as_secs_f64())
        }
        Head::Ready => "it could run now, and waits for a free worker".to_owned(),
        Head::Delayed(wait) => format!("it is tried again in {:.1} s", wait.as_secs_f64()),
    };
    match place.ahead {
        0 => format!("in the queue: {head}"),
        ahead => format!("in the queue, behind {ahead} of its conversation; of the first: {head}"),
    }
}

/// Where a message is that is in no lane.
async fn at_its_end(desk: &Desk, receipt: &Receipt, id: &MessageId) -> anyhow::Result<String> {
    let detail = receipt.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    let replays = match receipt.replays {
        0 => String::new(),
        replays => format!(", after {replays} replay(s)"),
    };
    let outcome = receipt.outcome.as_deref();
    if matches!(outcome, None | Some("failed")) {
        let letters = dead::find(desk, &dead::Filter::default(), usize::MAX, DateTime::UNIX_EPOCH).await?;
        let is_it = |job: &[u8]| serde_json::from_slice::<Job>(job).is_ok_and(|job| job.id == *id);
        if let Some(letter) = letters.iter().find(|letter| is_it(&letter.job)) {
            let id = letter.id.as_str();
            return Ok(format!("a dead letter, {id}: {}{replays}", letter.reason));
        }
    }
    Ok(match outcome {
        Some(outcome) => format!("ended: {outcome}{detail}{replays}"),
        None => "begun, and in no lane: its worker may be just ending it; otherwise it is lost, and the sweep will refund it"
            .to_owned(),
    })
}

async fn events(pool: &PgPool, id: &MessageId) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for event in story::of(pool, id).await? {
        // The starts are told one by one below.
        if event.what == What::Started {
            continue;
        }
        let took = event.took_ms.map(|ms| format!("{ms} ms")).unwrap_or_default();
        let detail: Vec<String> =
            event.detail.into_iter().chain([took]).filter(|text| !text.is_empty()).collect();
        lines.push(Line { at: event.at, what: event.what.to_string(), detail: detail.join(", ") });
    }
    for start in story::attempts(pool, id).await? {
        let number = start.number;
        let mut line =
            |at: DateTime<Utc>, what: String, detail: String| lines.push(Line { at, what, detail });
        line(start.began_at, format!("start {number}"), format!("by worker {}", start.worker));
        if let Some(at) = start.resumed_at {
            line(at, format!("start {number} resumed"), format!("for the {}. time", start.runs - 1));
        }
        if let (Some(at), Some(verdict)) = (start.ended_at, start.verdict) {
            line(at, format!("start {number} ended: {verdict}"), start.reason.unwrap_or_default());
        }
    }
    for part in story::parts(pool, id).await? {
        if let Some(at) = part.sending_at {
            let what = format!("part {} handed to {}", part.part, part.provider);
            let times =
                if part.attempts > 1 { format!(", {} times in all", part.attempts) } else { String::new() };
            let code = part.error_code.as_ref().map(|code| format!(", {code}")).unwrap_or_default();
            let billed = part.pricing_category.as_ref().map(|category| {
                let kind = part.pricing_type.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
                let billed = if part.billable == Some(false) { "free" } else { "billed" };
                format!(", {billed}: {category}{kind}")
            });
            let billed = billed.unwrap_or_default();
            lines.push(Line { at, what, detail: format!("now {}{times}{code}{billed}", part.state) });
        }
    }
    lines.sort_by_key(|line| line.at);
    Ok(lines)
}

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "message  {}", self.message)?;
        writeln!(out, "sender   {}", self.sender.as_deref().unwrap_or("-"))?;
        writeln!(out, "kind     {}", self.kind.as_deref().unwrap_or("-"))?;
        if let Some(model) = &self.model {
            writeln!(out, "model    {model}")?;
        }
        writeln!(out, "now      {}\n", self.now)?;
        let first = self.events.first().map(|line| line.at).unwrap_or_default();
        let rows: Vec<[String; 4]> = self
            .events
            .iter()
            .map(|line| {
                let since = (line.at - first).num_milliseconds();
                let at = line.at.to_rfc3339_opts(SecondsFormat::Millis, true);
                [at, format!("+{since} ms"), line.what.clone(), line.detail.clone()]
            })
            .collect();
        write!(out, "{}", table::render(["WHEN", "SINCE", "WHAT", ""], &rows))?;
        for text in &self.texts {
            write!(out, "\n\n{text}")?;
        }
        Ok(())
    }
}
