//! The typing indicator: `POST /v2/Indicators/Typing.json` (form) and `/v3/…` (JSON, channel in capitals).
//!
//! It needs the sid of a message that the person really sent, shows for 25 seconds at most, and marks as read.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Twilio;
use super::account::{Direction, Typing};
use super::api::{Form, TYPING};
use super::errors::RestError;

/// How long "typing…" is shown without a message.
const SHOWN: TimeDelta = TimeDelta::seconds(25);

pub(super) async fn form(State(twilio): State<Twilio>, headers: HeaderMap, body: Bytes) -> Response {
    let form: Form = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    indicate(&twilio, &headers, (field("channel"), "whatsapp"), field("messageId")).await
}

pub(super) async fn json(State(twilio): State<Twilio>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    indicate(&twilio, &headers, (request["channel"].as_str(), "WHATSAPP"), request["messageId"].as_str())
        .await
}

async fn indicate(
    twilio: &Twilio,
    headers: &HeaderMap,
    (channel, expected): (Option<&str>, &str),
    message_sid: Option<&str>,
) -> Response {
    if let Err(answer) = twilio.troubled(TYPING).await {
        return answer;
    }
    if let Err(error) = twilio.enters(headers, None) {
        return error.into_response();
    }
    if channel != Some(expected) {
        return RestError::bad(20_001, format!("Invalid parameter: channel must be {expected}"))
            .into_response();
    }
    let at = twilio.0.clock.now();
    let indicated = twilio.0.account.change(|account| {
        let inbound = |message: &&super::Message| message.direction == Direction::Inbound;
        let message =
            account.messages.iter().rev().filter(inbound).find(|m| Some(m.sid.as_str()) == message_sid)?;
        let (message_sid, person) = (message.sid.clone(), message.from.clone());
        account.phone_mut(&person).typing_until = Some(at + SHOWN);
        account.typings.push(Typing { message_sid, at });
        Some(())
    });
    match indicated {
        Some(()) => axum::Json(json!({"success": true})).into_response(),
        None => RestError::bad(20_001, "Invalid parameter: messageId").into_response(),
    }
}
