//! What the visitor's hand does on the phone: it writes, and it taps what is offered. Both leave as a signed webhook of
//! the simulated provider, and both stand in the conversation as the visitor's own words.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use shared::message::Provider;

use super::{Page, Said, Visitor, Who, books, refuse};
use crate::person;

#[derive(Deserialize)]
pub(super) struct Saying {
    provider: String,
    person: Option<String>,
    text: String,
}

/// `POST /api/say`: the visitor's phone sends a message. Answers when ingest has answered the webhook.
pub(super) async fn say(State(page): State<Page>, Json(saying): Json<Saying>) -> Response {
    let visitor = match simulated(&page, &saying.provider, saying.person.as_deref()) {
        Ok(visitor) => visitor,
        Err(refusal) => return refusal,
    };
    if saying.text.trim().is_empty() {
        return refuse(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Écrivez d’abord un message.",
            "Write a message first.",
        );
    }
    let at = page.clock.now();
    let sent = page.people[&visitor].says(&saying.text).await;
    keep(&page, visitor, sent, (saying.text, None), at).await
}

#[derive(Deserialize)]
pub(super) struct Tapping {
    provider: String,
    person: Option<String>,
    /// Under which message.
    message: String,
    /// The choice's id.
    choice: String,
}

/// `POST /api/tap`: the visitor taps a button, or a row of a list. Old ones can be tapped as well.
pub(super) async fn tap(State(page): State<Page>, Json(tapping): Json<Tapping>) -> Response {
    let visitor = match simulated(&page, &tapping.provider, tapping.person.as_deref()) {
        Ok(visitor) => visitor,
        Err(refusal) => return refusal,
    };
    let person = &page.people[&visitor];
    let offered = person.screen().into_iter().find(|heard| heard.id == tapping.message);
    let choices = offered.and_then(|heard| heard.offers).map(|offered| offered.choices).unwrap_or_default();
    let title = choices.into_iter().find(|choice| choice.id == tapping.choice).map(|choice| choice.title);
    let at = page.clock.now();
    let sent = person.taps(&tapping.message, &tapping.choice).await;
    let (Some(title), Some(sent)) = (title, sent) else {
        let en = "This choice is not offered there.";
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "Ce choix n’y est pas proposé.", en);
    };
    keep(&page, visitor, sent, (title, Some(tapping.message)), at).await
}

#[derive(Deserialize)]
pub(super) struct Reacting {
    provider: String,
    person: Option<String>,
    /// To which message.
    message: String,
    /// None: taken back.
    emoji: Option<String>,
}

/// The longest emoji: a family has eleven characters.
const EMOJI: usize = 16;

/// `POST /api/react`: the visitor puts an emoji on an answer, or takes it away.
pub(super) async fn react(State(page): State<Page>, Json(reacting): Json<Reacting>) -> Response {
    let visitor = match simulated(&page, &reacting.provider, reacting.person.as_deref()) {
        Ok(visitor) => visitor,
        Err(refusal) => return refusal,
    };
    let emoji = reacting.emoji.filter(|emoji| !emoji.is_empty() && emoji.chars().count() <= EMOJI);
    if page.people[&visitor].reacts(&reacting.message, emoji.as_deref()).await.is_none() {
        let (fr, en) = ("Aucune réaction ne part d’ici.", "No reaction leaves from here.");
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, fr, en);
    }
    let mut reactions = page.reactions.lock().unwrap_or_else(PoisonError::into_inner);
    match emoji {
        Some(emoji) => reactions.insert(reacting.message, emoji),
        None => reactions.remove(&reacting.message),
    };
    Json(json!({})).into_response()
}

/// The phone of this person, if its provider is one whose phones are on the page.
#[expect(clippy::result_large_err, reason = "an answer is an answer")]
pub(super) fn simulated(page: &Page, name: &str, person: Option<&str>) -> Result<Visitor, Response> {
    let Ok(provider) = name.parse::<Provider>() else {
        return Err(refuse(StatusCode::BAD_REQUEST, "Fournisseur inconnu.", "Unknown provider."));
    };
    if page.stack.reality.of_provider(provider) {
        let fr = "Ce fournisseur est réel : écrivez depuis votre WhatsApp.";
        let en = "This provider is real: write from your own WhatsApp.";
        return Err(refuse(StatusCode::CONFLICT, fr, en));
    }
    Ok(Visitor { provider, who: Who::named(person) })
}

/// Keeps what was sent, and says whether the door took it.
pub(super) async fn keep(
    page: &Page,
    visitor: Visitor,
    sent: person::Said,
    (text, tapped): (String, Option<String>),
    at: DateTime<Utc>,
) -> Response {
    let (id, taken) = (sent.id.clone(), sent.delivery.status == Some(200));
    let spilled = taken && !page.harms.now().postgres && books::is_spilled(&page.stack.pool, &id).await;
    let entry = Said { sent: Arc::new(sent), text, tapped, at, taken, spilled };
    page.said.lock().unwrap_or_else(PoisonError::into_inner).entry(visitor).or_default().push(entry);
    if taken {
        Json(json!({ "id": id.as_str() })).into_response()
    } else {
        let fr = "Le service n’a pas pris le message : le fournisseur le garde et le redélivrera.";
        let en = "The service did not take the message: the provider keeps it and will deliver it again.";
        refuse(StatusCode::SERVICE_UNAVAILABLE, fr, en)
    }
}
