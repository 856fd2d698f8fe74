//! What is said in one breath. People write as they speak: an idea in two or three messages, a word mended, a message taken
//! back. Messages that follow each other within a moment are one brief; an edit or a deletion that arrives before its
//! message was begun counts.
//!
//! All of them stand behind each other in one lane, so whoever works on the head sees them and nobody else begins them. They
//! end in the transaction that begins the head: a death before it leaves all as they were, a death after it finds the
//! whole brief recorded with the head.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use shared::job::{Job, Work};
use shared::message::{Content, Inbound, MessageId};
use shared::person::Person;
use shared::receipt::burst;
use shared::vault::Vault;
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::Worker;
use crate::command::Command;
use crate::error::JobError;
use crate::typing::{self, Typing};

/// How far back in its lane a message looks. More changes and parts than that are nobody's breath.
const LOOK: usize = 50;

/// Parts of one brief.
const PARTS: usize = 10;

/// The longest that parts make together, in characters: about what one message of WhatsApp holds.
const LONGEST: usize = 4_000;

/// A text this long that ends like a sentence is probably all of it.
const WHOLE: usize = 80;

/// What was said with a message, or about it, before it was begun.
#[derive(Default)]
pub struct Burst {
    heard: Heard,
    /// Shown since we began to listen.
    pub typing: Option<Typing>,
}

/// What follows from the messages behind one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    /// It was deleted.
    withdrawn: bool,
    /// Its own words, where they were changed.
    text: Option<String>,
    /// What continues it, in order.
    parts: Vec<Part>,
    /// Changes of it and of its parts.
    changes: Vec<(Inbound, DateTime<Utc>)>,
    /// Until when something may follow, if anything may.
    until: Option<DateTime<Utc>>,
}

/// A message that continues another.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    message: Inbound,
    received_at: DateTime<Utc>,
    text: String,
}

/// Listens until a moment has passed in which nothing followed. Only briefs are waited over: whoever asks for something
/// else is answered at once.
pub async fn listen(worker: &Worker, job: &Job, inbound: &Inbound) -> Burst {
    let mut burst = Burst::default();
    if !matches!(inbound.content, Content::Text(_) | Content::Voice(_) | Content::Edit { .. }) {
        return burst;
    }
    let began = Instant::now();
    loop {
        // Without Redis it is a message like any other.
        let Ok(behind) = worker.queue.behind(&job.id, &job.lane, LOOK).await else { return burst };
        burst.heard = hear(inbound, job.received_at, &behind, worker.patience.moment);
        // Should the clock of an ingest be ahead of ours, it does not count.
        let left = longest(worker.patience.moment).saturating_sub(began.elapsed());
        let wait = burst.heard.until.and_then(|until| (until - worker.clock.now()).to_std().ok());
        let Some(wait) = wait.map(|wait| wait.min(left)).filter(|wait| !wait.is_zero()) else { return burst };
        burst.typing.get_or_insert_with(|| typing::begin(worker, inbound));
        tokio::time::sleep(wait).await;
    }
}

/// Whether this message was deleted while it was worked on. When nobody can tell, it was not.
pub async fn was_withdrawn(worker: &Worker, inbound: &Inbound) -> bool {
    let behind = worker.queue.behind(&inbound.id, &inbound.lane(), LOOK).await.unwrap_or_default();
    is_revoked(inbound, &behind)
}

impl Burst {
    /// Whether the message was deleted before it was begun.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.heard.withdrawn
    }

    /// The message with everything that belongs to it, which ends here. Belongs in the transaction that begins it.
    pub async fn take(
        self,
        db: &mut PgConnection,
        inbound: &Inbound,
        person: &Person,
        now: DateTime<Utc>,
    ) -> Result<Inbound, JobError> {
        let Content::Text(own) = &inbound.content else { return Ok(inbound.clone()) };
        let Heard { text, parts, changes, .. } = self.heard;
        let mut said = vec![text.unwrap_or_else(|| own.clone())];
        for part in parts {
            if !burst::join(db, &part.message, part.received_at, &inbound.id, &person.id, now).await? {
                break;
            }
            // Sent twice by an impatient thumb.
            if !said.contains(&part.text) {
                said.push(part.text);
            }
        }
        for (change, received_at) in changes {
            // One that cannot end here finds later what it is about.
            let _ended = burst::join(db, &change, received_at, &inbound.id, &person.id, now).await?;
        }
        Ok(Inbound { content: Content::Text(said.join("\n")), ..inbound.clone() })
    }
}

/// A message that changes an earlier one and has not been heard with it: what it says now, if that is still to be
/// answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Late {
    /// These words, like any message: what they replace cost nothing.
    Anew(String),
    /// The posts were begun with the old words.
    TooLate(String),
    /// It is only noted: nothing to change has arrived yet, or there is nothing to say.
    Noted,
}

/// What an edit or a deletion means that comes by itself.
pub async fn late(
    db: &mut PgConnection,
    vault: &Vault,
    inbound: &Inbound,
    person: &Person,
) -> Result<Option<Late>, JobError> {
    Ok(Some(match &inbound.content {
        Content::Edit { of, text } => match burst::outcome(&mut *db, of).await?.as_deref() {
            None => {
                let key = vault.key(db, &person.id).await?;
                burst::changes(db, &inbound.id, of, Some((&key, text))).await?;
                Late::Noted
            }
            Some("withdrawn") => Late::Noted,
            // Only what costs something is asked about: whatever else it says now is simply done.
            Some("posts") if matches!(read(text), Command::Generate { .. }) => Late::TooLate(text.clone()),
            Some(_) => {
                burst::changes(db, &inbound.id, of, None).await?;
                Late::Anew(text.clone())
            }
        },
        Content::Revoke { of } => {
            burst::changes(db, &inbound.id, of, None).await?;
            Late::Noted
        }
        _ => return Ok(None),
    }))
}

/// What these messages, which stand behind one, say with it and about it.
fn hear(first: &Inbound, received_at: DateTime<Utc>, behind: &[Job], moment: Duration) -> Heard {
    let mut heard = Heard { withdrawn: is_revoked(first, behind), ..Heard::default() };
    let Some((text, edits)) = words(first, behind) else { return heard };
    if edits > 0 {
        heard.text = Some(text.clone());
    }
    if matches!(read(&text), Command::Generate { .. }) && !heard.withdrawn {
        follow(&mut heard, &text, received_at, behind, moment);
    }
    let ours = |of: &MessageId| *of == first.id || heard.parts.iter().any(|part| part.message.id == *of);
    heard.changes = messages(behind)
        .filter(|(message, _)| matches!(&message.content, Content::Edit { of, .. } if ours(of)))
        .map(|(message, at)| (message.clone(), at))
        .collect();
    heard
}

/// Collects what continues a brief.
fn follow(heard: &mut Heard, text: &str, received_at: DateTime<Utc>, behind: &[Job], moment: Duration) {
    if moment.is_zero() {
        return;
    }
    let longest = received_at + span(longest(moment));
    let mut length = text.chars().count();
    let mut until = (received_at + span(pause(text, moment))).min(longest);
    for (message, at) in messages(behind) {
        if is_aside(&message.content) {
            continue;
        }
        let withdrawn = is_revoked(message, behind);
        let Some((text, _)) = words(message, behind) else { return };
        if withdrawn {
            continue;
        }
        length += text.chars().count();
        let full = heard.parts.len() + 1 >= PARTS || length > LONGEST;
        if full || at >= until || !continues(&text) {
            return;
        }
        until = (at + span(pause(&text, moment))).min(longest);
        heard.parts.push(Part { message: message.clone(), received_at: at, text });
    }
    heard.until = Some(until);
}

/// What says nothing by itself.
fn is_aside(content: &Content) -> bool {
    matches!(
        content,
        Content::Edit { .. }
            | Content::Revoke { .. }
            | Content::Reaction { .. }
            | Content::Identity(_)
            | Content::Silent(_)
    )
}

/// The words of a text as they were last changed, and how often they were. `None`: it is no text.
fn words(of: &Inbound, behind: &[Job]) -> Option<(String, usize)> {
    let Content::Text(own) = &of.content else { return None };
    let edits = messages(behind).filter_map(|(message, _)| match &message.content {
        Content::Edit { of: edited, text } if *edited == of.id => Some(text),
        _ => None,
    });
    let edits: Vec<&String> = edits.collect();
    Some((edits.last().map_or(own, |text| *text).clone(), edits.len()))
}

/// Whether a text can only go on with what was said before. The word `gen` begins something new.
fn continues(text: &str) -> bool {
    matches!(read(text), Command::Generate { brief } if brief == text.trim())
}

fn read(text: &str) -> Command {
    Command::parse(&Content::Text(text.to_owned()))
}

/// How long a brief is listened to at most, four seconds for a moment of 1.2: it is not put off for ever by somebody who
/// goes on writing.
fn longest(moment: Duration) -> Duration {
    moment * 10 / 3
}

/// How long something may still follow: longer after what sounds unfinished, shorter after what sounds complete.
fn pause(text: &str, moment: Duration) -> Duration {
    let text = text.trim_end();
    if text.ends_with([',', ':', '…', '-', '(']) || text.ends_with("...") {
        moment * 2
    } else if text.ends_with(['.', '!', '?']) && text.chars().count() >= WHOLE {
        moment / 2
    } else {
        moment
    }
}

/// Whether one of these jobs deletes a message. What was edited is deleted under its first id.
fn is_revoked(message: &Inbound, jobs: &[Job]) -> bool {
    let first = match &message.content {
        Content::Edit { of, .. } => of,
        _ => &message.id,
    };
    messages(jobs).any(|(other, _)| matches!(&other.content, Content::Revoke { of } if of == first))
}

/// The messages of people among these jobs, and when they arrived.
fn messages(jobs: &[Job]) -> impl Iterator<Item = (&Inbound, DateTime<Utc>)> {
    jobs.iter().filter_map(|job| match &job.work {
        Work::Message(inbound) => Some((inbound, job.received_at)),
        _ => None,
    })
}

fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
#[path = "burst_tests.rs"]
mod tests;
