//! The story of a message in the words of the page: what was done, when it began, how long it took, and what is
//! being done now.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::message::MessageId;
use shared::story::{self, Event, What};

use super::Said;
use crate::stack::Stack;

/// The title of an event, in both languages.
fn title(what: &What) -> (&'static str, &'static str) {
    match what {
        What::Received => ("Signature vérifiée, message mis en file", "Signature verified, message queued"),
        What::Started => ("Un worker prend le message", "A worker takes the message"),
        What::Held => ("Crédit réservé", "Credit held"),
        What::Step(name) => match name.as_str() {
            "intent" => ("IA, étape 1 : comprendre la demande", "AI, step 1: understand the request"),
            "prompt" => ("IA, étape 2 : préparer la consigne", "AI, step 2: prepare the brief"),
            "posts" => ("IA, étape 3 : écrire les posts", "AI, step 3: write the posts"),
            _ => ("IA : correction de la réponse", "AI: answer repaired"),
        },
        What::Ended(outcome) => match outcome.as_str() {
            "posts" => ("Posts et débit enregistrés ensemble", "Posts and debit recorded together"),
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

/// The steps that the page draws.
pub(super) async fn tell(stack: &Stack, said: &Said) -> Result<Vec<Value>> {
    let mut events = story::of(&stack.pool, &MessageId::from_stored(said.id.clone())).await?;
    if said.status != Some(200) {
        let (fr, en) = ("Webhook refusé", "Webhook refused");
        return Ok(vec![step(said, said.at, None, fr, en, None, "failed")]);
    }
    // The books know of a message when a worker has met it; until then the page knows that it was acknowledged.
    if events.is_empty() {
        events.push(Event { at: said.at, what: What::Received, detail: None, took_ms: None });
    }
    let mut steps = Vec::with_capacity(events.len() + 1);
    for event in &events {
        let (fr, en) = title(&event.what);
        let took = if event.what == What::Received { said.answered_ms } else { event.took_ms.map(i64::from) };
        let began = event.at - TimeDelta::milliseconds(event.took_ms.map_or(0, i64::from));
        let detail = match &event.what {
            What::Received => Some(format!("HTTP 200, {} ms", said.answered_ms.unwrap_or_default())),
            _ => event.detail.clone(),
        };
        let failed = matches!(event.what, What::SendFailed) || event.what == What::Ended("failed".to_owned());
        steps.push(step(
            said,
            began,
            took,
            fr,
            en,
            detail.as_deref(),
            if failed { "failed" } else { "done" },
        ));
    }
    if let Some(what) = next(&events) {
        let (fr, en) = title(&what);
        let since = events.last().map_or(said.at, |event| event.at);
        steps.push(step(said, since, None, fr, en, None, "running"));
    }
    Ok(steps)
}

fn step(
    said: &Said,
    began: DateTime<Utc>,
    took_ms: Option<i64>,
    fr: &str,
    en: &str,
    detail: Option<&str>,
    state: &str,
) -> Value {
    json!({
        "at": began.timestamp_millis(),
        "sinceMs": (began - said.at).num_milliseconds().max(0),
        "tookMs": took_ms,
        "title": { "fr": fr, "en": en },
        "detail": detail,
        "state": state,
    })
}
