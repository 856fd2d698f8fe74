//! What the business calls: `POST /{version}/{phone_number_id}/messages`.
//!
//! The order of the checks is Graph's: token, version, body, number, then the message itself. An ordered trouble
//! comes before all of them, as a gateway would.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::super::{journal, life};
use super::errors::{GraphError, MetaFault};
use super::rules::{object, only, string};
use super::world::ReadReceipt;
use super::{Meta, management, media, rules, uploads};

/// Tag of the faults that hit messages.
pub(super) const MESSAGE: &str = "message";
/// Tag of the faults that hit read receipts.
pub(super) const RECEIPT: &str = "receipt";

/// v20.0 expired on 24 September 2026.
const OLDEST_VERSION: u32 = 21;
/// v26.0 is the newest known; a few more may appear during the life of this simulator.
const NEWEST_VERSION: u32 = 29;
/// How long "typing…" is shown without a message.
const TYPING: TimeDelta = TimeDelta::seconds(25);

/// The API's routes.
pub(super) fn routes(meta: &Meta) -> Router {
    Router::new()
        .route("/{version}/{id}/messages", post(messages))
        .route("/{version}/{id}/media", post(uploads::upload).layer(DefaultBodyLimit::max(uploads::REQUEST)))
        .route("/{version}/{id}", get(management::node))
        .route(media::PATH, get(media::download))
        .route("/{version}/{id}/subscribed_apps", get(management::apps))
        .route("/{version}/{id}/message_templates", get(management::templates))
        .fallback(unknown_path)
        .with_state(meta.clone())
        .layer(middleware::from_fn_with_state(meta.journal().clone(), journal::keep))
}

async fn unknown_path(uri: Uri) -> GraphError {
    GraphError::graph(StatusCode::BAD_REQUEST, 2500, format!("Unknown path components: {}", uri.path()))
}

async fn messages(
    State(meta): State<Meta>,
    Path((version, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request: Option<Value> = serde_json::from_slice(&body).ok();
    let is_receipt = request.as_ref().is_some_and(|request| request.get("status").is_some());
    let fault = meta.0.faults.next(Some(if is_receipt { RECEIPT } else { MESSAGE }));
    if let Some(answer) = meets(&meta, fault).await {
        return answer;
    }
    let answer = match opened(&meta, &version, &number, &headers, request.as_ref()) {
        Ok(request) if is_receipt => mark_read(&meta, request),
        Ok(request) => send(&meta, request, fault),
        Err(error) => Err(error),
    };
    match answer {
        Ok(_) if fault == Some(MetaFault::Drop) => life::cut(),
        Ok(answer) => axum::Json(answer).into_response(),
        Err(error) => error.into_response(),
    }
}

/// What a request meets before anybody looks at it: a stop, silence, or a refusal that has nothing to do with it.
pub(super) async fn meets(meta: &Meta, fault: Option<MetaFault>) -> Option<Response> {
    if meta.0.life.unless_stopped(meta.0.faults.linger()).await.is_none() {
        return Some(life::cut());
    }
    if fault == Some(MetaFault::Hang) {
        return Some(meta.0.life.hang().await);
    }
    fault.and_then(MetaFault::answer)
}

/// What Graph checks of every request: the token, then the version.
pub(super) fn enters(meta: &Meta, version: &str, headers: &HeaderMap) -> Result<(), GraphError> {
    if header(headers, "authorization").strip_prefix("Bearer ") != Some(meta.options().access_token.as_str())
    {
        return Err(GraphError::bad_token());
    }
    let major = version.strip_prefix('v').and_then(|version| version.strip_suffix(".0"));
    match major.and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major < OLDEST_VERSION => {
            let message =
                format!("(#2635) You are calling a deprecated version of the API: {version} has expired.");
            Err(GraphError::graph(StatusCode::BAD_REQUEST, 2635, message))
        }
        Some(major) if major <= NEWEST_VERSION => Ok(()),
        _ => {
            let message = format!("Unknown path components: /{version}");
            Err(GraphError::graph(StatusCode::BAD_REQUEST, 2500, message))
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Everything that is checked before the message is looked at.
fn opened<'a>(
    meta: &Meta,
    version: &str,
    number: &str,
    headers: &HeaderMap,
    request: Option<&'a Value>,
) -> Result<&'a Value, GraphError> {
    enters(meta, version, headers)?;
    if number != meta.options().phone_number_id {
        return Err(GraphError::unknown_object("post", number));
    }
    let missing = "(#100) The parameter messaging_product is required.";
    let missing = || GraphError::graph(StatusCode::BAD_REQUEST, 100, missing);
    // Without the JSON content type Graph looks for form parameters and finds none.
    let is_json = header(headers, "content-type").to_ascii_lowercase().starts_with("application/json");
    let request = request.filter(|_| is_json).ok_or_else(missing)?;
    if request.get("messaging_product").is_none_or(|product| product != "whatsapp") {
        return Err(missing());
    }
    Ok(request)
}

fn send(meta: &Meta, request: &Value, fault: Option<MetaFault>) -> Result<Value, GraphError> {
    let templates = meta.0.world.read(|world| world.templates.clone());
    let draft = rules::read(meta, request, &templates)?;
    let fails = match fault {
        Some(MetaFault::FailedByStatus(code)) => Some(code),
        _ => None,
    };
    meta.accept(&draft, fails)
}

/// `status: "read"`, perhaps with a typing indicator, for a message that a person really sent.
fn mark_read(meta: &Meta, request: &Value) -> Result<Value, GraphError> {
    let request = request.as_object().ok_or_else(|| GraphError::parameter("The body must be an object."))?;
    only(request, "message", &["messaging_product", "status", "message_id", "typing_indicator"])?;
    if string(request, "message", "status", 1, 16)? != "read" {
        return Err(GraphError::parameter("Param status must be one of {READ}."));
    }
    let typing = wants_typing(request)?;
    let message_id = string(request, "message", "message_id", 1, 1024)?.to_owned();
    let at = meta.0.clock.now();
    meta.0.world.change(|world| {
        let unknown = || GraphError::parameter("Param message_id must be the id of a received message.");
        let received = world.received.get(&message_id).ok_or_else(unknown)?;
        let user_id = received.user_id.clone();
        if let Some(phone) = user_id.filter(|_| typing).and_then(|user_id| world.phone_mut(&user_id)) {
            phone.typing_until = Some(at + TYPING);
        }
        world.receipts.push(ReadReceipt { message_id, typing, at });
        Ok(json!({"success": true}))
    })
}

fn wants_typing(request: &Map<String, Value>) -> Result<bool, GraphError> {
    if !request.contains_key("typing_indicator") {
        return Ok(false);
    }
    let indicator = object(request, "message", "typing_indicator")?;
    only(indicator, "typing_indicator", &["type"])?;
    if string(indicator, "typing_indicator", "type", 1, 16)? != "text" {
        return Err(GraphError::parameter("Param typing_indicator['type'] must be one of {TEXT}."));
    }
    Ok(true)
}
