//! What an operator's tool asks: the account, its `WhatsApp` senders with their webhooks, the approval of a content
//! template. Sources: Twilio's API 2010-04-01 (Accounts), Senders API v2, Content API v1, 2026.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Twilio;
use super::errors::RestError;

/// Tag of the faults that hit these questions.
const CONSOLE: &str = "console";

/// `GET /2010-04-01/Accounts/{Sid}.json`.
pub(super) async fn account(
    State(twilio): State<Twilio>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response {
    let sid = file.strip_suffix(".json").unwrap_or(&file);
    let entered = twilio.enters(&headers, Some(sid));
    answered(&twilio, entered.map(|()| json!({"sid": sid, "status": "active", "type": "Full"}))).await
}

/// `GET /v2/Channels/Senders?Channel=whatsapp`.
pub(super) async fn senders(
    State(twilio): State<Twilio>,
    Query(asked): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let answer = twilio.enters(&headers, None).and_then(|()| {
        if asked.get("Channel").map(String::as_str) != Some("whatsapp") {
            return Err(RestError::bad(20_001, "Channel is required"));
        }
        let callback = twilio.0.account.read(|account| {
            let settings = &account.settings;
            settings.public_url.clone().or_else(|| settings.webhook_url.clone())
        });
        let sender = json!({
            "sid": "XE00112233445566778899aabbccddeeff",
            "status": "ONLINE",
            "sender_id": twilio.options().from,
            "webhook": {"callback_url": callback, "callback_method": "POST", "fallback_url": null},
        });
        Ok(json!({"senders": [sender], "meta": {"key": "senders", "page": 0, "next_page_url": null}}))
    });
    answered(&twilio, answer).await
}

/// `GET /v1/Content/{Sid}/ApprovalRequests`: whatever is registered here is approved.
pub(super) async fn approval(
    State(twilio): State<Twilio>,
    Path(sid): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answer = twilio.enters(&headers, None).and_then(|()| {
        let known = twilio.0.account.read(|account| account.contents.contains_key(&sid));
        let status = json!({"status": "approved", "category": "AUTHENTICATION", "rejection_reason": ""});
        let body = json!({"sid": sid, "account_sid": twilio.options().account_sid, "whatsapp": status});
        if known { Ok(body) } else { Err(RestError::not_found(uri.path())) }
    });
    answered(&twilio, answer).await
}

async fn answered(twilio: &Twilio, answer: Result<Value, RestError>) -> Response {
    match twilio.troubled(CONSOLE).await {
        Err(trouble) => trouble,
        Ok(_) => answer.map(axum::Json).into_response(),
    }
}

#[cfg(test)]
#[path = "console_tests.rs"]
mod tests;
