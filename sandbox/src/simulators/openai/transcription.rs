//! The endpoint `POST /v1/audio/transcriptions`: a form with a file of sound, answered with its words.
//!
//! It hears what [`super::super::note`] wrote into a recording. Of any other sound it makes up a sentence, always the same
//! for the same bytes.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::form::{self, Part};
use super::super::{life, note};
use super::OpenAi;
use super::errors::{ApiError, OpenAiFault};

/// Tag of the faults that hit transcriptions.
const TRANSCRIPTION: &str = "transcription";

/// The models that transcribe, in November 2026. All but the first end on the same day.
const MODELS: [&str; 4] = ["gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-1"];

const END: &str = "2027-02-26";

/// What `GET /v1/models/{id}` says of a model that transcribes: its id and its end.
pub(super) fn known(id: &str) -> Option<(&'static str, Option<&'static str>)> {
    let place = MODELS.iter().position(|model| *model == id)?;
    Some((MODELS[place], (place > 0).then_some(END)))
}

/// The ends of a file's name that are taken.
const EXTENSIONS: [&str; 9] = ["flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"];

/// The fields of the form that are known.
const FIELDS: [&str; 8] =
    ["file", "model", "response_format", "language", "languages[]", "keywords[]", "prompt", "temperature"];

/// The largest form.
pub(super) const LARGEST: usize = 25 << 20;

/// What is heard in sound that holds no words for us.
const MADE_UP: [&str; 3] = [
    "Crée un post pour annoncer notre nouvelle carte de printemps.",
    "Un post Instagram pour la réouverture de l’atelier samedi.",
    "Écris un post LinkedIn sur notre premier anniversaire.",
];

/// A transcription that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcription {
    /// Arrival.
    pub at: DateTime<Utc>,
    /// The fields of the form but the file, in order.
    pub fields: Vec<(String, String)>,
    /// The file's name.
    pub file: String,
    /// The file's media type.
    pub mime_type: String,
    /// Status of the answer.
    pub status: Option<u16>,
}

impl OpenAi {
    /// Every transcription that was asked for, oldest first.
    #[must_use]
    pub fn transcriptions(&self) -> Vec<Transcription> {
        self.0.transcriptions.read(Clone::clone)
    }

    /// The next `n` transcriptions meet this trouble.
    pub fn fails_next_transcriptions(&self, n: usize, fault: OpenAiFault) {
        self.0.faults.order(n, Some(TRANSCRIPTION), fault);
    }
}

pub(super) async fn transcribe(State(openai): State<OpenAi>, headers: HeaderMap, body: Bytes) -> Response {
    let fault = openai.0.faults.next(Some(TRANSCRIPTION));
    let parts = form::read(&headers, &body).unwrap_or_default();
    let place = openai.0.transcriptions.change(|made| {
        let file = parts.iter().find(|part| part.name == "file");
        made.push(Transcription {
            at: openai.0.clock.now(),
            fields: parts.iter().filter(|part| part.name != "file").map(Part::field).collect(),
            file: file.and_then(|part| part.file.clone()).unwrap_or_default(),
            mime_type: file.and_then(|part| part.mime_type.clone()).unwrap_or_default(),
            status: None,
        });
        made.len() - 1
    });
    if openai.0.life.unless_stopped(openai.0.faults.linger()).await.is_none() {
        return life::cut();
    }
    if fault == Some(OpenAiFault::Hang) {
        return openai.0.life.hang().await;
    }
    let response = match fault.and_then(OpenAiFault::answer) {
        Some(answer) => answer,
        None => match openai.enters(&headers).and_then(|()| checked(&parts)) {
            Ok(_) if fault == Some(OpenAiFault::Drop) => return life::cut(),
            Ok(bytes) => axum::Json(json!({
                "text": heard(bytes),
                "languages": ["fr"],
                "usage": {"type": "duration", "seconds": note::seconds(bytes)},
            }))
            .into_response(),
            Err(error) => error.into_response(),
        },
    };
    openai.0.transcriptions.change(|made| made[place].status = Some(response.status().as_u16()));
    response
}

fn heard(bytes: &[u8]) -> String {
    let digest = usize::from(Sha256::digest(bytes)[0]);
    note::words(bytes).unwrap_or_else(|| MADE_UP[digest % MADE_UP.len()].to_owned())
}

/// The file, if the form is one that the API would take.
fn checked<'a>(parts: &[Part<'a>]) -> Result<&'a [u8], ApiError> {
    if let Some(unknown) = parts.iter().find(|part| !FIELDS.contains(&part.name.as_str())) {
        let message = format!("Unknown parameter: '{}'.", unknown.name);
        return Err(ApiError::parameter("unknown_parameter", &unknown.name, message));
    }
    let field = |name: &str| parts.iter().find(|part| part.name == name);
    let missing = |name: &str| {
        ApiError::parameter(
            "missing_required_parameter",
            name,
            format!("Missing required parameter: '{name}'."),
        )
    };
    let (_, model) = field("model").ok_or_else(|| missing("model"))?.field();
    if !MODELS.contains(&model.as_str()) {
        return Err(ApiError::model(&model));
    }
    if field("languages[]").is_some() && model != MODELS[0] {
        return Err(ApiError::parameter(
            "unknown_parameter",
            "languages",
            "This model takes one 'language'.",
        ));
    }
    let spoken = parts.iter().filter(|part| part.name.starts_with("language")).map(Part::field);
    if let Some((name, other)) = spoken.into_iter().find(|(_, code)| code.len() != 2) {
        return Err(ApiError::parameter(
            "invalid_language_format",
            name,
            format!("Language '{other}' is not in ISO-639-1 format."),
        ));
    }
    if field("response_format").is_some_and(|format| format.field().1 != "json") {
        return Err(ApiError::parameter(
            "unsupported_value",
            "response_format",
            "Only 'json' is served here.",
        ));
    }
    let file = field("file").ok_or_else(|| missing("file"))?;
    let extension = file.file.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, end)| end);
    let Some(extension) = extension.filter(|end| EXTENSIONS.contains(end)) else {
        let message = format!("Invalid file format. Supported formats: {EXTENSIONS:?}");
        return Err(ApiError::parameter("unsupported_format", "file", message));
    };
    let plain = |kind: &str| kind.starts_with("audio/") && !kind.contains(';');
    // The container tells what it is; a name that says otherwise is no file of that format.
    let is_ogg = file.bytes.starts_with(b"OggS");
    if !file.mime_type.as_deref().is_some_and(plain)
        || file.bytes.is_empty()
        || (extension == "ogg") != is_ogg
    {
        let message = "Audio file might be corrupted or unsupported";
        return Err(ApiError::parameter("invalid_value", "file", message));
    }
    Ok(file.bytes)
}

#[cfg(test)]
#[path = "transcription_tests.rs"]
mod tests;
