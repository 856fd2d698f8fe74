//! What the phones say: every answer was heard, once, or the storm explains why not.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use shared::message::MessageId;
use worker::policy::Patience;

use super::Verdict;
use super::books::Books;
use crate::chaos::cast::Absence;
use crate::simulators::receipts::Fate;
use crate::stage::Stage;

/// Something that reached a phone.
struct Heard {
    at: DateTime<Utc>,
    fate: Fate,
    /// Whether its provider says nothing about it, whatever becomes of it.
    silent: bool,
}

pub(super) fn once(stage: &Stage, absences: &[Absence], books: &Books, verdict: &mut Verdict) -> usize {
    let mut heard: HashMap<i64, Vec<Heard>> = HashMap::new();
    let through_meta = stage.meta.sent().into_iter().map(|sent| {
        let id = sent.opaque.as_deref().and_then(|opaque| opaque.strip_prefix("outbox:")?.parse().ok());
        (id, Heard { at: sent.at, fate: sent.status, silent: sent.silent })
    });
    let through_twilio = stage.twilio.sent().into_iter().map(|sent| {
        let callback = sent.status_callback.as_deref().unwrap_or_default();
        let id = callback.rsplit_once("outbox=").and_then(|(_, id)| id.parse().ok());
        (id, Heard { at: sent.at, fate: sent.status, silent: sent.silent })
    });
    let mut all = 0;
    for (id, one) in through_meta.chain(through_twilio) {
        all += 1;
        match id {
            Some(id) => heard.entry(id).or_default().push(one),
            None => verdict.breach(None, "something was sent that is not in the outbox"),
        }
    }
    let known: HashSet<i64> = books.parts.iter().map(|part| part.id).collect();
    for id in heard.keys().filter(|id| !known.contains(id)) {
        verdict.breach(None, format!("part {id} was sent and is not in the outbox"));
    }
    repeated(&heard, absences, books, verdict);
    answered(&heard, books, verdict);
    all
}

/// A part that was heard twice had been unknown for as long as a report may take.
fn repeated(heard: &HashMap<i64, Vec<Heard>>, absences: &[Absence], books: &Books, verdict: &mut Verdict) {
    let deadline = TimeDelta::from_std(Patience::hurried().unknown_deadline).unwrap_or_default();
    for part in &books.parts {
        let times = heard.get(&part.id).map_or(&[][..], Vec::as_slice);
        let message = MessageId::from_stored(part.cause.clone());
        if times.len() > 2 {
            verdict.breach(Some(&message), format!("heard {} times", times.len()));
        }
        for pair in times.windows(2) {
            let between = pair[1].at - pair[0].at;
            // The deadline counts from the mark; one who stood still between the mark and the send was heard late.
            let late = absences
                .iter()
                .filter(|absence| absence.from <= pair[0].at)
                .filter_map(|absence| Some((absence.until?, absence.until? - absence.from)))
                .filter(|(until, _)| *until > pair[0].at - TimeDelta::seconds(1))
                .map(|(_, stood)| stood)
                .max();
            if between < deadline - late.unwrap_or_default() {
                let millis = between.num_milliseconds();
                verdict.breach(Some(&message), format!("heard again after {millis} ms, before any deadline"));
            } else {
                verdict.note("heard twice: its worker died around the send, and no report came in time");
            }
        }
    }
}

/// Whoever was owed an answer heard it.
fn answered(heard: &HashMap<i64, Vec<Heard>>, books: &Books, verdict: &mut Verdict) {
    let mut parts: HashMap<&str, Vec<_>> = HashMap::new();
    for part in &books.parts {
        parts.entry(part.cause.as_str()).or_default().push(part);
    }
    for receipt in books.receipts.values() {
        let message = receipt.message();
        let outcome = receipt.outcome.as_deref().unwrap_or_default();
        let parts = parts.get(receipt.message_id.as_str()).map_or(&[][..], Vec::as_slice);
        // What was joined to another is answered with that one.
        if !matches!(outcome, "recorded" | "joined" | "") && parts.is_empty() {
            verdict.breach(Some(&message), format!("{outcome}, and nothing was said"));
        }
        for part in parts {
            let times = heard.get(&part.id).map_or(&[][..], Vec::as_slice);
            let arrived = times.iter().any(|heard| !matches!(heard.fate, Fate::Failed(_)));
            match part.state.as_str() {
                "accepted" | "sent" | "delivered" | "read" if arrived => {}
                "accepted" if times.iter().any(|heard| heard.silent) => {
                    verdict.note("not heard: refused by the provider, which never said so");
                }
                "failed" if !arrived => verdict.note(match part.error_code.as_deref() {
                    Some("unknown") => "not heard: vanished twice on its way, given up",
                    Some("abandoned") => "not heard: the rest of a refused answer",
                    _ => "not heard: refused by the provider",
                }),
                "failed" if part.error_code.as_deref() == Some("unknown") => {
                    verdict.note("heard, and given up as unknown: no report came in time, twice");
                }
                state => verdict
                    .breach(Some(&message), format!("its answer is {state}, heard {} times", times.len())),
            }
        }
    }
}
