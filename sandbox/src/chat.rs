//! The chat page: what one writes goes out as a signed webhook, what the phone receives comes back, and beside it
//! stands the story of the message, read from the books.

mod books;
mod door;
mod files;
mod harm;
mod phone;
mod story;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::message::Provider;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::person::{self, Person};
use crate::stack::Stack;
use crate::stage::BUSINESS_NUMBER;

use books::Books;
use harm::{Damage, Deed, Did, Harms};
use phone::spaced;

/// What a new visitor of the demo owns, as a new account of the web app does.
pub const WELCOME: i32 = 5;

/// The visitor, once per provider: one number each, since the two would otherwise share one account.
pub const VISITORS: [(Provider, &str, &str); 2] =
    [(Provider::Meta, "+33639980001", "Alice"), (Provider::Twilio, "+33639980002", "Alice")];

/// How long Redis has to say how the queue is. The page asks again in a moment.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Something the visitor wrote on the page.
#[derive(Debug, Clone)]
struct Said {
    sent: Arc<person::Said>,
    text: String,
    at: DateTime<Utc>,
    /// Whether the door has ever answered 200 for it.
    taken: bool,
    /// Whether it waited in Postgres for Redis.
    spilled: bool,
}

impl Said {
    fn id(&self) -> &str {
        self.sent.id.as_str()
    }
}

#[derive(Clone)]
struct Page {
    stack: Arc<Stack>,
    people: Arc<HashMap<Provider, Person>>,
    said: Arc<Mutex<HashMap<Provider, Vec<Said>>>>,
    books: Arc<Books>,
    harms: Arc<Harms>,
    clock: Clock,
}

impl Page {
    /// What was said through this provider, oldest first.
    fn said(&self, provider: Provider) -> Vec<Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).get(&provider).cloned().unwrap_or_default()
    }

    /// Corrects what is known about something that was said.
    fn change(&self, provider: Provider, id: &str, change: impl FnOnce(&mut Said)) {
        let mut all = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) =
            all.get_mut(&provider).and_then(|said| said.iter_mut().find(|said| said.id() == id))
        {
            change(said);
        }
    }
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
    stack.stage.openai.slow(harm::USUAL);
    let people = Arc::new(visitors(&stack).await);
    let page = Page {
        stack,
        people,
        said: Arc::default(),
        books: Arc::default(),
        harms: Arc::default(),
        clock: Clock::system(),
    };
    let router = files::routes()
        .route("/api/state", get(state))
        .route("/api/say", post(say))
        .route("/api/harm", post(harm::inflict))
        .with_state(page);
    axum::serve(listener, router).with_graceful_shutdown(stop).await.context("serving the chat page")
}

/// A refusal, with its reason in both languages.
fn refuse(status: StatusCode, fr: &str, en: &str) -> Response {
    (status, Json(json!({ "error": { "fr": fr, "en": en } }))).into_response()
}

#[derive(Deserialize)]
struct Saying {
    provider: String,
    text: String,
}

/// `POST /api/say`: the visitor's phone sends a message. Answers when ingest has answered the webhook.
async fn say(State(page): State<Page>, Json(saying): Json<Saying>) -> Response {
    let Ok(provider) = saying.provider.parse::<Provider>() else {
        return refuse(StatusCode::BAD_REQUEST, "Fournisseur inconnu.", "Unknown provider.");
    };
    if page.stack.reality.of_provider(provider) {
        let fr = "Ce fournisseur est réel : écrivez depuis votre WhatsApp.";
        return refuse(StatusCode::CONFLICT, fr, "This provider is real: write from your own WhatsApp.");
    }
    if saying.text.trim().is_empty() {
        return refuse(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Écrivez d’abord un message.",
            "Write a message first.",
        );
    }
    let at = page.clock.now();
    let sent = page.people[&provider].says(&saying.text).await;
    let (id, taken) = (sent.id.clone(), sent.delivery.status == Some(200));
    let spilled = taken && !page.harms.now().postgres && books::is_spilled(&page.stack.pool, &id).await;
    let entry = Said { sent: Arc::new(sent), text: saying.text, at, taken, spilled };
    page.said.lock().unwrap_or_else(PoisonError::into_inner).entry(provider).or_default().push(entry);
    if taken {
        Json(json!({ "id": id.as_str() })).into_response()
    } else {
        let fr = "Le service n’a pas pris le message : le fournisseur le garde et le redélivrera.";
        let en = "The service did not take the message: the provider keeps it and will deliver it again.";
        refuse(StatusCode::SERVICE_UNAVAILABLE, fr, en)
    }
}

#[derive(Deserialize)]
struct Asking {
    provider: Option<String>,
    message: Option<String>,
}

/// `GET /api/state`: everything that the page shows. It answers in bounded time whatever servers are away, with what
/// is known without them.
async fn state(State(page): State<Page>, Query(asking): Query<Asking>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(look(&page, &asking).await)).into_response()
}

async fn look(page: &Page, asking: &Asking) -> Value {
    let stack = &page.stack;
    let provider = asking.provider.as_deref().and_then(|name| name.parse().ok()).unwrap_or(Provider::Meta);
    let (_, number, name) = VISITORS[usize::from(provider == Provider::Twilio)];
    let person = &page.people[&provider];
    let said = page.said(provider);
    let selected =
        asking.message.as_ref().and_then(|id| said.iter().find(|said| said.id() == id)).or(said.last());
    let damage = page.harms.now();
    let ids: Vec<&str> = said.iter().map(Said::id).collect();
    let pool = (!damage.postgres).then_some(&stack.pool);
    let (seen, figures) = tokio::join!(
        page.books.look(pool, (provider, number), &ids, selected.map(|said| &said.sent.id)),
        async {
            // A server that is known to be away is not waited for.
            let asked = (!damage.redis).then(|| timeout(PATIENCE, stack.queue.figures()));
            asked?.await.ok().and_then(Result::ok)
        }
    );
    if let (Some(attempt), Some(said)) = (seen.retaken, selected) {
        let deed =
            Deed { at: page.clock.now(), message: Some(said.id().to_owned()), did: Did::Retaken(attempt) };
        page.harms.note(deed);
    }
    let damage = Damage { deeds: page.harms.now().deeds, ..damage };
    let away = |known: bool, answered: bool| match (known, answered) {
        (true, _) => "stopped",
        (false, false) => "silent",
        (false, true) => "up",
    };
    json!({
        "provider": provider.as_str(),
        "providers": Provider::ALL.map(Provider::as_str),
        "real": stack.reality.of_provider(provider),
        "person": { "name": name, "phone": spaced(number) },
        "business": { "name": "Postly", "phone": spaced(&format!("+{BUSINESS_NUMBER}")) },
        "credits": seen.credits,
        "typing": phone::typing(person),
        "messages": phone::messages(stack, provider, person, &said, &seen.causes),
        "selected": selected.map(Said::id),
        "story": selected.map(|said| story::tell(stack, said, &seen, &damage, page.clock.now())).unwrap_or_default(),
        "services": {
            "redis": away(damage.redis, figures.is_some()),
            "postgres": away(damage.postgres, seen.fresh),
            "worker": if stack.worker.runs() { "up" } else { "stopped" },
        },
        "harms": harm::buttons(stack, provider, said.last(), &damage),
        "queue": figures.map(|figures| json!({
            "ready": figures.ready, "leased": figures.leased, "delayed": figures.delayed, "dead": figures.dead,
            "oldestAgeSeconds": figures.oldest_age.as_secs_f64(),
        })),
    })
}
