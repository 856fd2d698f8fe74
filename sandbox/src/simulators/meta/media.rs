//! What people send beside words, and how a business gets it: an id, an address that is good for five minutes, bytes; all
//! of it with the token (Meta: Media, 2026).

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::courier::Delivery;
use super::super::faults::Faults;
use super::super::life;
use super::super::watched::Watched;
use super::errors::GraphError;
use super::{Meta, MetaPerson, api};

/// How long an address is good.
const ADDRESS: TimeDelta = TimeDelta::minutes(5);
/// How long an id is good.
const ID: TimeDelta = TimeDelta::days(7);
/// Where bytes are, as at `lookaside.fbsbx.com`.
pub(super) const PATH: &str = "/whatsapp_business/attachments/";

/// Tag of the faults that hit the question after an address.
const LOOK_UP: &str = "look_up";
/// Tag of the faults that hit the bytes.
const DOWNLOAD: &str = "download";

/// An ordered trouble with media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaFault {
    /// 404, as for an address that has run out.
    Gone404,
    /// 401: the token is no longer good.
    Unauthorized401,
    /// 500 with an HTML page.
    Http500Html,
    /// Other bytes than were announced.
    OtherBytes,
    /// An address at a host that is not Meta's.
    Elsewhere,
    /// A size of 17 MB, told beforehand.
    TooLarge,
    /// 17 MB in pieces, and no word of it beforehand.
    Endless,
    /// Never answered.
    Hang,
}

/// Something that a person sent.
#[derive(Debug, Clone)]
struct Medium {
    bytes: Vec<u8>,
    mime_type: String,
    at: DateTime<Utc>,
    /// The keys of the addresses that were given out, and when.
    addresses: HashMap<String, DateTime<Utc>>,
}

/// Everything that people sent.
#[derive(Debug)]
pub(super) struct Media {
    kept: Watched<HashMap<String, Medium>>,
    faults: Faults<MediaFault>,
}

impl Default for Media {
    fn default() -> Self {
        Self { kept: Watched::new(HashMap::new()), faults: Faults::default() }
    }
}

impl Media {
    /// Whether this is the id of something that a person sent.
    pub fn has(&self, id: &str) -> bool {
        self.kept.read(|kept| kept.contains_key(id))
    }
}

impl Meta {
    /// The next `n` questions after an address of a medium meet this trouble.
    pub fn fails_next_look_ups(&self, n: usize, fault: MediaFault) {
        self.0.media.faults.order(n, Some(LOOK_UP), fault);
    }

    /// The next `n` downloads meet this trouble.
    pub fn fails_next_downloads(&self, n: usize, fault: MediaFault) {
        self.0.media.faults.order(n, Some(DOWNLOAD), fault);
    }
}

impl MetaPerson {
    /// Records a voice note, or sends a file of sound.
    pub async fn voice(&self, bytes: &[u8], mime_type: &str) -> Delivery {
        self.message("audio", &self.records(bytes, mime_type)).await
    }

    /// A sound that Meta keeps: the content of a message that is made by hand.
    #[must_use]
    pub fn records(&self, bytes: &[u8], mime_type: &str) -> Value {
        let id = format!("19{:014}", rand::random_range(0..100_000_000_000_000_u64));
        let medium = Medium {
            bytes: bytes.to_vec(),
            mime_type: mime_type.to_owned(),
            at: self.meta.0.clock.now(),
            addresses: HashMap::new(),
        };
        self.meta.0.media.kept.change(|kept| kept.insert(id.clone(), medium));
        let sha256 = STANDARD.encode(Sha256::digest(bytes));
        let url = address(&self.meta, &id).unwrap_or_default();
        json!({"mime_type": mime_type, "sha256": sha256, "id": id, "url": url, "voice": true})
    }
}

/// A fresh address of a medium.
fn address(meta: &Meta, id: &str) -> Option<String> {
    let (now, hash) = (meta.0.clock.now(), hex::encode(rand::random::<[u8; 12]>()));
    meta.0
        .media
        .kept
        .change(|kept| kept.get_mut(id).map(|medium| medium.addresses.insert(hash.clone(), now)))?;
    let ends = (now + ADDRESS).timestamp();
    Some(format!("{}{PATH}?mid={id}&source=getMedia&ext={ends}&hash={hash}", meta.url()))
}

/// `GET /{version}/{media id}`: where it is.
pub(super) async fn look_up(
    meta: &Meta,
    version: &str,
    id: &str,
    asked: &HashMap<String, String>,
    headers: &HeaderMap,
) -> Response {
    let fault = meta.0.media.faults.next(Some(LOOK_UP));
    if let Some(answer) = troubled(meta, fault).await {
        return answer;
    }
    let found = api::enters(meta, version, headers).and_then(|()| {
        let unknown = || GraphError::unknown_object("get", id);
        if asked.get("phone_number_id").is_some_and(|number| *number != meta.options().phone_number_id) {
            return Err(unknown());
        }
        let medium = meta.0.media.kept.read(|kept| kept.get(id).cloned()).ok_or_else(unknown)?;
        if meta.0.clock.now() - medium.at > ID {
            return Err(unknown());
        }
        Ok(described(meta, id, &medium, fault))
    });
    match found {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(error) => error.into_response(),
    }
}

fn described(meta: &Meta, id: &str, medium: &Medium, fault: Option<MediaFault>) -> Value {
    let url = match fault {
        Some(MediaFault::Elsewhere) => "https://media.example/whatsapp_business/attachments/".to_owned(),
        _ => address(meta, id).unwrap_or_default(),
    };
    let size = if fault == Some(MediaFault::TooLarge) { 17 << 20 } else { medium.bytes.len() };
    json!({
        "messaging_product": "whatsapp",
        "url": url,
        // Without parameters, unlike the webhook.
        "mime_type": medium.mime_type.split(';').next(),
        "sha256": hex::encode(Sha256::digest(&medium.bytes)),
        // A number or text: both were seen.
        "file_size": size.to_string(),
        "id": id,
    })
}

/// `GET` of an address: the bytes.
pub(super) async fn download(
    State(meta): State<Meta>,
    Query(asked): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let fault = meta.0.media.faults.next(Some(DOWNLOAD));
    if let Some(answer) = troubled(&meta, fault).await {
        return answer;
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header("authorization").strip_prefix("Bearer ") != Some(meta.options().access_token.as_str()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if header("user-agent").is_empty() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let now = meta.0.clock.now();
    let field = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let medium = meta.0.media.kept.read(|kept| kept.get(field("mid")).cloned());
    let good =
        |medium: &Medium| medium.addresses.get(field("hash")).is_some_and(|given| now - *given <= ADDRESS);
    let Some(medium) = medium.filter(good) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = [(CONTENT_TYPE, medium.mime_type.clone())];
    match fault {
        Some(MediaFault::OtherBytes) => (kind, b"OggS other bytes".to_vec()).into_response(),
        Some(MediaFault::TooLarge) => (kind, vec![0_u8; 17 << 20]).into_response(),
        Some(MediaFault::Endless) => {
            let pieces = (0..17).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 1 << 20]));
            (kind, Body::from_stream(futures_util::stream::iter(pieces))).into_response()
        }
        _ => (kind, medium.bytes).into_response(),
    }
}

/// The answer of a trouble that refuses.
async fn troubled(meta: &Meta, fault: Option<MediaFault>) -> Option<Response> {
    if meta.0.life.unless_stopped(meta.0.media.faults.linger()).await.is_none() {
        return Some(life::cut());
    }
    Some(match fault? {
        MediaFault::Gone404 => StatusCode::NOT_FOUND.into_response(),
        MediaFault::Unauthorized401 => GraphError::expired_token().into_response(),
        MediaFault::Http500Html => {
            let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
            (StatusCode::INTERNAL_SERVER_ERROR, html, "<html><h1>Sorry</h1></html>").into_response()
        }
        MediaFault::Hang => meta.0.life.hang().await,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
