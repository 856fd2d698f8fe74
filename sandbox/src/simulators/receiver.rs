//! A stand-in for the product in the simulators' own tests: takes any webhook and remembers it.
//!
//! It answers what the test told it to answer, 200 with an empty body at first.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::courier::loopback_client;
use super::life::{Door, Life};
use super::watched::Watched;

/// The product's client, for a test.
pub fn client() -> reqwest::Client {
    loopback_client("product/1.0")
}

/// A webhook that arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Arrival {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub fn field(&self, name: &str) -> String {
        self.form().into_iter().find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
    }
}

/// Our webhook, for a test.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    pub life: Life,
    state: Arc<Watched<Seen>>,
}

struct Seen {
    arrivals: Vec<Arrival>,
    answer: (u16, Option<&'static str>, &'static str),
}

impl Receiver {
    pub async fn start() -> Self {
        let door = Door::open().await.unwrap();
        let seen = Seen { arrivals: Vec::new(), answer: (200, None, "") };
        let receiver = Self { url: door.url(), life: Life::default(), state: Arc::new(Watched::new(seen)) };
        receiver.life.serve(door, Router::new().fallback(take).with_state(receiver.clone()));
        receiver
    }

    pub fn answers(&self, status: u16, content_type: Option<&'static str>, body: &'static str) {
        self.state.change(|seen| seen.answer = (status, content_type, body));
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.state.read(|seen| seen.arrivals.clone())
    }

    pub async fn wait(&self, n: usize) -> Vec<Arrival> {
        let enough = |seen: &Seen| (seen.arrivals.len() >= n).then(|| seen.arrivals.clone());
        self.state.until(Duration::from_secs(5), format!("{n} webhooks"), enough).await.unwrap()
    }
}

async fn take(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let arrival = Arrival { uri: uri.to_string(), headers, body: body.to_vec() };
    let (status, content_type, text) = receiver.state.change(|seen| {
        seen.arrivals.push(arrival);
        seen.answer
    });
    let mut response = (StatusCode::from_u16(status).unwrap(), text).into_response();
    response.headers_mut().remove("content-type");
    if let Some(content_type) = content_type {
        response.headers_mut().insert("content-type", content_type.parse().unwrap());
    }
    response
}
