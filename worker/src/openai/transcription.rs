//! Words from sound: `POST {base}/audio/transcriptions` (OpenAI: Create transcription, 2026), which many compatible
//! servers do not have.

use std::time::{Duration, Instant};

use metrics::histogram;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use shared::language::Language;
use shared::price::ModelPrices;
use shared::step::Step;
use shared::texts::Unheard;

use super::{OpenAi, credible, failure};
use crate::error::JobError;
use crate::form::{Upload, form};
use crate::media::Sound;

/// The name of this step in the books and in metrics.
pub use shared::step::TRANSCRIPTION;

/// The model that takes hints of languages. It may be sure of a language that nobody speaks here.
const TAKES_HINTS: &str = "gpt-transcribe";

/// No sound that WhatsApp carries lasts a day: a server that counts more would spend everybody's.
const LONGEST: f64 = 86_400.0;

/// What came of it.
#[derive(Debug)]
pub enum Transcribed {
    /// Words, perhaps none: paid for.
    Words(Box<Step>),
    /// The server cannot use this sound: not paid for.
    Unusable(Unheard),
    /// The server does not transcribe.
    Unsupported,
}

#[derive(Deserialize)]
pub(super) struct Transcript {
    text: String,
    usage: Option<Usage>,
}

/// OpenAI's newer models count seconds, others tokens, and compatible servers nothing.
#[derive(Deserialize)]
struct Usage {
    seconds: Option<f64>,
    #[serde(default)]
    input_tokens: i32,
    #[serde(default)]
    output_tokens: i32,
}

impl OpenAi {
    /// Whether the operator wants sound to be listened to.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.config.transcribe_model != "off"
    }

    /// Transcribes. `spoken`: the language that the person chose, if they did.
    pub async fn transcribe(
        &self,
        sound: &Sound,
        spoken: Option<Language>,
        prices: &ModelPrices,
    ) -> Result<Transcribed, JobError> {
        let began = Instant::now();
        let model = &self.config.transcribe_model;
        let mut fields = vec![("model", model.as_str()), ("response_format", "json")];
        if let Some(spoken) = spoken.filter(|_| model.starts_with(TAKES_HINTS)) {
            // Both: who chose one for our answers may still speak the other.
            fields.extend([("languages[]", spoken.code()), ("languages[]", spoken.other().code())]);
        }
        let name = format!("voice.{}", sound.format.extension);
        let file = Upload { name: &name, mime_type: sound.format.mime_type, bytes: &sound.bytes };
        let (kind, body) = form(&fields, file);
        let response = self.post("/audio/transcriptions").header(CONTENT_TYPE, kind).body(body).send().await;
        let response = response.map_err(|error| failure::unheard(TRANSCRIPTION, error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| failure::unheard(TRANSCRIPTION, error))?;
        histogram!("postly_llm_seconds", "step" => TRANSCRIPTION).record(began.elapsed());
        match status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                tracing::error!(
                    http.status = status.as_u16(),
                    "the model's server does not transcribe with OPENAI_TRANSCRIBE_MODEL: voice notes are not read"
                );
                return Ok(Transcribed::Unsupported);
            }
            StatusCode::BAD_REQUEST
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => {
                // Its type was checked: the sound itself is broken, and the words of the refusal may name its file.
                tracing::warn!(http.status = status.as_u16(), "a voice note could not be transcribed");
                return Ok(Transcribed::Unusable(Unheard::Format));
            }
            StatusCode::PAYLOAD_TOO_LARGE => return Ok(Transcribed::Unusable(Unheard::TooLarge)),
            status if !status.is_success() => {
                return Err(failure::refused(TRANSCRIPTION, status, &headers, &body));
            }
            _ => {}
        }
        let transcript: Transcript = serde_json::from_slice(&body).map_err(|_| {
            failure::senseless(TRANSCRIPTION, "the model's server answered something that is no transcript")
        })?;
        Ok(Transcribed::Words(Box::new(transcript.read(model, prices, began.elapsed()))))
    }
}

impl Transcript {
    /// The step.
    pub(super) fn read(self, model: &str, prices: &ModelPrices, took: Duration) -> Step {
        let usage = self.usage.unwrap_or(Usage { seconds: None, input_tokens: 0, output_tokens: 0 });
        let (input, output) = (credible(usage.input_tokens), credible(usage.output_tokens));
        let cost_micros = match usage.seconds {
            Some(seconds) => prices.cost_of_sound(model, seconds.min(LONGEST)),
            None if input > 0 => prices.cost(model, input, output),
            None => None,
        };
        Step {
            output: self.text,
            finish_reason: "stop".to_owned(),
            model: model.to_owned(),
            prompt_tokens: input,
            completion_tokens: output,
            took_ms: i32::try_from(took.as_millis()).unwrap_or(i32::MAX),
            cost_micros,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_read_whatever_it_counts() {
        let read = |body: &str| serde_json::from_str::<Transcript>(body);
        let seconds =
            read(r#"{"text":"un","languages":["fr"],"usage":{"type":"duration","seconds":3}}"#).unwrap();
        assert_eq!(seconds.usage.unwrap().seconds, Some(3.0));
        let tokens =
            read(r#"{"text":"un","usage":{"type":"tokens","input_tokens":14,"output_tokens":4}}"#).unwrap();
        assert_eq!(tokens.usage.unwrap().input_tokens, 14);
        assert!(read(r#"{"text":"un"}"#).unwrap().usage.is_none());
        assert!(read(r#"{"error":"none"}"#).is_err());
    }

    #[test]
    fn a_server_that_cannot_count_does_not_spend_the_day_of_everybody() {
        let cost = |usage: &str| {
            let body = format!(r#"{{"text":"un","usage":{usage}}}"#);
            let transcript: Transcript = serde_json::from_str(&body).unwrap();
            transcript.read("gpt-transcribe", &ModelPrices::default(), Duration::ZERO).cost_micros
        };
        assert_eq!(cost(r#"{"seconds":60}"#), Some(4_500));
        assert_eq!(cost(r#"{"seconds":1e300}"#), Some(6_480_000));
        assert_eq!(cost(r#"{"seconds":-1e300}"#), Some(0));
    }
}
