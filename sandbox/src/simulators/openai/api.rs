//! The endpoints (transcriptions have a room of their own): `POST /v1/chat/completions`, `GET /v1/models` and `GET /v1/models/{id}`.
//!
//! A call is written down, held while the gate is closed, made slow, broken as ordered, and only then checked and
//! answered. Completions are counted roughly (four characters a token), and the token limit of the request cuts
//! them like the real one: `finish_reason: length`, JSON broken in the middle.

use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::super::{journal, life};
use super::calls::{self, Call};
use super::errors::{ApiError, OpenAiFault};
use super::request::{self, Asked, Model};
use super::{OpenAi, answer, moderation, transcription};

/// The API's routes.
pub(super) fn routes(openai: &OpenAi) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/moderations", post(moderation::judge))
        .route(
            "/v1/audio/transcriptions",
            post(transcription::transcribe).layer(DefaultBodyLimit::max(transcription::LARGEST)),
        )
        .route("/v1/models", get(models))
        .route("/v1/models/{id}", get(model))
        .fallback(async |method: Method, uri: Uri| ApiError::path(method.as_str(), uri.path()))
        .with_state(openai.clone())
        .layer(middleware::from_fn_with_state(openai.journal().clone(), journal::keep))
}

async fn complete(State(openai): State<OpenAi>, headers: HeaderMap, body: Bytes) -> Response {
    let started = Instant::now();
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let schema_name = request["response_format"]["json_schema"]["name"].as_str().map(str::to_owned);
    let text = String::from_utf8_lossy(&body);
    let hopeless = openai.0.hopeless.read(|words| said_of(&text, words));
    let tedious = openai.0.tedious.read(|words| said_of(&text, words)).unwrap_or_default();
    let fault = hopeless.or_else(|| openai.0.faults.next(schema_name.as_deref()));
    let call = Call {
        at: openai.0.clock.now(),
        model: request["model"].as_str().unwrap_or_default().to_owned(),
        schema_name: schema_name.clone(),
        user_text: request::last_user_text(&request),
        system_text: request::text_of(&request, &["system", "developer"]),
        request: request.clone(),
        key: key(&headers).to_owned(),
        fault,
        status: None,
    };
    let place = calls::arrived(&openai.0.calls, call);
    let ready = async {
        calls::pass(&openai.0.calls, schema_name.as_deref()).await;
        openai.0.faults.linger().await;
        tokio::time::sleep(tedious).await;
    };
    if openai.0.life.unless_stopped(ready).await.is_none() {
        return life::cut();
    }
    if fault == Some(OpenAiFault::Hang) {
        return openai.0.life.hang().await;
    }
    let response = match fault.and_then(OpenAiFault::answer) {
        Some(answer) => answer,
        None => match openai.checked(&headers, &request) {
            Ok(_) if fault == Some(OpenAiFault::Drop) => return life::cut(),
            Ok(asked) => axum::Json(completion(&openai, &asked, &request, fault)).into_response(),
            Err(error) => error.into_response(),
        },
    };
    calls::answered(&openai.0.calls, place, response.status().as_u16());
    dressed(response, started)
}

async fn models(State(openai): State<OpenAi>, headers: HeaderMap) -> Response {
    let started = Instant::now();
    let response = match openai.enters(&headers) {
        Ok(()) => {
            let data: Vec<Value> = openai.0.models.read(|models| models.iter().map(resource).collect());
            axum::Json(json!({"object": "list", "data": data})).into_response()
        }
        Err(error) => error.into_response(),
    };
    dressed(response, started)
}

async fn model(State(openai): State<OpenAi>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let started = Instant::now();
    if openai.0.life.unless_stopped(openai.0.faults.linger()).await.is_none() {
        return life::cut();
    }
    let found = openai.enters(&headers).and_then(|()| {
        let found = openai.0.models.read(|models| models.iter().find(|model| model.id == id).map(resource));
        let listens = || transcription::known(&id).map(|(id, end)| described(id, end));
        found.or_else(listens).ok_or_else(|| ApiError::model(&id))
    });
    dressed(found.map(axum::Json).into_response(), started)
}

/// What was ordered for the first of these words that a text contains.
fn said_of<T: Copy>(text: &str, words: &[(String, T)]) -> Option<T> {
    words.iter().find(|(word, _)| text.contains(word.as_str())).map(|(_, ordered)| *ordered)
}

/// The bearer key of a request.
fn key(headers: &HeaderMap) -> &str {
    let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.strip_prefix("Bearer ").unwrap_or_default()
}

impl OpenAi {
    pub(super) fn enters(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let key = key(headers);
        let known = self.0.keys.read(|keys| keys.iter().any(|known| known == key));
        if known { Ok(()) } else { Err(ApiError::key(key)) }
    }

    fn checked(&self, headers: &HeaderMap, request: &Value) -> Result<Asked, ApiError> {
        self.enters(headers)?;
        let content_type =
            headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !content_type.to_ascii_lowercase().starts_with("application/json") {
            let message = format!("Invalid content type '{content_type}': expected application/json.");
            return Err(ApiError::request(message));
        }
        self.0.models.read(|models| request::read(request, models))
    }
}

fn completion(openai: &OpenAi, asked: &Asked, request: &Value, fault: Option<OpenAiFault>) -> Value {
    let gullible = openai.0.gullible.load(Ordering::Relaxed);
    let mut content = answer::obedient(asked, request)
        .filter(|_| gullible)
        .unwrap_or_else(|| answer::content(asked, request, fault));
    let mut finish = "stop";
    let length = content.chars().count();
    let room =
        asked.limit.and_then(|tokens| usize::try_from(tokens.saturating_mul(4)).ok()).unwrap_or(usize::MAX);
    if fault == Some(OpenAiFault::Truncated) || length > room {
        finish = "length";
        let kept = if length > room { room } else { length / 2 };
        content = content.chars().take(kept).collect();
    }
    if fault == Some(OpenAiFault::InvalidJsonContent) {
        content = format!("Here you go:\n{}", content.trim_end_matches('}'));
    }
    let (prompt, completion) = (tokens(&request::text_of(request, &[])), tokens(&content));
    let mut message = json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
    match fault {
        Some(OpenAiFault::Refusal) => {
            message["content"] = Value::Null;
            message["refusal"] = json!("I'm sorry, I can't assist with that request.");
        }
        Some(OpenAiFault::ContentFilter) => {
            message["content"] = Value::Null;
            finish = "content_filter";
        }
        _ => {}
    }
    let choice = json!({"index": 0, "finish_reason": finish, "logprobs": null, "message": message});
    let choices = if fault == Some(OpenAiFault::EmptyChoices) { vec![] } else { vec![choice] };
    json!({
        "id": format!("chatcmpl-{}", hex::encode(rand::random::<[u8; 14]>())),
        "object": "chat.completion",
        "created": openai.0.clock.now().timestamp(),
        "model": asked.model.snapshot,
        "service_tier": "default",
        "choices": choices,
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
    })
}

fn resource(model: &Model) -> Value {
    described(&model.id, model.shutdown_date.as_deref())
}

fn described(id: &str, end: Option<&str>) -> Value {
    json!({"id": id, "object": "model", "created": 1_721_172_741, "owned_by": "system", "shutdown_date": end})
}

fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(4)
}

/// Adds the headers that every answer carries.
fn dressed(mut response: Response, started: Instant) -> Response {
    let header = |text: String| HeaderValue::from_str(&text).expect("digits and letters are a header value");
    let headers = response.headers_mut();
    headers.insert("x-request-id", header(format!("req_{}", hex::encode(rand::random::<[u8; 16]>()))));
    headers.insert("openai-processing-ms", header(started.elapsed().as_millis().to_string()));
    headers.insert("openai-version", HeaderValue::from_static("2020-10-01"));
    response
}
