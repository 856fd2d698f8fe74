//! `Idempotency-Key`: the same key and the same parameters give the same answer, whatever it was.
//!
//! A key is in use from the moment its request is let in until its answer leaves or its client has gone. An answer
//! is kept when execution had begun, also a 500, and even when nobody was there to hear it; a refusal of the
//! parameters frees the key. Keys are forgotten after 24 hours by the simulator's clock.

use std::collections::HashMap;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::Stripe;
use super::errors::ApiError;
use super::form::Form;

/// Longest key.
const LONGEST: usize = 255;
/// How long an answer is kept; the real one promises at least this.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// A status and a body, as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Value,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec_pretty(&self.body).expect("a JSON value is always written");
        (self.status, [(CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// Every key that is remembered, and the list of those that came.
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: HashMap<String, Known>,
    /// In order of arrival, repetitions included.
    pub seen: Vec<String>,
}

#[derive(Debug)]
struct Known {
    since: DateTime<Utc>,
    parameters: Form,
    /// The id of the request that came first.
    original: String,
    /// `None` while it is in use.
    answer: Option<Answer>,
}

/// What a key means for the request that carries it.
pub(super) enum Turn {
    /// It is the first: go on, and leave the answer in the claim.
    First(Claim),
    /// It was answered before, by the request with this id.
    Again(Answer, String),
}

/// A key in use. Whatever ends the request ends the claim, with the answer that was left in it.
pub(super) struct Claim {
    stripe: Stripe,
    key: Option<String>,
    answer: Option<Answer>,
}

impl Claim {
    /// This is what the key will be answered from now on.
    pub fn keep(&mut self, answer: Answer) {
        self.answer = Some(answer);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let (Some(key), answer) = (self.key.take(), self.answer.take()) else { return };
        self.stripe.0.keys.change(|keys| match (keys.known.get_mut(&key), answer) {
            (Some(known), Some(answer)) => known.answer = Some(answer),
            (Some(_), None) => drop(keys.known.remove(&key)),
            (None, _) => {}
        });
    }
}

/// The key of a request; an empty header is none.
pub(super) fn key(headers: &HeaderMap) -> Option<&str> {
    headers.get("idempotency-key").and_then(|key| key.to_str().ok()).filter(|key| !key.is_empty())
}

impl Stripe {
    /// Writes down a key whose request is refused before it gets a turn.
    pub(super) fn saw_key(&self, key: Option<&str>) {
        if let Some(key) = key {
            self.0.keys.change(|keys| keys.seen.push(key.to_owned()));
        }
    }

    /// Takes a turn for the request `id`. Without a key every request is the first.
    pub(super) fn turn(&self, key: Option<&str>, parameters: &Form, id: &str) -> Result<Turn, ApiError> {
        let Some(key) = key else {
            return Ok(Turn::First(Claim { stripe: self.clone(), key: None, answer: None }));
        };
        if key.len() > LONGEST {
            let message = format!("Idempotency keys can only be up to {LONGEST} characters long.");
            return Err(ApiError::request(message));
        }
        let mut parameters = parameters.clone();
        parameters.sort();
        let now = self.0.clock.now();
        let known = self.0.keys.change(|keys| {
            keys.seen.push(key.to_owned());
            keys.known.retain(|_, known| known.answer.is_none() || now - known.since < KEPT);
            if let Some(known) = keys.known.get(key) {
                return Some((known.parameters == parameters, known.answer.clone(), known.original.clone()));
            }
            let known = Known { since: now, parameters, original: id.to_owned(), answer: None };
            keys.known.insert(key.to_owned(), known);
            None
        });
        match known {
            None => Ok(Turn::First(Claim { stripe: self.clone(), key: Some(key.to_owned()), answer: None })),
            Some((false, ..)) => Err(ApiError::other_parameters(key)),
            Some((true, None, _)) => Err(ApiError::in_use(key)),
            Some((true, Some(answer), original)) => Ok(Turn::Again(answer, original)),
        }
    }
}
