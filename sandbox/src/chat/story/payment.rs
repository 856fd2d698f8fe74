//! The story of a payment: what Stripe told, what the ledger made of it, and how its person was told.

use serde_json::{Value, json};
use shared::language::Language;
use shared::story::{Event, What};

use super::super::books::{Payment, Way};
use super::super::harm::Damage;
use super::{step, title, trouble};
use crate::stack::Stack;

/// A sentence in both languages.
type Sentence = (&'static str, &'static str);

/// The heading, in both languages.
pub(super) fn about(payment: &Payment) -> Value {
    let price = |language| payment.price.in_language(language);
    let (fr, en) = match payment.credits {
        Some(credits) => (
            format!("Paiement de {} pour {}", price(Language::Fr), credits_in(Language::Fr, credits)),
            format!("Payment of {} for {}", price(Language::En), credits_in(Language::En, credits)),
        ),
        None => {
            (format!("Paiement de {}", price(Language::Fr)), format!("Payment of {}", price(Language::En)))
        }
    };
    json!({ "fr": fr, "en": en })
}

/// In French, zero and one are singular.
fn credits_in(language: Language, credits: i32) -> String {
    match (language, credits) {
        (Language::Fr, 0 | 1) => format!("{credits} crédit"),
        (Language::Fr, _) => format!("{credits} crédits"),
        (Language::En, 1) => "1 credit".to_owned(),
        (Language::En, _) => format!("{credits} credits"),
    }
}

/// The title of something that happened with the money, by Stripe's type or the ledger's kind.
fn moment(what: &str) -> Sentence {
    match what {
        "checkout.session.completed" => ("Achat signé par Stripe", "Purchase signed by Stripe"),
        "checkout.session.async_payment_succeeded" => ("Le prélèvement est passé", "The debit went through"),
        "checkout.session.async_payment_failed" => {
            ("La banque a refusé le prélèvement", "The bank refused the debit")
        }
        "refund.created" => ("Stripe rembourse", "Stripe refunds"),
        "charge.refunded" => ("Total remboursé, dit Stripe", "Total refunded, says Stripe"),
        "refund.updated" | "refund.failed" => ("Le remboursement change", "The refund changes"),
        "charge.dispute.created" => ("La banque conteste le paiement", "The bank disputes the payment"),
        "charge.dispute.funds_withdrawn" => ("La banque reprend l’argent", "The bank takes the money back"),
        "charge.dispute.funds_reinstated" => ("La banque rend l’argent", "The bank returns the money"),
        "charge.dispute.closed" => ("La contestation est close", "The dispute is closed"),
        "purchase" => ("Crédits ajoutés au grand livre", "Credits added to the ledger"),
        "debt" => ("Crédits dus, repris", "Credits owed, taken"),
        "stripe_refund" => ("Crédits repris au grand livre", "Credits taken back in the ledger"),
        "stripe_reinstated" => ("Crédits rendus au grand livre", "Credits given again in the ledger"),
        _ => ("Stripe donne des nouvelles", "Stripe has news"),
    }
}

/// The title of what its person's message meets.
fn told(what: &What) -> Sentence {
    match what {
        What::Received => ("Message confié à la file", "Message entrusted to the queue"),
        What::Started => ("Un worker écrit le message", "A worker writes the message"),
        other => title(other),
    }
}

/// The steps that the page draws.
pub(super) fn tell(stack: &Stack, payment: &Payment, events: &[Event], damage: &Damage) -> Vec<Value> {
    let Some(origin) = payment.moments.first().map(|moment| moment.at) else { return Vec::new() };
    let mut steps = Vec::with_capacity(payment.moments.len() + events.len() + 2);
    for happened in &payment.moments {
        let detail = match (happened.delta, happened.amount) {
            (Some(delta), _) => Value::from(format!("{delta:+}").replace('-', "−")),
            (None, Some(minor)) => {
                let part = shared::price::Price { minor, ..payment.price.clone() };
                let detail = |language| format!("{}, {}", happened.what, part.in_language(language));
                json!({ "fr": detail(Language::Fr), "en": detail(Language::En) })
            }
            (None, None) => Value::from(happened.what.clone()),
        };
        let bad = happened.what.ends_with("payment_failed");
        let state = if bad { "failed" } else { "done" };
        steps.push((happened.at, step(origin, happened.at, None, moment(&happened.what), detail, state)));
    }
    for event in events {
        let state = if event.what == What::SendFailed { "failed" } else { "done" };
        // That it is about a payment is known.
        let detail = event.detail.clone().filter(|_| event.what != What::Received);
        steps.push((event.at, step(origin, event.at, None, told(&event.what), detail, state)));
    }
    // What happened at one moment stays in its order: the money, then the word about it.
    steps.sort_by_key(|(at, _)| *at);
    let last = steps.last().map_or(origin, |(at, _)| *at);
    if payment.owing > 0 {
        let owed = ("Dû sur le prochain achat", "Owed from the next purchase");
        let credits = |language| credits_in(language, payment.owing);
        let detail = json!({ "fr": credits(Language::Fr), "en": credits(Language::En) });
        steps.push((last, step(origin, last, None, owed, detail, "done")));
    }
    if let Some((coming, what)) = next(payment, events) {
        let why = what.and_then(|what| trouble::waiting(stack, damage, &what));
        let why = why.map(|(fr, en)| json!({ "fr": fr, "en": en }));
        steps.push((last, step(origin, last, None, coming, why, "running")));
    }
    steps.into_iter().map(|(_, step)| step).collect()
}

/// What comes next, while it is not at its end.
fn next(payment: &Payment, events: &[Event]) -> Option<(Sentence, Option<What>)> {
    if payment.way == Way::Unpaid {
        return Some((("La banque n’a pas encore répondu", "The bank has not answered yet"), None));
    }
    if !payment.told {
        return Some((told(&What::Started), Some(What::Started)));
    }
    let sent = |event: &Event| matches!(event.what, What::Accepted | What::SendFailed);
    (!events.is_empty() && !events.iter().any(sent)).then(|| (title(&What::Accepted), Some(What::Accepted)))
}
