//! What the model says: nobody asked for a step that was recorded, and nobody paid twice for one without having lost
//! the first answer.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::Verdict;
use super::books::Books;
use crate::chaos::cast::Absence;
use crate::chaos::record::{Kind, Said};
use crate::simulators::openai::Call;
use crate::stage::Stage;

/// How long after its call a worker may still be about to write the answer down: the slowest model, and a moment.
const AT_WORK: TimeDelta = TimeDelta::seconds(5);

/// Between the look at the records and the arrival of the call, on a busy machine.
const LOOKING: TimeDelta = TimeDelta::milliseconds(1_500);

pub(super) fn paid_once(
    stage: &Stage,
    absences: &[Absence],
    said: &[Said],
    books: &Books,
    verdict: &mut Verdict,
) -> usize {
    let calls = stage.openai.calls();
    let briefs: HashMap<&str, &Said> =
        said.iter().filter(|said| said.kind != Kind::Command).map(|said| (said.tag.as_str(), said)).collect();
    let mut asked: HashMap<(&str, &str), Vec<&Call>> = HashMap::new();
    for call in &calls {
        let Some(tag) = tag(&call.user_text).or_else(|| tag(&call.system_text)) else { continue };
        if let Some(said) = briefs.get(tag) {
            asked.entry((said.id.as_str(), step(call))).or_default().push(call);
        }
    }
    for ((message, step), calls) in &asked {
        let message = shared::message::MessageId::from_stored((*message).to_owned());
        let recorded = books.steps.get(&(message.as_str().to_owned(), (*step).to_owned()));
        for call in calls {
            let Some(after) =
                recorded.map(|recorded| call.at - *recorded).filter(|after| *after > TimeDelta::zero())
            else {
                continue;
            };
            // Whoever stood still between looking and asking did not know better; nor did one who looked while another,
            // whose lease had passed on, was just writing its answer down.
            let together = after < LOOKING
                && calls.iter().any(|other| {
                    other.key != call.key && absent(absences, other, other.at - AT_WORK, other.at + AT_WORK)
                });
            if !together && !absent(absences, call, call.at - AT_WORK, call.at) {
                verdict.breach(Some(&message), format!("step {step} was asked for after it was recorded"));
            }
        }
        let paid: Vec<_> = calls.iter().filter(|call| call.status == Some(200)).collect();
        let lost =
            |call: &&&&Call| call.fault.is_some() || absent(absences, call, call.at, call.at + AT_WORK);
        let kept = paid.iter().filter(|call| !lost(call)).count();
        if kept > 1 {
            verdict
                .breach(Some(&message), format!("step {step} was paid {kept} times, and no answer was lost"));
        }
        for _ in 1..paid.len() {
            verdict.note("a step paid again: its worker was lost between the answer and the record");
        }
    }
    asked.len()
}

/// Whether the caller was gone at any moment between these.
fn absent(absences: &[Absence], call: &Call, from: DateTime<Utc>, until: DateTime<Utc>) -> bool {
    absences.iter().any(|absence| {
        (absence.key.is_empty() || absence.key == call.key)
            && absence.from <= until
            && absence.until.is_none_or(|end| end >= from)
    })
}

/// The word of a brief by which it is known.
fn tag(text: &str) -> Option<&str> {
    let from = text.find("ref-")?;
    let length = text[from..].find('z')?;
    Some(&text[from..=from + length])
}

fn step(call: &Call) -> &'static str {
    let repairs = call.request["messages"]
        .as_array()
        .is_some_and(|turns| turns.iter().any(|turn| turn["role"] == "assistant"));
    match call.schema_name.as_deref() {
        Some("intent") => "intent",
        Some(_) if repairs => "posts_repair",
        Some(_) => "posts",
        None => "prompt",
    }
}
