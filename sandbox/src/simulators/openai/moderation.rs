//! `POST /v1/moderations`: a text in, what it is flagged for out.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::OpenAi;
use super::errors::ApiError;

/// Whether there is one, and what it was asked.
#[derive(Debug, Default)]
pub(super) struct Moderation {
    pub(super) absent: bool,
    pub(super) asked: Vec<String>,
}

/// Words that a category knows, in the simulator's small mind.
const WORDS: [(&str, &[&str]); 3] = [
    ("illicit/violent", &["fabriquer une bombe", "build a bomb"]),
    ("hate", &["sale race", "inferior race"]),
    ("violence", &["tuer mon voisin", "kill my neighbour"]),
];

pub(super) async fn judge(State(openai): State<OpenAi>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let input = request["input"].as_str().unwrap_or_default().to_owned();
    let absent = openai.0.moderation.change(|moderation| {
        moderation.asked.push(input.clone());
        moderation.absent
    });
    if absent {
        return ApiError::path("POST", "/v1/moderations").into_response();
    }
    if let Err(error) = openai.enters(&headers) {
        return error.into_response();
    }
    let model = request["model"].as_str().unwrap_or("omni-moderation-latest");
    if !model.starts_with("omni-moderation") && !model.starts_with("text-moderation") {
        return ApiError::model(model).into_response();
    }
    if input.is_empty() {
        return ApiError::parameter("invalid_type", "input", "Invalid 'input': a text is required.")
            .into_response();
    }
    let said = input.to_lowercase();
    let categories: serde_json::Map<String, Value> = WORDS
        .iter()
        .map(|(category, words)| {
            ((*category).to_owned(), json!(words.iter().any(|word| said.contains(word))))
        })
        .collect();
    let flagged = categories.values().any(|flagged| *flagged == true);
    axum::Json(json!({
        "id": format!("modr-{}", hex::encode(rand::random::<[u8; 12]>())),
        "model": "omni-moderation-2024-09-26",
        "results": [{"flagged": flagged, "categories": categories}],
    }))
    .into_response()
}
