//! The story of a message in the words of the page: what was done, when it began, how long it took, what is being
//! done now; and between these, what the visitor broke meanwhile and what held. A payment has a story as well.

mod payment;
mod trouble;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::message::MessageId;
use shared::story::{Event, What};

use super::Said;
use super::books::Payment;
use super::harm::Damage;
use crate::stack::Stack;
use trouble::Troubles;

/// What a story is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    /// Something that the visitor wrote or tapped.
    Said(&'a Said),
    /// A payment.
    Payment(&'a Payment),
}

impl<'a> Subject<'a> {
    /// The one with this id; otherwise the one with which something happened last.
    pub(super) fn of(asked: Option<&str>, said: &'a [Said], payments: &'a [Payment]) -> Option<Self> {
        let all = || said.iter().map(Self::Said).chain(payments.iter().map(Self::Payment));
        let asked = asked.and_then(|id| all().find(|subject| subject.id().as_str() == id));
        asked.or_else(|| all().max_by_key(Self::moved_at))
    }

    /// The key of the message whose receipt is part of it.
    pub(super) fn id(&self) -> &'a MessageId {
        match self {
            Self::Said(said) => &said.sent.id,
            Self::Payment(payment) => &payment.told_by,
        }
    }

    /// Its heading, in both languages.
    pub(super) fn about(self) -> Value {
        match self {
            Self::Said(said) => {
                json!({ "fr": format!("«\u{a0}{}\u{a0}»", said.text), "en": format!("“{}”", said.text) })
            }
            Self::Payment(payment) => payment::about(payment),
        }
    }

    /// The steps that the page draws.
    pub(super) fn story(
        self,
        stack: &Stack,
        events: &[Event],
        damage: &Damage,
        now: DateTime<Utc>,
    ) -> Vec<Value> {
        match self {
            Self::Said(said) => tell(stack, said, events, damage, now),
            Self::Payment(payment) => payment::tell(stack, payment, events, damage),
        }
    }

    fn moved_at(&self) -> DateTime<Utc> {
        match self {
            Self::Said(said) => said.at,
            Self::Payment(payment) => payment.moments.last().map_or(DateTime::UNIX_EPOCH, |moment| moment.at),
        }
    }
}

/// The title of an event, in both languages.
fn title(what: &What) -> (&'static str, &'static str) {
    match what {
        What::Received => ("Signature vérifiée, message mis en file", "Signature verified, message queued"),
        What::Started => ("Un worker prend le message", "A worker takes the message"),
        What::Held => ("Crédit réservé", "Credit held"),
        What::Step(name) => match name.as_str() {
            "transcription" => ("IA : écouter le message vocal", "AI: listen to the voice message"),
            "intent" => ("IA, étape 1 : comprendre la demande", "AI, step 1: understand the request"),
            "prompt" => ("IA, étape 2 : préparer la consigne", "AI, step 2: prepare the brief"),
            "posts" => ("IA, étape 3 : écrire les posts", "AI, step 3: write the posts"),
            "revise" => ("IA : retouche des posts", "AI: posts revised"),
            _ => ("IA : correction de la réponse", "AI: answer repaired"),
        },
        What::Ended(outcome) => match outcome.as_str() {
            "posts" => ("Posts et débit enregistrés ensemble", "Posts and debit recorded together"),
            "off_topic" => {
                ("Ce n’est pas une idée de post : rien n’est débité", "No idea for a post: nothing charged")
            }
            "no_credit" => ("Plus de crédit : rien n’est débité", "Out of credits: nothing charged"),
            "refused" => ("Refus du modèle : rien n’est débité", "Declined by the model: nothing charged"),
            "failed" => ("Abandon, avec excuses", "Given up, with an apology"),
            "undelivered" => ("Posts non livrés : rien n’est débité", "Posts not delivered: nothing charged"),
            "recorded" => ("Noté, sans réponse", "Recorded, no answer due"),
            _ => ("Réponse prête", "Answer ready"),
        },
        What::Refunded => ("Crédit rendu", "Credit refunded"),
        What::Accepted => ("Réponse acceptée par le fournisseur", "Answer accepted by the provider"),
        What::Sent => ("Réponse envoyée", "Answer sent"),
        What::Delivered => ("Réponse reçue sur le téléphone", "Answer delivered to the phone"),
        What::Read => ("Réponse lue", "Answer read"),
        What::Reacted => ("Réaction reçue et gardée", "Reaction received and kept"),
        What::SendFailed => ("Envoi refusé par le fournisseur", "Refused by the provider"),
    }
}

/// What comes after these events, while the message is not at its end.
fn next(events: &[Event]) -> Option<What> {
    let has = |what: &What| events.iter().any(|event| event.what == *what);
    let step = |name: &str| What::Step(name.to_owned());
    let ended = events.iter().any(|event| matches!(event.what, What::Ended(_)));
    if ended {
        let silent = has(&What::Ended("recorded".to_owned()));
        return (!silent && !has(&What::Accepted) && !has(&What::SendFailed)).then_some(What::Accepted);
    }
    if !has(&What::Started) {
        return Some(What::Started);
    }
    if !has(&What::Held) {
        return None;
    }
    ["intent", "prompt", "posts"].into_iter().map(step).find(|step| !has(step))
}

/// The steps of a message.
fn tell(stack: &Stack, said: &Said, events: &[Event], damage: &Damage, now: DateTime<Utc>) -> Vec<Value> {
    let delivery = &said.sent.delivery;
    let mut events = events.to_vec();
    let mut steps = Vec::with_capacity(events.len() + 4);
    let mut push = |at: DateTime<Utc>, step: Value| steps.push((at, step));
    let refused = delivery.status != Some(200);
    let refusal = || {
        let answer = delivery.status.map_or("–".to_owned(), |status| format!("HTTP {status}"));
        let title = (
            "Webhook refusé : le fournisseur garde le message",
            "Webhook refused: the provider keeps the message",
        );
        step(said.at, said.at, None, title, answer, "failed")
    };
    // The books know of a message when a worker has met it; until then the page knows that it was acknowledged.
    if events.is_empty() && !refused {
        events.push(Event { at: said.at, what: What::Received, detail: None, took_ms: None });
    }
    let answered_ms = i64::try_from(delivery.elapsed.as_millis()).ok().filter(|_| !refused);
    let next = (said.taken || !events.is_empty()).then(|| next(&events)).flatten();
    let end = if next.is_none() && said.taken { events.last().map_or(now, |event| event.at) } else { now };
    let troubles = Troubles::of(stack, said, &events, damage, end);
    // First those that were there before it came: they share its moment.
    for trouble in &troubles.met {
        let detail = trouble.detail.as_ref().map(|(fr, en)| json!({ "fr": fr, "en": en }));
        let state = if trouble.bad { "harm" } else { "done" };
        push(trouble.at, step(said.at, trouble.at, None, trouble.title, detail, state));
    }
    if refused {
        push(said.at, refusal());
    }
    for event in &events {
        let took = if event.what == What::Received { answered_ms } else { event.took_ms.map(i64::from) };
        let began = event.at - TimeDelta::milliseconds(event.took_ms.map_or(0, i64::from));
        let detail = match &event.what {
            What::Received => answered_ms.map(|took| format!("HTTP 200, {took} ms")),
            // The attempts tell of themselves.
            What::Started if troubles.retaken => None,
            _ => event.detail.clone(),
        };
        let title = match &event.what {
            What::Received if said.spilled => (
                "Signature vérifiée, message gardé dans Postgres",
                "Signature verified, message kept in Postgres",
            ),
            what => title(what),
        };
        let failed = matches!(event.what, What::SendFailed) || event.what == What::Ended("failed".to_owned());
        let state = if failed { "failed" } else { "done" };
        push(began, step(said.at, began, took, title, detail, state));
    }
    steps.sort_by_key(|(at, _)| *at);
    if let Some(what) = next {
        let last = steps.last().map_or(said.at, |(at, _)| *at);
        let why = trouble::waiting(stack, damage, &what).map(|(fr, en)| json!({ "fr": fr, "en": en }));
        steps.push((last, step(said.at, last, None, title(&what), why, "running")));
    }
    steps.into_iter().map(|(_, step)| step).collect()
}

/// One step, of a story that began at `origin`.
fn step(
    origin: DateTime<Utc>,
    began: DateTime<Utc>,
    took_ms: Option<i64>,
    (fr, en): (&str, &str),
    detail: impl Into<Value>,
    state: &str,
) -> Value {
    json!({
        "at": began.timestamp_millis(),
        "sinceMs": (began - origin).num_milliseconds().max(0),
        "tookMs": took_ms,
        "title": { "fr": fr, "en": en },
        "detail": detail.into(),
        "state": state,
    })
}
