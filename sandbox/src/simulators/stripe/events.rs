//! What Stripe has to tell, in its envelope, and the order in which a test wants it to be told.
//!
//! An event is written once: every delivery of it carries the same bytes. The endpoint receives the kinds that it is
//! subscribed to, all of them at first, and nothing is made for the others.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::courier::Delivery;
use super::Stripe;
use super::account::{fresh, list};

/// The version in which events are written.
pub(super) const API_VERSION: &str = "2026-10-28.endive";

/// How the events of later deeds are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// One after the other, in the order in which they happened. What fails is tried again beside the others.
    Immediate,
    /// The same, after a pause.
    Delayed(Duration),
    /// Each one twice at the same time.
    Duplicated,
    /// Those of one deed in reverse order.
    Backwards,
}

/// Something that happened to an object.
#[derive(Debug)]
pub(super) struct Happening {
    kind: &'static str,
    object: Value,
    before: Option<Value>,
}

impl Happening {
    pub fn new(kind: &'static str, object: Value) -> Self {
        Self { kind, object, before: None }
    }

    /// What the fields that changed were before.
    pub fn changed(self, before: Value) -> Self {
        Self { before: Some(before), ..self }
    }
}

/// An event as it travels.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub id: String,
    pub body: Vec<u8>,
    kind: String,
}

/// The endpoint, and everything that was or is to be told to it.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub webhook_url: Option<String>,
    pub secrets: Vec<String>,
    pub tries: u32,
    pub pause: Duration,
    listed_url: Option<String>,
    enabled_events: Vec<String>,
    policy: Events,
    events: Vec<Event>,
    held: Option<Vec<Event>>,
}

impl Dispatch {
    pub fn new(secrets: Vec<String>) -> Self {
        Self {
            webhook_url: None,
            secrets,
            tries: 5,
            pause: Duration::from_millis(100),
            listed_url: None,
            enabled_events: vec!["*".to_owned()],
            policy: Events::Immediate,
            events: Vec::new(),
            held: None,
        }
    }

    fn wants(&self, kind: &str) -> bool {
        self.enabled_events.iter().any(|enabled| enabled == "*" || enabled == kind)
    }

    /// The answer of `GET /v1/webhook_endpoints`.
    pub fn endpoints(&self) -> Value {
        let url = self.listed_url.as_ref().or(self.webhook_url.as_ref());
        let endpoint = |url: &String| {
            json!({
                "id": "we_1SandboxEndpoint000000001",
                "object": "webhook_endpoint",
                "api_version": API_VERSION,
                "application": null,
                "created": 1_780_000_000,
                "description": null,
                "enabled_events": self.enabled_events,
                "livemode": false,
                "metadata": {},
                "status": "enabled",
                "url": url,
            })
        };
        list("/v1/webhook_endpoints", &url.map(endpoint).into_iter().collect::<Vec<_>>())
    }
}

impl Stripe {
    /// How the events of later deeds are delivered.
    pub fn events(&self, policy: Events) {
        self.0.dispatch.change(|dispatch| dispatch.policy = policy);
    }

    /// The endpoint as it stands in Stripe's dashboard: its public URL (at first, where the bytes go) and the kinds
    /// it is subscribed to (at first `*`). Later events of other kinds are not sent.
    pub fn endpoint(&self, url: impl Into<String>, enabled_events: &[&str]) {
        self.0.dispatch.change(|dispatch| {
            dispatch.listed_url = Some(url.into());
            dispatch.enabled_events = enabled_events.iter().map(|&kind| kind.to_owned()).collect();
        });
    }

    /// From now on events are made and kept back.
    pub fn hold(&self) {
        self.0.dispatch.change(|dispatch| {
            dispatch.held.get_or_insert_default();
        });
    }

    /// Ends [`Stripe::hold`] and delivers what was kept back, the latest first.
    pub async fn release(&self) -> Vec<Delivery> {
        let held = self.0.dispatch.change(|dispatch| dispatch.held.take()).unwrap_or_default();
        self.carries(held.into_iter().rev().collect(), Duration::ZERO, 1).await
    }

    /// The id of every event, oldest first, whether or not it has been delivered.
    #[must_use]
    pub fn event_ids(&self) -> Vec<String> {
        self.0.dispatch.read(|dispatch| dispatch.events.iter().map(|event| event.id.clone()).collect())
    }

    /// The ids of the events of one kind, oldest first.
    #[must_use]
    pub fn event_ids_of(&self, kind: &str) -> Vec<String> {
        self.0.dispatch.read(|dispatch| {
            let of_kind = dispatch.events.iter().filter(|event| event.kind == kind);
            of_kind.map(|event| event.id.clone()).collect()
        })
    }

    /// An event as it was sent or is to be sent.
    #[must_use]
    pub fn event(&self, id: &str) -> Option<Value> {
        self.find(id).and_then(|event| serde_json::from_slice(&event.body).ok())
    }

    /// Makes an event of any kind about any object, and delivers it at once, whatever the policy, whatever is held and
    /// whatever the endpoint is subscribed to.
    pub async fn sends(&self, kind: &str, object: &Value) -> Delivery {
        let event = self.writes(kind, object, None);
        self.0.dispatch.change(|dispatch| dispatch.events.push(event.clone()));
        self.carries(vec![event], Duration::ZERO, 1).await.pop().unwrap_or_else(Delivery::nowhere)
    }

    /// Tells what happened, as the policy says. The deliveries are on their way when this returns, whether or not
    /// anybody waits for what it returns.
    pub(super) fn emits(&self, told: Vec<Happening>) -> impl Future<Output = Vec<Delivery>> + use<> {
        let wanted =
            told.into_iter().filter(|told| self.0.dispatch.read(|dispatch| dispatch.wants(told.kind)));
        let mut events: Vec<Event> =
            wanted.map(|told| self.writes(told.kind, &told.object, told.before.as_ref())).collect();
        let policy = self.0.dispatch.change(|dispatch| {
            dispatch.events.extend(events.iter().cloned());
            if let Some(held) = &mut dispatch.held {
                held.append(&mut events);
            }
            dispatch.policy
        });
        let (pause, copies) = match policy {
            Events::Immediate => (Duration::ZERO, 1),
            Events::Delayed(pause) => (pause, 1),
            Events::Duplicated => (Duration::ZERO, 2),
            Events::Backwards => {
                events.reverse();
                (Duration::ZERO, 1)
            }
        };
        self.carries(events, pause, copies)
    }

    /// An event by its id.
    pub(super) fn find(&self, id: &str) -> Option<Event> {
        self.0.dispatch.read(|dispatch| dispatch.events.iter().find(|event| event.id == id).cloned())
    }

    fn writes(&self, kind: &str, object: &Value, before: Option<&Value>) -> Event {
        let id = fresh("evt_1", 23);
        let mut data = json!({"object": object});
        if let Some(before) = before {
            data["previous_attributes"] = before.clone();
        }
        let event = json!({
            "id": id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.0.clock.now().timestamp(),
            "data": data,
            "livemode": false,
            "pending_webhooks": 1,
            "request": {"id": null, "idempotency_key": null},
            "type": kind,
        });
        let body = serde_json::to_vec_pretty(&event).expect("a JSON value is always written");
        Event { id, body, kind: kind.to_owned() }
    }
}
