//! The model behind one endpoint, `POST {base}/chat/completions`, as OpenAI and its compatible servers speak it.
//!
//! Reading is lenient (fields may be missing, unknown words are kept), judging is strict: what may be tried again,
//! what may not, and what the model itself declined are told apart by the error's code, not by its status alone.
//! Optional parameters leave only when they are configured, since each model refuses others.

mod failure;
#[cfg(test)]
mod fuzz;
mod lifetime;
mod moderation;
mod transcription;

use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::message::short;
use shared::step::Step;

use crate::error::JobError;

pub use failure::FAILURES;
pub use moderation::Offer;
pub use transcription::{TRANSCRIPTION, Transcribed};

/// Which model, where, and how it is asked.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// Up to and including `/v1` (`OPENAI_BASE_URL`).
    pub base_url: String,
    /// Absent for servers that want none (`OPENAI_API_KEY`).
    pub api_key: Option<SecretString>,
    /// `OPENAI_MODEL`.
    pub model: String,
    /// `OPENAI_TEMPERATURE`, 0 to 2.
    pub temperature: Option<f64>,
    /// `OPENAI_REASONING_EFFORT`.
    pub reasoning_effort: Option<String>,
    /// `OPENAI_MAX_COMPLETION_TOKENS`.
    pub max_completion_tokens: Option<u32>,
    /// Whether there is a moderation to ask (`MODERATION`).
    pub moderation: Offer,
    /// `OPENAI_TRANSCRIBE_MODEL`; `off`: voice notes are not listened to.
    pub transcribe_model: String,
}

/// The client.
#[derive(Debug, Clone)]
pub struct OpenAi {
    config: OpenAiConfig,
    http: reqwest::Client,
    timeout: Duration,
}

/// One call.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The step, for metrics.
    pub step: &'static str,
    /// What the model is to do: ours, never a person's words.
    pub system: String,
    /// The turns that follow, by role.
    pub turns: Vec<(&'static str, &'a str)>,
    /// The shape of the answer, where it must have one.
    pub schema: Option<(&'static str, &'static Value)>,
}

/// The word recorded as `finish_reason` when the model declined.
pub const REFUSAL: &str = "refusal";

impl OpenAi {
    /// A client. Connects at the first call.
    #[must_use]
    pub fn new(config: OpenAiConfig, http: reqwest::Client, timeout: Duration) -> Self {
        Self { config, http, timeout }
    }

    /// The body of a call.
    #[must_use]
    pub fn request(&self, ask: &Ask<'_>) -> Value {
        let mut messages = vec![json!({ "role": "system", "content": ask.system })];
        messages.extend(ask.turns.iter().map(|(role, text)| json!({ "role": role, "content": text })));
        let mut body = json!({ "model": self.config.model, "messages": messages });
        if let Some((name, schema)) = &ask.schema {
            body["response_format"] = json!({ "type": "json_schema", "json_schema": { "name": name, "strict": true, "schema": schema } });
        }
        if let Some(temperature) = self.config.temperature {
            body["temperature"] = json!(temperature);
        }
        if let Some(effort) = &self.config.reasoning_effort {
            body["reasoning_effort"] = json!(effort);
        }
        if let Some(tokens) = self.config.max_completion_tokens {
            body["max_completion_tokens"] = json!(tokens);
        }
        body
    }

    /// Asks. An answer that the model declined to give is an answer, marked [`REFUSAL`]; an empty one is an error.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Step, JobError> {
        let began = Instant::now();
        let request = self.post("/chat/completions").json(&self.request(ask));
        let response = request.send().await.map_err(|error| failure::unheard(ask.step, error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| failure::unheard(ask.step, error))?;
        histogram!("postly_llm_seconds", "step" => ask.step).record(began.elapsed());
        if !status.is_success() {
            return Err(failure::refused(ask.step, status, &headers, &body));
        }
        let completion: Completion = serde_json::from_slice(&body).map_err(|_| {
            failure::senseless(ask.step, "the model's server answered something that is no completion")
        })?;
        let step = completion.read(began.elapsed()).map_err(|what| failure::senseless(ask.step, what))?;
        for (kind, tokens) in [("prompt", step.prompt_tokens), ("completion", step.completion_tokens)] {
            counter!("postly_llm_tokens_total", "step" => ask.step, "kind" => kind)
                .increment(u64::try_from(tokens).unwrap_or(0));
        }
        Ok(step)
    }

    /// A call of one of its endpoints.
    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.call(self.http.post(self.url(path)))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.base_url.trim_end_matches('/'))
    }

    fn call(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let request = request.timeout(self.timeout);
        match &self.config.api_key {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        }
    }
}

/// More than any model reads or writes in one call. The books add up what a message and a day have used.
const MOST_TOKENS: i32 = 100_000_000;

/// What a server counts, as far as it can be true.
fn credible(tokens: i32) -> i32 {
    tokens.clamp(0, MOST_TOKENS)
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    model: String,
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    finish_reason: Option<String>,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize, Default)]
struct Usage {
    #[serde(default)]
    prompt_tokens: i32,
    #[serde(default)]
    completion_tokens: i32,
}

impl Completion {
    /// The step, or what is wrong with it.
    fn read(self, took: Duration) -> Result<Step, &'static str> {
        let empty = "the model answered with nothing";
        let choice = self.choices.into_iter().next().ok_or(empty)?;
        let message = choice.message.ok_or(empty)?;
        let usage = self.usage.unwrap_or_default();
        let finish_reason = choice.finish_reason.unwrap_or_else(|| "stop".to_owned());
        let refusal = message.refusal.filter(|refusal| !refusal.is_empty());
        let (output, finish_reason) = match (refusal, finish_reason.as_str()) {
            (Some(refusal), _) => (refusal, REFUSAL.to_owned()),
            (None, "content_filter") => (message.content.unwrap_or_default(), REFUSAL.to_owned()),
            // Cut off: paid for, recorded, and judged by whoever reads it.
            (None, "stop" | "length") => (message.content.unwrap_or_default(), finish_reason),
            (None, _) => return Err("the model stopped for an unknown reason"),
        };
        Ok(Step {
            output,
            finish_reason,
            model: short(&self.model),
            prompt_tokens: credible(usage.prompt_tokens),
            completion_tokens: credible(usage.completion_tokens),
            took_ms: i32::try_from(took.as_millis()).unwrap_or(i32::MAX),
            cost_micros: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_counts_and_calls_itself_can_be_kept() {
        let read = |model: &str, usage: &str| {
            let body = format!(
                r#"{{"model":"{model}","choices":[{{"message":{{"content":"x"}}}}],"usage":{usage}}}"#
            );
            serde_json::from_str::<Completion>(&body).unwrap().read(Duration::ZERO).unwrap()
        };
        // Postgres takes no NUL, and a step that is not kept is paid for again.
        assert_eq!(read("gpt\\u0000-4o", "null").model, "gpt-4o");
        // Two of these would not fit into the sum of a message; a negative one would pay for the next brief.
        let step = read("m", r#"{"prompt_tokens":2147483647,"completion_tokens":-5}"#);
        assert_eq!((step.prompt_tokens, step.completion_tokens), (MOST_TOKENS, 0));
    }
}
