//! The chat page: what one writes goes out as a signed webhook, what the phone receives comes back, and beside it
//! stands the story of the message, read from the books.

mod books;
mod dashboard;
mod door;
mod files;
mod hand;
mod harm;
mod phone;
mod purse;
mod sound;
mod story;
mod visitor;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Json;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::generation::{self, Generation};
use shared::message::Provider;
use tokio::net::TcpListener;
use tokio::task::JoinError;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::person::{self, Person};
use crate::stack::Stack;
use crate::stage::BUSINESS_NUMBER;

use books::{Books, Tale};
use harm::{Damage, Deed, Did, Harms};
use phone::spaced;
use story::Subject;

pub use visitor::{Visitor, Who};

/// What a new visitor of the demo owns, as a new account of the web app does.
pub const WELCOME: i32 = 5;

/// How long Redis has to say how the queue is. The page asks again in a moment.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Something the visitor wrote on the page, or tapped.
#[derive(Debug, Clone)]
struct Said {
    sent: Arc<person::Said>,
    text: String,
    /// The message that it was tapped under.
    tapped: Option<String>,
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
    people: Arc<HashMap<Visitor, Person>>,
    said: Arc<Mutex<HashMap<Visitor, Vec<Said>>>>,
    reactions: Arc<Mutex<HashMap<String, String>>>,
    books: Arc<Books>,
    harms: Arc<Harms>,
    clock: Clock,
    /// Dropped last: when all are gone, nobody holds the system any more.
    _holder: TaskTrackerToken,
}

impl Page {
    /// What was said from this phone, oldest first.
    fn said(&self, visitor: Visitor) -> Vec<Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).get(&visitor).cloned().unwrap_or_default()
    }

    /// Corrects what is known about something that was said.
    fn change(&self, visitor: Visitor, id: &str, change: impl FnOnce(&mut Said)) {
        let mut all = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) =
            all.get_mut(&visitor).and_then(|said| said.iter_mut().find(|said| said.id() == id))
        {
            change(said);
        }
    }
}

/// Opens the accounts of the visitors, with their welcome credits, if they are not there yet.
pub async fn visitors(stack: &Stack) -> HashMap<Visitor, Person> {
    let mut people = HashMap::new();
    for visitor in Visitor::all() {
        let (number, name) = (visitor.number(), visitor.who.name());
        let person = Person::new(&stack.stage, &stack.pool, visitor.provider, number, name);
        let known: bool =
            sqlx::query_scalar(r#"select exists (select from "User" where "waPhoneE164" = $1)"#)
                .bind(number)
                .fetch_one(&stack.pool)
                .await
                .unwrap_or(true);
        if !known {
            let person = person.with_credits(WELCOME).await;
            let _ = wrote_before(stack, &person).await;
            people.insert(visitor, person);
            continue;
        }
        people.insert(visitor, person);
    }
    people
}

/// Gives somebody posts of an earlier day, written in the web app, so that there is something to be seen in the portal.
/// It is there without them.
async fn wrote_before(stack: &Stack, person: &Person) -> Result<()> {
    let generation = Generation {
        brief: "Soldes d’été dans ma boutique de vêtements, ce week-end",
        platform: Some("instagram"),
        industry: Some("mode"),
        objective: Some("promotion"),
        tone: Some("chaleureux"),
        language: Some("fr"),
        prompt: "",
        posts: [
            "☀️ Les soldes d’été commencent ce week-end\u{a0}! Robes légères, chemises en lin\u{a0}: tout part à petit prix. On vous attend\u{202f}?",
            "Votre robe préférée vous attendait… elle est à −40\u{a0}% dès samedi. 👗 Venez l’essayer avant qu’elle ne parte.",
            "Ce week-end, l’été est en solde. Passez nous voir, les plus belles pièces partent les premières. 🛍️",
        ],
        tokens: 0,
    };
    let earlier = Clock::system().now() - TimeDelta::days(3);
    let mut db = stack.pool.acquire().await?;
    generation::add(&mut db, &person.account().await, &generation, earlier).await?;
    Ok(())
}

/// Serves the page until `stop` resolves. When it returns, none of its requests holds the system any more: axum's
/// connections end a moment before what they were served with is dropped.
pub async fn serve(
    stack: Arc<Stack>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    stack.stage.openai.slow(harm::USUAL);
    let people = Arc::new(visitors(&stack).await);
    let holders = TaskTracker::new();
    let page = Page {
        stack,
        people,
        said: Arc::default(),
        reactions: Arc::default(),
        books: Arc::default(),
        harms: Arc::default(),
        clock: Clock::system(),
        _holder: holders.token(),
    };
    let router = files::routes()
        .route("/api/state", get(state))
        .route("/api/document", get(phone::document))
        .route("/api/say", post(hand::say))
        .route("/api/tap", post(hand::tap))
        .route("/api/react", post(hand::react))
        .route("/api/voice", post(sound::send).layer(DefaultBodyLimit::max(sound::LARGEST)))
        .route("/api/harm", post(harm::inflict))
        .route("/api/purse", post(purse::open))
        .route("/dashboard", get(dashboard::show))
        .with_state(page);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop).await;
    holders.close();
    holders.wait().await;
    served.context("serving the chat page")
}

/// A refusal, with its reason in both languages.
fn refuse(status: StatusCode, fr: &str, en: &str) -> Response {
    (status, Json(json!({ "error": { "fr": fr, "en": en } }))).into_response()
}

/// The answer to something that was done in a task of its own.
fn ended(done: Result<Result<()>, JoinError>) -> Response {
    match done {
        Ok(Ok(())) => Json(json!({})).into_response(),
        Ok(Err(error)) => {
            let sentence = format!("{error:#}");
            refuse(StatusCode::CONFLICT, &sentence, &sentence)
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Deserialize)]
struct Asking {
    provider: Option<String>,
    person: Option<String>,
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
    let visitor = Visitor { provider, who: Who::named(asking.person.as_deref()) };
    let (number, name) = (visitor.number(), visitor.who.name());
    let person = &page.people[&visitor];
    let said = page.said(visitor);
    let damage = page.harms.now();
    let ids: Vec<&str> = said.iter().map(Said::id).collect();
    let pool = (!damage.postgres).then_some(&stack.pool);
    let asked = asking.message.as_deref();
    let ((seen, tale), figures) = tokio::join!(
        async {
            let seen = page.books.look(pool, visitor, &ids).await;
            // What does not answer is not asked twice.
            let pool = pool.filter(|_| seen.fresh);
            let tale = match Subject::of(asked, &said, &seen.payments) {
                Some(subject) => page.books.tale(pool, subject.id()).await,
                None => Tale::default(),
            };
            (seen, tale)
        },
        async {
            // A server that is known to be away is not waited for.
            let asked = (!damage.redis).then(|| timeout(PATIENCE, stack.queue.figures()));
            asked?.await.ok().and_then(Result::ok)
        }
    );
    let subject = Subject::of(asked, &said, &seen.payments);
    if let (Some(attempt), Some(Subject::Said(said))) = (tale.retaken, &subject) {
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
        "people": Visitor::names(),
        "conversation": format!("{provider} {name}"),
        "business": { "name": "Postly", "phone": spaced(&format!("+{BUSINESS_NUMBER}")) },
        "credits": seen.account.as_ref().map(|account| account.credits),
        "typing": person.sees_typing(),
        "messages": phone::messages(page, visitor, &said, &seen.causes),
        "selected": subject.map(|subject| subject.id().as_str().to_owned()),
        "about": subject.map(Subject::about),
        "story": subject.map(|subject| subject.story(stack, &tale.events, &damage, page.clock.now())).unwrap_or_default(),
        "services": {
            "redis": away(damage.redis, figures.is_some()),
            "postgres": away(damage.postgres, seen.fresh),
            "worker": if stack.worker.runs() { "up" } else { "stopped" },
        },
        "harms": harm::buttons(stack, provider, said.last(), &damage),
        "purse": purse::buttons(stack, provider, &seen, &damage),
        "queue": figures.map(|figures| json!({
            "ready": figures.ready, "leased": figures.leased, "delayed": figures.delayed, "dead": figures.dead,
            "oldestAgeSeconds": figures.oldest_age.as_secs_f64(),
        })),
    })
}
