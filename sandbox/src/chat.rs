//! The chat page: what one writes goes out as a signed webhook, what the phone receives comes back, and beside it
//! stands the story of the message, read from the books.

mod story;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::message::Provider;
use sqlx::PgPool;
use tokio::net::TcpListener;

use crate::person::{Person, Phone};
use crate::simulators::receipts::Fate;
use crate::stack::Stack;
use crate::stage::BUSINESS_NUMBER;

/// What a new visitor of the demo owns, as a new account of the web app does.
pub const WELCOME: i32 = 5;

/// The visitor, once per provider: one number each, since the two would otherwise share one account.
pub const VISITORS: [(Provider, &str, &str); 2] =
    [(Provider::Meta, "+33639980001", "Alice"), (Provider::Twilio, "+33639980002", "Alice")];

/// Something the visitor wrote on the page.
#[derive(Debug, Clone)]
struct Said {
    id: String,
    text: String,
    at: DateTime<Utc>,
    answered_ms: Option<i64>,
    status: Option<u16>,
}

#[derive(Clone)]
struct Page {
    stack: Arc<Stack>,
    people: Arc<HashMap<Provider, Person>>,
    said: Arc<Mutex<HashMap<Provider, Vec<Said>>>>,
    clock: Clock,
}

/// Opens the accounts of the visitors, with their welcome credits, if they are not there yet.
pub async fn visitors(stack: &Stack) -> HashMap<Provider, Person> {
    let mut people = HashMap::new();
    for (provider, number, name) in VISITORS {
        let person = Person::new(&stack.stage, &stack.pool, provider, number, name);
        let known: bool =
            sqlx::query_scalar(r#"select exists (select from "User" where "waPhoneE164" = $1)"#)
                .bind(number)
                .fetch_one(&stack.pool)
                .await
                .unwrap_or(true);
        people.insert(provider, if known { person } else { person.with_credits(WELCOME).await });
    }
    people
}

/// Serves the page until `stop` resolves.
pub async fn serve(
    stack: Arc<Stack>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let people = Arc::new(visitors(&stack).await);
    let page = Page { stack, people, said: Arc::default(), clock: Clock::system() };
    let router = Router::new()
        .route(
            "/",
            get(|| async { ([(CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("chat.html")) }),
        )
        .route("/api/state", get(state))
        .route("/api/say", post(say))
        .with_state(page);
    axum::serve(listener, router).with_graceful_shutdown(stop).await.context("serving the chat page")
}

#[derive(Deserialize)]
struct Saying {
    provider: String,
    text: String,
}

/// `POST /api/say`: the visitor's phone sends a message. Answers when ingest has answered the webhook.
async fn say(State(page): State<Page>, Json(saying): Json<Saying>) -> Response {
    let refuse =
        |status: StatusCode, sentence: &str| (status, Json(json!({ "error": sentence }))).into_response();
    let Ok(provider) = saying.provider.parse::<Provider>() else {
        return refuse(StatusCode::BAD_REQUEST, "Fournisseur inconnu.");
    };
    if page.stack.reality.of_provider(provider) {
        return refuse(StatusCode::CONFLICT, "Ce fournisseur est réel : écrivez depuis votre WhatsApp.");
    }
    if saying.text.trim().is_empty() {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "Écrivez d’abord un message.");
    }
    let at = page.clock.now();
    let said = page.people[&provider].says(&saying.text).await;
    let id = said.id.as_str().to_owned();
    let taken = said.delivery.status == Some(200);
    let entry = Said {
        id: id.clone(),
        text: saying.text,
        at,
        answered_ms: i64::try_from(said.delivery.elapsed.as_millis()).ok(),
        status: said.delivery.status,
    };
    page.said.lock().unwrap_or_else(PoisonError::into_inner).entry(provider).or_default().push(entry);
    if taken {
        Json(json!({ "id": id })).into_response()
    } else {
        refuse(StatusCode::SERVICE_UNAVAILABLE, "Le service n’a pas pris le message.")
    }
}

#[derive(Deserialize)]
struct Asking {
    provider: Option<String>,
    message: Option<String>,
}

/// `GET /api/state`: everything that the page shows.
async fn state(State(page): State<Page>, Query(asking): Query<Asking>) -> Response {
    match look(&page, &asking).await {
        Ok(view) => ([(CACHE_CONTROL, "no-store")], Json(view)).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn look(page: &Page, asking: &Asking) -> Result<Value> {
    let stack = &page.stack;
    let provider = asking.provider.as_deref().and_then(|name| name.parse().ok()).unwrap_or(Provider::Meta);
    let person = &page.people[&provider];
    let said =
        page.said.lock().unwrap_or_else(PoisonError::into_inner).get(&provider).cloned().unwrap_or_default();
    let causes = causes(&stack.pool, &said).await?;
    let read = read_by_us(stack, provider);
    let mut messages: Vec<Value> = said
        .iter()
        .map(|said| {
            let provider_id = said.id.splitn(3, ':').nth(2).unwrap_or_default();
            let status = match said.status {
                Some(200) if read.iter().any(|id| id == provider_id) => "read",
                Some(200) => "delivered",
                _ => "failed",
            };
            json!({ "id": said.id, "from": "me", "text": said.text, "at": said.at.timestamp_millis(), "status": status, "replyTo": null })
        })
        .collect();
    for heard in heard(person) {
        let cause = causes.get(&heard.id);
        messages.push(json!({
            "id": heard.id, "from": "postly", "text": heard.text, "at": heard.at.timestamp_millis(),
            "status": heard.fate, "replyTo": cause,
        }));
    }
    messages.sort_by_key(|message| message["at"].as_i64());
    let selected =
        asking.message.as_ref().and_then(|id| said.iter().find(|said| said.id == *id)).or(said.last());
    let story = match selected {
        Some(said) => story::tell(stack, said).await?,
        None => Vec::new(),
    };
    let figures = stack.queue.figures().await.unwrap_or_default();
    let (_, number, name) = VISITORS[usize::from(provider == Provider::Twilio)];
    Ok(json!({
        "provider": provider.as_str(),
        "providers": Provider::ALL.map(Provider::as_str),
        "real": stack.reality.of_provider(provider),
        "person": { "name": name, "phone": spaced(number) },
        "business": { "name": "Postly", "phone": spaced(&format!("+{BUSINESS_NUMBER}")) },
        "credits": person.credits().await,
        "typing": match &person.phone {
            Phone::Meta(person) => person.sees_typing(),
            Phone::Twilio(person) => person.sees_typing(),
        },
        "messages": messages,
        "selected": selected.map(|said| &said.id),
        "story": story,
        "queue": {
            "ready": figures.ready, "leased": figures.leased, "delayed": figures.delayed, "dead": figures.dead,
            "oldestAgeSeconds": figures.oldest_age.as_secs_f64(),
        },
    }))
}

struct Heard {
    id: String,
    text: String,
    at: DateTime<Utc>,
    fate: &'static str,
}

fn heard(person: &Person) -> Vec<Heard> {
    match &person.phone {
        Phone::Meta(person) => person
            .heard()
            .into_iter()
            .map(|sent| Heard { id: sent.wamid, text: sent.text, at: sent.at, fate: word(sent.status) })
            .collect(),
        Phone::Twilio(person) => person
            .heard()
            .into_iter()
            .map(|sent| Heard { id: sent.sid, text: sent.text, at: sent.at, fate: word(sent.status) })
            .collect(),
    }
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Accepted => "pending",
        Fate::Sent => "sent",
        Fate::Delivered => "delivered",
        Fate::Read => "read",
        Fate::Failed(_) => "failed",
    }
}

/// Which of the visitor's messages bear our read receipt.
fn read_by_us(stack: &Stack, provider: Provider) -> Vec<String> {
    match provider {
        Provider::Meta => {
            stack.stage.meta.read_receipts().into_iter().map(|receipt| receipt.message_id).collect()
        }
        Provider::Twilio => {
            stack.stage.twilio.typings().into_iter().map(|typing| typing.message_sid).collect()
        }
    }
}

/// Which message each answer belongs to, by the provider's id of the answer.
async fn causes(pool: &PgPool, said: &[Said]) -> Result<HashMap<String, String>> {
    let ids: Vec<&str> = said.iter().map(|said| said.id.as_str()).collect();
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select provider_message_id, cause from wa.outbox where cause = any($1) and provider_message_id is not null",
    )
    .bind(ids)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().collect())
}

/// A French number as people write it.
fn spaced(number: &str) -> String {
    let (country, rest) = number.split_at(3.min(number.len()));
    let mut shown = country.to_owned();
    for (place, digit) in rest.chars().enumerate() {
        if place % 2 == 1 || place == 0 {
            shown.push(' ');
        }
        shown.push(digit);
    }
    shown
}
