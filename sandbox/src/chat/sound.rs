//! The visitor's voice. A file, or what a microphone took, leaves as a voice note of the simulated phone. The simulated
//! model hears nothing: what it is to understand is typed beside it, and hidden in the sound.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::hand::{keep, simulated};
use super::{Page, refuse};
use crate::simulators::note;

/// The largest sound that the page takes: a little more than what Postly does, so that its refusal can be seen.
pub(super) const LARGEST: usize = 18 << 20;

/// Words that are spoken in a second, about.
const WORDS_PER_SECOND: usize = 2;

#[derive(Deserialize)]
pub(super) struct Speaking {
    provider: String,
    person: Option<String>,
    /// What the simulated model is to understand.
    #[serde(default)]
    words: String,
}

/// `POST /api/voice`: the body is the sound, or nothing where the words alone are to be spoken.
pub(super) async fn send(
    State(page): State<Page>,
    Query(speaking): Query<Speaking>,
    headers: HeaderMap,
    sound: Bytes,
) -> Response {
    let visitor = match simulated(&page, &speaking.provider, speaking.person.as_deref()) {
        Ok(visitor) => visitor,
        Err(refusal) => return refusal,
    };
    let words = speaking.words.trim();
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (bytes, kind) = if !sound.is_empty() {
        (note::hidden(&sound, words), kind.to_owned())
    } else if page.stack.reality.model {
        let fr = "Le modèle est réel : choisissez un fichier audio, ou enregistrez-vous.";
        let en = "The model is real: choose an audio file, or record yourself.";
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, fr, en);
    } else if words.is_empty() {
        let fr = "Choisissez un fichier audio, ou écrivez ce qui est dit.";
        let en = "Choose an audio file, or write what is said.";
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, fr, en);
    } else {
        let seconds = words.split_whitespace().count().div_ceil(WORDS_PER_SECOND).max(1);
        (note::note(words, seconds as u64), "audio/ogg; codecs=opus".to_owned())
    };
    if !kind.starts_with("audio/") {
        let (fr, en) = ("Ce fichier n’est pas du son.", "This file is no sound.");
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, fr, en);
    }
    // Of other sound than notes nobody here knows how long it is.
    let seconds = note::seconds(&bytes);
    let length = bytes.starts_with(b"OggS").then(|| format!("{}:{:02}", seconds / 60, seconds % 60));
    let shown = match (length, words) {
        (Some(length), "") => format!("🎤 {length}"),
        (Some(length), words) => format!("🎤 {length} · {words}"),
        (None, "") => format!("🎤 {kind}"),
        (None, words) => format!("🎤 {words}"),
    };
    let at = page.clock.now();
    let sent = page.people[&visitor].sends_sound(&bytes, &kind).await;
    keep(&page, visitor, sent, (shown, None), at).await
}
