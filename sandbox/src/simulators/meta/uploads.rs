//! What the business uploads, to send it by its id: `POST /{version}/{phone_number_id}/media` (Meta: Media, Document messages, 2026).
//!
//! Only documents are served here. Nobody is sent anything by an upload.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::super::form::{self, Part};
use super::super::life;
use super::super::watched::Watched;
use super::errors::{GraphError, MetaFault};
use super::rules::{only, string};
use super::{Meta, api};

/// The largest document.
const LARGEST: usize = 100 << 20;
/// The largest request: a document, and the words around it.
pub(super) const REQUEST: usize = LARGEST + (1 << 20);
/// How long an id is good.
const ID: TimeDelta = TimeDelta::days(30);
/// Longest `caption`, and longest name that a phone shows.
const CAPTION: usize = 1024;
const NAME: usize = 240;

/// Tag of the faults that hit uploads.
pub(super) const UPLOAD: &str = "upload";

/// The documents that WhatsApp is sure to show. JSON is not among them.
const TYPES: [&str; 8] = [
    "text/plain",
    "application/pdf",
    "application/vnd.ms-powerpoint",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
];

/// A document as it came to a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name there.
    pub name: String,
    /// What it is said to be.
    pub mime_type: String,
    /// It.
    pub bytes: Arc<[u8]>,
}

/// Something that was uploaded.
#[derive(Debug, Clone)]
struct Upload {
    mime_type: String,
    bytes: Arc<[u8]>,
    number: String,
    at: DateTime<Utc>,
}

/// Everything that was uploaded.
#[derive(Debug)]
pub(super) struct Uploads(Watched<HashMap<String, Upload>>);

impl Default for Uploads {
    fn default() -> Self {
        Self(Watched::new(HashMap::new()))
    }
}

impl Meta {
    /// How many files were uploaded, sent or not.
    #[must_use]
    pub fn uploads(&self) -> usize {
        self.0.uploads.0.read(HashMap::len)
    }

    /// The next `n` uploads meet this trouble.
    pub fn fails_next_uploads(&self, n: usize, fault: MetaFault) {
        self.0.faults.order(n, Some(UPLOAD), fault);
    }
}

/// Takes a file.
pub(super) async fn upload(
    State(meta): State<Meta>,
    Path((version, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = meta.0.faults.next(Some(UPLOAD));
    if let Some(answer) = api::meets(&meta, fault).await {
        return answer;
    }
    match taken(&meta, &version, &number, &headers, &body) {
        Ok(_) if fault == Some(MetaFault::Drop) => life::cut(),
        Ok(id) => axum::Json(json!({"id": id})).into_response(),
        Err(error) => error.into_response(),
    }
}

fn taken(
    meta: &Meta,
    version: &str,
    number: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<String, GraphError> {
    api::enters(meta, version, headers)?;
    if number != meta.options().phone_number_id {
        return Err(GraphError::unknown_object("post", number));
    }
    let wrong = |message: &str| GraphError::graph(StatusCode::BAD_REQUEST, 100, message);
    let parts = form::read(headers, body).unwrap_or_default();
    if let Some(unknown) =
        parts.iter().find(|part| !["messaging_product", "type", "file"].contains(&part.name.as_str()))
    {
        return Err(GraphError::parameter(format!("Unexpected key \"{}\".", unknown.name)));
    }
    let part = |name: &str| parts.iter().find(|part| part.name == name);
    if part("messaging_product").map(|part| part.field().1).as_deref() != Some("whatsapp") {
        return Err(wrong("(#100) The parameter messaging_product is required."));
    }
    let kind =
        part("type").map(Part::field).ok_or_else(|| wrong("(#100) The parameter type is required."))?.1;
    let file = part("file").ok_or_else(|| wrong("(#100) The parameter file is required."))?;
    if !TYPES.contains(&kind.as_str()) {
        let message = format!("(#100) Param file must be a file with one of the following types: {TYPES:?}.");
        return Err(wrong(&format!("{message} Received file of type '{kind}'.")));
    }
    let named = file.file.as_deref().is_some_and(|name| !name.is_empty());
    if !named || file.mime_type.as_deref() != Some(kind.as_str()) || file.bytes.is_empty() {
        return Err(GraphError::detailed(
            131_053,
            "Media upload error",
            "The file is not what it is said to be.",
        ));
    }
    if file.bytes.len() > LARGEST {
        return Err(GraphError::detailed(131_053, "Media upload error", "The file is larger than 100 MB."));
    }
    let id = format!("17{:014}", rand::random_range(0..100_000_000_000_000_u64));
    let upload = Upload {
        mime_type: kind,
        bytes: file.bytes.into(),
        number: number.to_owned(),
        at: meta.0.clock.now(),
    };
    meta.0.uploads.0.change(|uploads| uploads.insert(id.clone(), upload));
    Ok(id)
}

/// Checks a `document` object against what was uploaded for our number, and returns the words beside it and the document.
pub(super) fn read(meta: &Meta, document: &Map<String, Value>) -> Result<(String, Document), GraphError> {
    only(document, "document", &["id", "link", "caption", "filename"])?;
    if document.contains_key("link") {
        let details = "Documents behind a link are not served by this simulator.";
        return Err(GraphError::detailed(131_051, "Unsupported message type", details));
    }
    let id = string(document, "document", "id", 1, 64)?;
    let caption = match document.get("caption") {
        None => "",
        Some(_) => string(document, "document", "caption", 0, CAPTION)?,
    };
    let name = match document.get("filename") {
        None => "Untitled",
        Some(_) => string(document, "document", "filename", 1, NAME)?,
    };
    let good = |upload: &Upload| {
        upload.number == meta.options().phone_number_id && meta.0.clock.now() - upload.at <= ID
    };
    let found = meta.0.uploads.0.read(|uploads| uploads.get(id).filter(|upload| good(upload)).cloned());
    let unknown = "Param document['id'] is not a valid whatsapp business account media attachment ID";
    let Upload { mime_type, bytes, .. } = found.ok_or_else(|| GraphError::parameter(unknown))?;
    Ok((caption.to_owned(), Document { name: name.to_owned(), mime_type, bytes }))
}

#[cfg(test)]
#[path = "uploads_tests.rs"]
mod tests;
