//! What an operator's tool asks: our number, the apps subscribed to the account, the account's templates.
//!
//! Token, version and id are checked as for messages; a field that a number does not have is refused, as Graph does.
//! Sources: Graph API, business phone number, subscribed apps and message templates, 2026.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::super::life;
use super::errors::GraphError;
use super::person::WABA_ID;
use super::template::Category;
use super::{Meta, api, media};

type Asked = Query<HashMap<String, String>>;

impl Meta {
    /// What Meta thinks of our number: `CONNECTED` and `GREEN` at first.
    pub fn number_is(&self, status: &str, quality: &str) {
        self.0.world.change(|world| {
            status.clone_into(&mut world.settings.number_status);
            quality.clone_into(&mut world.settings.number_quality);
        });
    }

    /// Takes our app's subscription to the account away.
    pub fn unsubscribes(&self) {
        self.0.world.change(|world| world.settings.apps.clear());
    }
}

/// `GET /{version}/{id}?fields=…`: our number, whoever the token belongs to (`me`), or what a person sent.
pub(super) async fn node(
    State(meta): State<Meta>,
    Path((version, id)): Path<(String, String)>,
    Query(asked): Asked,
    headers: HeaderMap,
) -> Response {
    if meta.0.media.has(&id) {
        return media::look_up(&meta, &version, &id, &asked, &headers).await;
    }
    answered(&meta, &version, &headers, || {
        let fields = asked.get("fields").map_or("", String::as_str);
        let fields = fields.split(',').filter(|field| !field.is_empty() && *field != "id");
        let known = known(&meta, &id)?;
        let mut answer = Map::from_iter([("id".to_owned(), json!(id))]);
        for field in fields {
            let missing = || {
                let message = format!("(#100) Tried accessing nonexisting field ({field})");
                GraphError::graph(StatusCode::BAD_REQUEST, 100, message)
            };
            answer.insert(field.to_owned(), known.get(field).ok_or_else(missing)?.clone());
        }
        Ok(Value::Object(answer))
    })
    .await
}

/// `GET /{version}/{waba}/subscribed_apps`.
pub(super) async fn apps(
    State(meta): State<Meta>,
    Path((version, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    answered(&meta, &version, &headers, || {
        account(&id)?;
        let app = |name: &String| {
            let link = "https://www.facebook.com/games/?app_id=670843887433847";
            json!({"whatsapp_business_api_data": {"id": "670843887433847", "name": name, "link": link}})
        };
        let apps: Vec<Value> = meta.0.world.read(|world| world.settings.apps.iter().map(app).collect());
        Ok(json!({"data": apps}))
    })
    .await
}

/// `GET /{version}/{waba}/message_templates?name=…`: those whose name contains it.
pub(super) async fn templates(
    State(meta): State<Meta>,
    Path((version, id)): Path<(String, String)>,
    Query(asked): Asked,
    headers: HeaderMap,
) -> Response {
    answered(&meta, &version, &headers, || {
        account(&id)?;
        let wanted = asked.get("name").map_or("", String::as_str);
        let templates = meta.0.world.read(|world| world.templates.clone());
        let found = templates.iter().filter(|template| template.name.contains(wanted)).map(|template| {
            let category = match template.category {
                Category::Authentication => "AUTHENTICATION",
                Category::Utility => "UTILITY",
                Category::Marketing => "MARKETING",
            };
            json!({"name": template.name, "language": template.language, "status": "APPROVED", "category": category})
        });
        Ok(json!({"data": found.collect::<Vec<_>>(), "paging": {}}))
    })
    .await
}

async fn answered(
    meta: &Meta,
    version: &str,
    headers: &HeaderMap,
    answer: impl FnOnce() -> Result<Value, GraphError>,
) -> Response {
    if meta.0.life.unless_stopped(meta.0.faults.linger()).await.is_none() {
        return life::cut();
    }
    match api::enters(meta, version, headers).and_then(|()| answer()) {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(error) => error.into_response(),
    }
}

fn account(id: &str) -> Result<(), GraphError> {
    if id == WABA_ID { Ok(()) } else { Err(GraphError::unknown_object("get", id)) }
}

fn known(meta: &Meta, id: &str) -> Result<Value, GraphError> {
    if id == "me" {
        return Ok(json!({"name": "Postly system user"}));
    }
    if id != meta.options().phone_number_id {
        return Err(GraphError::unknown_object("get", id));
    }
    Ok(meta.0.world.read(|world| {
        let settings = &world.settings;
        let webhooks = match &settings.webhook_url {
            Some(url) => json!({"application": url}),
            None => json!({}),
        };
        json!({
            "display_phone_number": format!("+{}", meta.options().display_phone_number),
            "verified_name": "Postly",
            "quality_rating": settings.number_quality,
            "status": settings.number_status,
            "webhook_configuration": webhooks,
        })
    }))
}

#[cfg(test)]
#[path = "management_tests.rs"]
mod tests;
