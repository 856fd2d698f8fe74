//! What the visitor may break, and mends again: the worker, Redis, Postgres, the model, the peace of the webhook.
//!
//! Only what belongs to this run is ever touched; what is real, or named by the operator, is refused with the reason.
//! Everything that was done is kept with its time, for the story of the messages that it met.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::message::Provider;

use super::door::duplicates;
use super::{Page, Said, Visitor, Who, books, refuse};
use crate::simulators::openai::OpenAiFault;
use crate::stack::Stack;

/// Fast answers would hide what the page is there to show.
pub(super) const USUAL: Duration = Duration::from_millis(700);
/// A model that thinks long enough to kill a worker meanwhile.
const SLOW: Duration = Duration::from_secs(5);
/// How many deeds are remembered, the latest ones.
const REMEMBERED: usize = 300;

/// A button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Harm {
    Redeliver,
    KillWorker,
    Redis,
    Postgres,
    SlowModel,
    FailModel,
}

/// How the model is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mood {
    /// As usual.
    #[default]
    Usual,
    /// Every answer takes some seconds.
    Slow,
    /// Every answer is a 503.
    Failing,
}

/// Something that was done, or happened because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Did {
    /// The provider delivered a message again, and this is what the door answered and made of it.
    Redelivered { status: Option<u16>, known: bool, spilled: bool },
    /// Redis was taken away, or came back.
    Redis { away: bool },
    /// Postgres was taken away, or came back.
    Postgres { away: bool },
    /// The model's mood changed.
    Model(Mood),
    /// A worker began this attempt, which is not the first.
    Retaken(u32),
}

/// One of them, with its time, and with the message if it concerns just one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deed {
    pub at: DateTime<Utc>,
    pub message: Option<String>,
    pub did: Did,
}

/// What is broken now, and everything that was done.
#[derive(Debug, Clone, Default)]
pub(super) struct Damage {
    pub redis: bool,
    pub postgres: bool,
    pub model: Mood,
    pub deeds: Vec<Deed>,
}

/// The damage of this run.
#[derive(Debug, Default)]
pub(super) struct Harms(Mutex<Damage>);

impl Harms {
    /// How things are.
    pub(super) fn now(&self) -> Damage {
        self.lock().clone()
    }

    /// Keeps a deed.
    pub(super) fn note(&self, deed: Deed) {
        let mut damage = self.lock();
        if damage.deeds.len() == REMEMBERED {
            damage.deeds.remove(0);
        }
        damage.deeds.push(deed);
    }

    fn lock(&self) -> MutexGuard<'_, Damage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sentence in both languages.
type Sentence = (&'static str, &'static str);

impl Harm {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Redeliver, "redeliver"),
        (Self::KillWorker, "kill_worker"),
        (Self::Redis, "redis"),
        (Self::Postgres, "postgres"),
        (Self::SlowModel, "slow_model"),
        (Self::FailModel, "fail_model"),
    ];

    /// Why this may not be done now.
    fn refusal(self, stack: &Stack, provider: Provider, last: Option<&Said>) -> Option<Sentence> {
        let (real, servers) = (stack.reality, &stack.servers);
        match self {
            Self::Redeliver if real.of_provider(provider) => {
                Some(("Fournisseur réel : lui seul redélivre.", "A real provider: it alone delivers again."))
            }
            Self::Redeliver if last.is_none() => {
                Some(("Envoyez d’abord un message.", "Send a message first."))
            }
            Self::KillWorker if !stack.worker.runs() => Some((
                "Le worker est déjà mort : il revient.",
                "The worker is dead already: it is coming back.",
            )),
            Self::Redis if !servers.owns_redis() => Some((
                "REDIS_URL est donné : la démo n’y touche pas.",
                "REDIS_URL is given: the demo leaves it alone.",
            )),
            Self::Postgres if !servers.owns_postgres() => Some((
                "DATABASE_URL est donné : la démo n’y touche pas.",
                "DATABASE_URL is given: the demo leaves it alone.",
            )),
            Self::SlowModel | Self::FailModel if real.model => Some((
                "Le modèle est réel : la démo n’y touche pas.",
                "The model is real: the demo leaves it alone.",
            )),
            _ => None,
        }
    }

    fn is_on(self, damage: &Damage) -> Option<bool> {
        match self {
            Self::Redeliver | Self::KillWorker => None,
            Self::Redis => Some(damage.redis),
            Self::Postgres => Some(damage.postgres),
            Self::SlowModel => Some(damage.model == Mood::Slow),
            Self::FailModel => Some(damage.model == Mood::Failing),
        }
    }
}

/// The buttons as the page draws them.
pub(super) fn buttons(stack: &Stack, provider: Provider, last: Option<&Said>, damage: &Damage) -> Vec<Value> {
    let draw = |(harm, id): (Harm, &str)| {
        let why = harm.refusal(stack, provider, last).map(|(fr, en)| json!({ "fr": fr, "en": en }));
        json!({ "id": id, "on": harm.is_on(damage), "why": why })
    };
    Harm::ALL.map(draw).to_vec()
}

#[derive(Deserialize)]
pub(super) struct Asked {
    provider: String,
    person: Option<String>,
    harm: Harm,
    /// Whether it is to be broken, or whole; without meaning for what happens once.
    #[serde(default)]
    on: bool,
}

/// `POST /api/harm`: answers when it is done.
pub(super) async fn inflict(State(page): State<Page>, Json(asked): Json<Asked>) -> Response {
    let Ok(provider) = asked.provider.parse::<Provider>() else {
        return refuse(StatusCode::BAD_REQUEST, "Fournisseur inconnu.", "Unknown provider.");
    };
    let visitor = Visitor { provider, who: Who::named(asked.person.as_deref()) };
    let last = page.said(visitor).pop();
    if let Some((fr, en)) = asked.harm.refusal(&page.stack, provider, last.as_ref()) {
        return refuse(StatusCode::CONFLICT, fr, en);
    }
    // To its end, even if the browser goes away: a half-noted outage would be worse than either.
    let done = tokio::spawn(async move {
        match asked.harm {
            Harm::Redeliver => {
                if let Some(last) = last {
                    redeliver(&page, visitor, &last).await;
                }
                Ok(())
            }
            Harm::KillWorker => {
                page.stack.worker.kill();
                Ok(())
            }
            Harm::Redis | Harm::Postgres => server(&page, asked.harm, asked.on).await,
            Harm::SlowModel => {
                model(&page, if asked.on { Mood::Slow } else { Mood::Usual });
                Ok(())
            }
            Harm::FailModel => {
                model(&page, if asked.on { Mood::Failing } else { Mood::Usual });
                Ok(())
            }
        }
    });
    super::ended(done.await)
}

/// What the provider does when it doubts: the same bytes, the same signature.
async fn redeliver(page: &Page, visitor: Visitor, last: &Said) {
    let door = page.stack.ingest_admin_url();
    let at = page.clock.now();
    let before = duplicates(door, visitor.provider).await;
    let again = page.people[&visitor].redeliver(&last.sent, 1, false).await;
    let known = before.is_some() && before < duplicates(door, visitor.provider).await;
    let status = again.first().and_then(|delivery| delivery.status);
    let spilled =
        !known && !page.harms.now().postgres && books::is_spilled(&page.stack.pool, &last.sent.id).await;
    if status == Some(200) {
        page.change(visitor, last.id(), |said| said.taken = true);
    }
    let did = Did::Redelivered { status, known, spilled };
    page.harms.note(Deed { at, message: Some(last.id().to_owned()), did });
}

async fn server(page: &Page, harm: Harm, away: bool) -> Result<()> {
    let (servers, began) = (&page.stack.servers, page.clock.now());
    match (harm, away) {
        (Harm::Redis, true) => servers.kill_redis().await?,
        (Harm::Redis, false) => {
            servers.start_redis().await?;
            // Our own line was cut: its first call finds out.
            if page.stack.queue.ping().await.is_err() {
                let _ = page.stack.queue.ping().await;
            }
        }
        (_, true) => servers.kill_postgres().await?,
        (_, false) => servers.start_postgres().await?,
    }
    // Away from the first moment on, back from the last.
    let at = if away { began } else { page.clock.now() };
    let mut damage = page.harms.lock();
    let did = if harm == Harm::Redis {
        damage.redis = away;
        Did::Redis { away }
    } else {
        damage.postgres = away;
        Did::Postgres { away }
    };
    drop(damage);
    page.harms.note(Deed { at, message: None, did });
    Ok(())
}

fn model(page: &Page, mood: Mood) {
    let openai = &page.stack.stage.openai;
    openai.recovers();
    openai.slow(if mood == Mood::Slow { SLOW } else { USUAL });
    if mood == Mood::Failing {
        openai.fails_next(usize::MAX, OpenAiFault::Overloaded503);
    }
    page.harms.lock().model = mood;
    page.harms.note(Deed { at: page.clock.now(), message: None, did: Did::Model(mood) });
}
