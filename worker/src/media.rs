//! Fetching what a person sent, from the provider that keeps it: whole, not too large, of a kind that can be used.
//!
//! A secret goes to the hosts that may see it and to no other, wherever an address or a redirect may point. Nothing is
//! kept: the bytes live as long as the work on their message.

#[cfg(test)]
mod fuzz;
pub mod meta;
pub mod ogg;
pub mod twilio;

use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::{RequestBuilder, Response, StatusCode};
use shared::message::{Inbound, Provider, Voice};
use shared::texts::Unheard;

use crate::whatsapp::Providers;

/// The largest sound that WhatsApp carries (Meta: Media, supported media types).
pub const LARGEST: usize = 16 * 1024 * 1024;

/// Some of Meta's servers are said to refuse a request without one.
const AGENT: &str = concat!("postly-worker/", env!("CARGO_PKG_VERSION"));

/// A sound, whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Sound {
    /// As it was recorded.
    pub bytes: Vec<u8>,
    /// What it is.
    pub format: Format,
}

/// Sound is a person's voice: its size is all that is shown.
impl std::fmt::Debug for Sound {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Sound({:?}, {} bytes)", self.format, self.bytes.len())
    }
}

/// A format that can be transcribed (OpenAI: Create transcription).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The end of a file's name, by which a server knows it.
    pub extension: &'static str,
    /// Its plain media type.
    pub mime_type: &'static str,
}

impl Format {
    /// The format of a media type, whatever its parameters. `None`: AMR, AAC and others are sent by WhatsApp and taken by
    /// no server.
    #[must_use]
    pub fn of(mime_type: &str) -> Option<Self> {
        let (extension, mime_type) = match plain(mime_type).as_str() {
            "audio/ogg" | "audio/opus" | "audio/x-opus+ogg" => ("ogg", "audio/ogg"),
            "audio/mpeg" | "audio/mp3" | "audio/mpga" => ("mp3", "audio/mpeg"),
            "audio/mp4" | "audio/m4a" | "audio/x-m4a" => ("m4a", "audio/mp4"),
            "audio/wav" | "audio/x-wav" | "audio/wave" => ("wav", "audio/wav"),
            "audio/webm" => ("webm", "audio/webm"),
            "audio/flac" | "audio/x-flac" => ("flac", "audio/flac"),
            _ => return None,
        };
        Some(Self { extension, mime_type })
    }
}

/// A media type without its parameters.
fn plain(mime_type: &str) -> String {
    mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Why there is no sound.
#[derive(Debug)]
pub enum Unfetched {
    /// There will be none: said to the person.
    Never(Unheard),
    /// Not there. At Twilio it may be there in a moment (Twilio: Intermittent 404 errors when accessing media URLs).
    Missing,
    /// Another try may work.
    Retry(String),
    /// Nothing can be fetched until an operator has done something. For the log: no part of an address.
    Operator(String),
}

/// Fetches what was said. Its type is looked at first: what cannot be used is not asked for.
pub async fn fetch(providers: &Providers, inbound: &Inbound, voice: &Voice) -> Result<Sound, Unfetched> {
    let told = voice.mime_type.as_deref();
    if told.is_some_and(|told| Format::of(told).is_none()) {
        return Err(Unfetched::Never(Unheard::Format));
    }
    let unconfigured = || Unfetched::Operator("not_configured".to_owned());
    let (bytes, mime_type) = match inbound.provider {
        Provider::Meta => {
            meta::fetch(providers.meta.as_ref().ok_or_else(unconfigured)?, inbound, voice).await?
        }
        Provider::Twilio => {
            let bytes = twilio::fetch(providers.twilio.as_ref().ok_or_else(unconfigured)?, voice).await?;
            (bytes, None)
        }
    };
    if bytes.is_empty() {
        return Err(Unfetched::Never(Unheard::Nothing));
    }
    let format = told.or(mime_type.as_deref()).and_then(Format::of);
    let format = format.ok_or(Unfetched::Never(Unheard::Format))?;
    Ok(Sound { bytes, format })
}

/// Sends a request, and tells a connection that failed from an answer.
async fn ask(request: RequestBuilder) -> Result<Response, Unfetched> {
    let sent = request.header(USER_AGENT, AGENT).send().await;
    // The address of a medium is a key to it: it stays out of every message.
    sent.map_err(|error| Unfetched::Retry(format!("media: {}", error.without_url())))
}

/// The bytes of an answer that is one, up to [`LARGEST`]. What is told beforehand saves reading it.
async fn read(mut response: Response) -> Result<Vec<u8>, Unfetched> {
    judge(response.status())?;
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(plain);
    if kind.is_some_and(|kind| kind.starts_with("text/") || kind == "application/json") {
        // A page of some gateway.
        return Err(Unfetched::Retry("media: words where sound should be".to_owned()));
    }
    let large = |size: u64| size > LARGEST as u64;
    if response.content_length().is_some_and(large) {
        return Err(Unfetched::Never(Unheard::TooLarge));
    }
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await;
        match chunk.map_err(|error| Unfetched::Retry(format!("media: {}", error.without_url())))? {
            None => return Ok(bytes),
            Some(chunk) if bytes.len() + chunk.len() > LARGEST => {
                return Err(Unfetched::Never(Unheard::TooLarge));
            }
            Some(chunk) => bytes.extend_from_slice(&chunk),
        }
    }
}

/// What the status of an answer means.
fn judge(status: StatusCode) -> Result<(), Unfetched> {
    let code = status.as_u16();
    Err(match code {
        200..=299 => return Ok(()),
        404 | 410 => Unfetched::Missing,
        401 | 403 => Unfetched::Operator(format!("HTTP {code}")),
        413 => Unfetched::Never(Unheard::TooLarge),
        // A redirect, too: whoever follows one decides what goes along.
        _ => Unfetched::Retry(format!("media: HTTP {code}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_transcribed_is_known_by_its_type() {
        let extension = |mime_type| Format::of(mime_type).map(|format| format.extension);
        assert_eq!(extension("audio/ogg; codecs=opus"), Some("ogg"));
        assert_eq!(extension(" Audio/OGG "), Some("ogg"));
        assert_eq!(extension("audio/mpeg"), Some("mp3"));
        assert_eq!(extension("audio/mp4"), Some("m4a"));
        for other in ["audio/amr", "audio/aac", "video/mp4", "text/html", "", "audio"] {
            assert_eq!(extension(other), None, "{other}");
        }
    }
}
