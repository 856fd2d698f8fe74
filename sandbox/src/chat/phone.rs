//! What stands on the visitor's phone: what was written on the page and what the simulated provider delivered.
//!
//! It asks the simulators only, so it is complete whatever servers are away.

use std::collections::HashMap;
use std::sync::PoisonError;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::message::{Provider, opaque};

use super::{Page, Said, Visitor};
use crate::person::Person;
use crate::simulators::receipts::Fate;
use crate::stack::Stack;

/// The messages in order of time. `causes` tells which message, or which word about a payment, each answer belongs to.
pub(super) fn messages(
    page: &Page,
    visitor: Visitor,
    said: &[Said],
    causes: &HashMap<String, String>,
) -> Vec<Value> {
    let read = read_by_us(&page.stack, visitor.provider);
    let reactions = page.reactions.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut messages: Vec<Value> = said
        .iter()
        .map(|said| {
            let status = match said.taken {
                true if read.contains(&said.sent.delivery.message_id) => "read",
                true => "delivered",
                false => "failed",
            };
            json!({ "id": said.id(), "from": "me", "text": said.text, "at": said.at.timestamp_millis(), "status": status, "replyTo": said.tapped })
        })
        .collect();
    for heard in page.people[&visitor].screen() {
        messages.push(json!({
            "id": heard.id, "from": "postly", "text": heard.text, "at": heard.at.timestamp_millis(),
            "status": word(heard.fate), "replyTo": causes.get(&opaque(&heard.id)), "menu": heard.offers,
            "reaction": reactions.get(&heard.id), "document": heard.document.map(|document| document.name),
        }));
    }
    messages.sort_by_key(|message| message["at"].as_i64());
    messages
}

/// Which document is opened.
#[derive(Deserialize)]
pub(super) struct Opened {
    message: String,
}

/// `GET /api/document`: what came with a message, to be saved.
pub(super) async fn document(State(page): State<Page>, Query(opened): Query<Opened>) -> Response {
    let mut screens = page.people.values().flat_map(Person::screen);
    let document = screens.find(|heard| heard.id == opened.message).and_then(|heard| heard.document);
    let Some(document) = document else { return StatusCode::NOT_FOUND.into_response() };
    let name = format!("attachment; filename=\"{}\"", document.name);
    let head = [(CONTENT_TYPE, document.mime_type), (CONTENT_DISPOSITION, name)];
    (head, document.bytes.to_vec()).into_response()
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

/// A French number as people write it.
pub(super) fn spaced(number: &str) -> String {
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
