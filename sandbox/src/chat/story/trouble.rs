//! The troubles that a message met between its arrival and its end, and what held then.
//!
//! What concerns one message is told in its story only; what concerns all is told in the stories that it fell into,
//! and what was broken already when a message came is told at its beginning.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use shared::story::{Event, What};

use super::super::Said;
use super::super::harm::{Damage, Did, Mood};
use crate::stack::Stack;

/// A sentence in both languages.
type Sentence = (&'static str, &'static str);

/// One of them.
pub(super) struct Trouble {
    pub at: DateTime<Utc>,
    pub title: Sentence,
    pub detail: Option<(String, String)>,
    /// Whether something broke; otherwise something was mended, or held.
    pub bad: bool,
}

/// All that a message met.
pub(super) struct Troubles {
    pub met: Vec<Trouble>,
    /// Whether one of them is that another attempt began.
    pub retaken: bool,
}

impl Troubles {
    /// What happened between this message's arrival and `end`.
    pub(super) fn of(
        stack: &Stack,
        said: &Said,
        events: &[Event],
        damage: &Damage,
        end: DateTime<Utc>,
    ) -> Self {
        let mut all: Vec<(Trouble, Option<&str>)> = Vec::new();
        let mut retaken = false;
        for deed in &damage.deeds {
            match &deed.message {
                Some(message) if message == said.id() => {
                    retaken |= matches!(deed.did, Did::Retaken(_));
                    let at = match deed.did {
                        Did::Retaken(_) => before_its_step(events, deed.at),
                        _ => deed.at,
                    };
                    all.push((told(at, &deed.did), None));
                }
                None if deed.at <= end => all.push((told(deed.at, &deed.did), subject(&deed.did))),
                // Another message's, or later than its end.
                _ => {}
            }
        }
        // The first start is no news.
        for turn in stack.worker.turns().into_iter().skip(1).filter(|turn| turn.at <= end) {
            all.push((worker(turn.at, turn.runs, stack), Some("worker")));
        }
        all.sort_by_key(|(trouble, _)| trouble.at);
        let place = all.partition_point(|(trouble, _)| trouble.at < said.at);
        let meanwhile = all.split_off(place);
        // Of what happened before the message, only the last word on each subject matters, and only if it is bad.
        let still: BTreeMap<_, _> = all.into_iter().map(|(trouble, subject)| (subject, trouble)).collect();
        let still = still.into_values().filter(|trouble| trouble.bad);
        let mut met: Vec<Trouble> = still.map(|trouble| Trouble { at: said.at, ..trouble }).collect();
        met.extend(meanwhile.into_iter().map(|(trouble, _)| trouble));
        let refusals = stack.stage.openai.refusals().into_iter();
        met.extend(refusals.filter(|(at, _)| (said.at..=end).contains(at)).map(|(at, status)| Trouble {
            at,
            title: ("Le modèle refuse de répondre", "The model refuses to answer"),
            detail: Some(both(
                &format!("HTTP {status}"),
                "nouvel essai après une pause",
                "asked again after a pause",
            )),
            bad: true,
        }));
        Self { met, retaken }
    }
}

/// When an attempt began that was seen at this time: no later than the step that it was at then.
fn before_its_step(events: &[Event], seen: DateTime<Utc>) -> DateTime<Utc> {
    let under_way = events.iter().filter(|event| event.at > seen);
    let began = under_way.map(|event| event.at - TimeDelta::milliseconds(event.took_ms.map_or(0, i64::from)));
    began.min().map_or(seen, |began| began.min(seen))
}

/// A figure that speaks for itself, and what it means.
fn both(figure: &str, fr: &str, en: &str) -> (String, String) {
    (format!("{figure} : {fr}"), format!("{figure}: {en}"))
}

/// What a deed changed, where a later deed may change it back.
fn subject(did: &Did) -> Option<&'static str> {
    match did {
        Did::Redis { .. } => Some("redis"),
        Did::Postgres { .. } => Some("postgres"),
        Did::Model(_) => Some("model"),
        Did::Redelivered { .. } | Did::Retaken(_) => None,
    }
}

fn told(at: DateTime<Utc>, did: &Did) -> Trouble {
    let (title, detail, bad) = match did {
        Did::Redelivered { status: Some(200), known: true, .. } => (
            ("Redélivré : déjà reçu, ignoré", "Delivered again: known already, ignored"),
            Some(both("HTTP 200", "une seule réponse, un seul débit", "one answer, one charge")),
            false,
        ),
        Did::Redelivered { status: Some(200), spilled: true, .. } => (
            ("Redélivré : gardé une fois dans Postgres", "Delivered again: kept once in Postgres"),
            Some(both("HTTP 200", "la porte évite encore Redis", "the door still shuns Redis")),
            false,
        ),
        Did::Redelivered { status: Some(200), .. } => (
            ("Redélivré : pris", "Delivered again: taken"),
            Some(both("HTTP 200", "en file", "queued")),
            false,
        ),
        Did::Redelivered { status, .. } => (
            ("Redélivré : refusé", "Delivered again: refused"),
            Some(both(
                &status.map_or("–".to_owned(), |status| format!("HTTP {status}")),
                "le fournisseur le garde encore",
                "the provider still keeps it",
            )),
            true,
        ),
        Did::Redis { away: true } => (
            ("Redis arrêté", "Redis stopped"),
            Some(both("kill -9", "la porte se réfugie dans Postgres", "the door takes refuge in Postgres")),
            true,
        ),
        Did::Redis { away: false } => (("Redis est de retour", "Redis is back"), None, false),
        Did::Postgres { away: true } => (
            ("Postgres arrêté", "Postgres stopped"),
            Some(both(
                "kill -9",
                "les workers attendent, sans compter d’essai",
                "workers wait and count no attempt",
            )),
            true,
        ),
        Did::Postgres { away: false } => (("Postgres est de retour", "Postgres is back"), None, false),
        Did::Model(Mood::Usual) => (("Le modèle va bien", "The model is well"), None, false),
        Did::Model(Mood::Slow) => (
            ("Modèle ralenti", "Model slowed down"),
            Some(both(
                "",
                "5 s par appel ; le worker renouvelle son bail",
                "5 s a call; the worker renews its lease",
            )),
            true,
        ),
        Did::Model(Mood::Failing) => (
            ("Modèle en panne", "Model failing"),
            Some(both("HTTP 503", "à chaque appel", "to every call")),
            true,
        ),
        Did::Retaken(attempt) => (
            ("Message repris là où il en était", "Message taken up again where it was"),
            Some((format!("essai {attempt}"), format!("attempt {attempt}"))),
            false,
        ),
    };
    Trouble { at, title, detail, bad }
}

fn worker(at: DateTime<Utc>, runs: bool, stack: &Stack) -> Trouble {
    if runs {
        let detail = Some(("par le superviseur".to_owned(), "by the supervisor".to_owned()));
        return Trouble { at, title: ("Worker relancé", "Worker started again"), detail, bad: false };
    }
    let lease = stack.lease.as_secs();
    let detail = (
        format!("kill -9 : son message revient quand son bail expire ({lease} s)"),
        format!("kill -9: its message comes back when its lease expires ({lease} s)"),
    );
    Trouble { at, title: ("Worker tué", "Worker killed"), detail: Some(detail), bad: true }
}

/// What the next thing waits for, if it is something that is broken.
pub(super) fn waiting(stack: &Stack, damage: &Damage, next: &What) -> Option<Sentence> {
    if damage.postgres {
        return Some(("attend Postgres, sans compter d’essai", "waits for Postgres, counting no attempt"));
    }
    if damage.redis {
        return Some(("attend Redis", "waits for Redis"));
    }
    if !stack.worker.runs() {
        return Some(("aucun worker en ce moment", "no worker at the moment"));
    }
    match (next, damage.model) {
        (What::Step(_), Mood::Failing) => {
            Some(("le crédit reste réservé, nouvel essai bientôt", "the credit stays held, asked again soon"))
        }
        (What::Step(_), Mood::Slow) => Some(("le modèle est lent", "the model is slow")),
        _ => None,
    }
}
