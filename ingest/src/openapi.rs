//! `GET /api/openapi.json`: what the public side takes and answers, for programs (`OpenAPI` 3.1).
//!
//! Made from the code that answers: refusals, their words and their statuses come from [`Denial`] and
//! [`refusal::status`], bounds from `limits`. Which route takes what stands in `openapi/operations.rs`; a test compares it
//! with the routes that there are, and `.ci/contract` compares what is answered with what is written here.

mod operations;
mod shapes;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use shared::texts::Denial;

use crate::refusal;

use operations::{Body, Caller, OPERATIONS, Operation, Takes};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The document.
pub async fn serve() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

/// The document, as JSON.
#[must_use]
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Postly for WhatsApp",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Signing in by a code, the portal, and the webhooks of Meta, Twilio and Stripe.",
        },
        "paths": paths,
        "components": {
            "schemas": shapes::all(),
            "securitySchemes": {
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "next-auth.session-token",
                    "description": "The session of the web app; its name depends on the version of NextAuth and on https.",
                },
            },
        },
    })
}

fn described(operation: &Operation) -> Value {
    let mut told = json!({
        "summary": operation.about,
        "operationId": operation.id,
        "tags": [operation.caller.tag()],
        "responses": responses(operation),
    });
    if operation.caller == Caller::Person {
        told["security"] = json!([{ "session": [] }]);
    }
    match operation.takes {
        Takes::Nothing => {}
        Takes::Query(parameters) => {
            let parameter = |(name, required, about): &(&str, bool, &str)| {
                json!({ "name": name, "in": "query", "required": required, "description": about,
                        "schema": { "type": "string" } })
            };
            told["parameters"] = parameters.iter().map(parameter).collect();
        }
        Takes::Path(names) => {
            let parameter = |name: &&str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
            told["parameters"] = names.iter().map(parameter).collect();
        }
        Takes::Json(shape) => {
            told["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": named(shape) } } });
        }
        Takes::Signed(header, kind) => {
            told["parameters"] = json!([{
                "name": header, "in": "header", "required": true, "schema": { "type": "string" },
                "description": "The signature over the raw bytes.",
            }]);
            told["requestBody"] = json!({ "required": true, "content": { (kind): { "schema": {} } } });
        }
    }
    told
}

/// What is answered, by status.
fn responses(operation: &Operation) -> Value {
    let mut answers: BTreeMap<String, Value> = BTreeMap::new();
    for (status, about, body) in operation.answers {
        let content = match body {
            Body::Nothing => None,
            Body::Text(kind) => Some(json!({ (*kind): { "schema": { "type": "string" } } })),
            Body::Json(shape) => Some(json!({ "application/json": { "schema": named(shape) } })),
        };
        let mut answer = json!({ "description": about });
        if let Some(content) = content {
            answer["content"] = content;
        }
        answers.insert(status.to_string(), answer);
    }
    let mut denials: BTreeMap<u16, Vec<Denial>> = BTreeMap::new();
    for denial in operation.denials() {
        denials.entry(refusal::status(denial).as_u16()).or_default().push(denial);
    }
    for (status, denials) in denials {
        let codes: Vec<&str> = denials.iter().map(|denial| denial.code()).collect();
        let mut answer = json!({
            "description": format!("Refused: {}", codes.join(", ")),
            "content": { "application/json": { "schema": named("Refused") } },
        });
        if matches!(status, 429 | 503) {
            answer["headers"] = json!({ "Retry-After": {
                "description": "Seconds after which to come again, where that is known.", "schema": { "type": "string" },
            } });
        }
        answers.insert(status.to_string(), answer);
    }
    // Whoever is too slow to say what they want, or asks while everything is slow.
    answers.insert("408".to_owned(), json!({ "description": "Nothing came of it in time" }));
    json!(answers)
}

fn named(shape: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{shape}") })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Where routes are written down.
    const SOURCES: [&str; 2] = [include_str!("lib.rs"), include_str!("portal.rs")];

    /// Method and path of every route in a source: `.route("/path", get(..).post(..))`.
    fn routes(source: &str) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for piece in source.split(".route(").skip(1) {
            let Some((_, rest)) = piece.split_once('"') else { continue };
            let Some((path, rest)) = rest.split_once('"') else { continue };
            let handlers = rest.split(".layer(").next().unwrap_or_default();
            for method in ["get", "post", "put", "delete", "patch"] {
                let first = format!(" {method}(");
                let further = format!(").{method}(");
                if handlers.contains(&first) || handlers.contains(&further) {
                    found.insert((method.to_owned(), path.to_owned()));
                }
            }
        }
        found
    }

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let there: BTreeSet<(String, String)> = SOURCES.iter().flat_map(|source| routes(source)).collect();
        let described: BTreeSet<(String, String)> =
            OPERATIONS.iter().map(|o| (o.method.to_owned(), o.path.to_owned())).collect();
        assert!(there.len() > 15, "{there:?}");
        assert_eq!(described, there);
    }

    #[test]
    fn every_shape_that_is_named_is_there_and_every_operation_has_its_own_id() {
        let document = document();
        let text = document.to_string();
        let shapes = document["components"]["schemas"].as_object().unwrap();
        for name in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(shapes.contains_key(name), "{name}");
        }
        for name in shapes.keys() {
            assert!(text.contains(&format!("#/components/schemas/{name}\"")), "nobody uses {name}");
        }
        let ids: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), OPERATIONS.len());
    }

    #[test]
    fn every_reason_to_refuse_is_some_operations() {
        let told: BTreeSet<&str> = OPERATIONS.iter().flat_map(Operation::denials).map(Denial::code).collect();
        let all: BTreeSet<&str> = Denial::ALL.into_iter().map(Denial::code).collect();
        assert_eq!(told, all);
    }
}
