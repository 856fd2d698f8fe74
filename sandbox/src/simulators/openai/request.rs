//! Whether a chat completion request is one that the API would take.
//!
//! Models differ: `gpt-4o-mini` knows `max_tokens` and no `reasoning_effort`; `gpt-6-luna` refuses `max_tokens`,
//! and takes a temperature only with `reasoning_effort: none`. Unknown top-level parameters are refused.

use serde_json::Value;

use super::errors::ApiError;
use super::schema;

/// The top-level parameters of the endpoint.
const PARAMETERS: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// A model on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// What a request asks for.
    pub id: String,
    /// What the completion says it was.
    pub snapshot: String,
    /// Whether it reasons, which changes the parameters it takes.
    pub reasons: bool,
    /// `YYYY-MM-DD` when its end is announced.
    pub shutdown_date: Option<String>,
}

impl Model {
    /// The two models that this product meets in November 2026.
    #[must_use]
    pub fn current() -> Vec<Self> {
        let mini = Self {
            id: "gpt-4o-mini".to_owned(),
            snapshot: "gpt-4o-mini-2024-07-18".to_owned(),
            reasons: false,
            shutdown_date: Some("2027-01-14".to_owned()),
        };
        let (luna, shutdown_date) = ("gpt-6-luna".to_owned(), None);
        vec![mini, Self { snapshot: luna.clone(), id: luna, reasons: true, shutdown_date }]
    }
}

/// A request that passed the rules.
#[derive(Debug)]
pub(super) struct Asked {
    pub model: Model,
    /// The schema to fill.
    pub schema: Option<Value>,
    /// Any JSON object is wanted, without a schema.
    pub json_object: bool,
    /// Most tokens of the answer.
    pub limit: Option<u64>,
}

/// Checks a request against the models on offer.
pub(super) fn read(request: &Value, models: &[Model]) -> Result<Asked, ApiError> {
    let fields = request.as_object().ok_or_else(|| {
        ApiError::request("We could not parse the JSON body of your request. The API expects a JSON payload.")
    })?;
    if let Some(unknown) = fields.keys().find(|key| !PARAMETERS.contains(&key.as_str())) {
        return Err(ApiError::parameter(
            "unknown_parameter",
            unknown,
            format!("Unknown parameter: '{unknown}'."),
        ));
    }
    let id =
        request["model"].as_str().ok_or_else(|| ApiError::request("you must provide a model parameter"))?;
    let model = models.iter().find(|model| model.id == id || model.snapshot == id);
    let model = model.ok_or_else(|| ApiError::model(id))?.clone();
    messages(&request["messages"])?;
    parameters(request, &model)?;
    if request["stream"] == true {
        return Err(ApiError::parameter(
            "unsupported_value",
            "stream",
            "Streaming is not served by this simulator.",
        ));
    }
    let limit = ["max_completion_tokens", "max_tokens"].iter().find_map(|name| request[*name].as_u64());
    let format = &request["response_format"];
    let (schema, json_object) = match format["type"].as_str() {
        None | Some("text") => (None, false),
        Some("json_schema") => (Some(schema::read(&format["json_schema"])?), false),
        Some("json_object") if text_of(request, &[]).to_lowercase().contains("json") => (None, true),
        Some("json_object") => {
            let message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type \
                           'json_object'.";
            return Err(ApiError::parameter("invalid_value", "messages", message));
        }
        Some(other) => {
            let message = format!(
                "Invalid value: '{other}'. Supported values are: 'json_object', 'json_schema', and 'text'."
            );
            return Err(ApiError::parameter("invalid_value", "response_format.type", message));
        }
    };
    Ok(Asked { model, schema, json_object, limit })
}

/// The last `user` message as text.
pub(super) fn last_user_text(request: &Value) -> String {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let last = messages.iter().rev().find(|message| message["role"] == "user");
    last.map(|message| content(&message["content"])).unwrap_or_default()
}

/// The first `user` message as text: what the conversation is about, whatever was said since.
pub(super) fn first_user_text(request: &Value) -> String {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let first = messages.iter().find(|message| message["role"] == "user");
    first.map(|message| content(&message["content"])).unwrap_or_default()
}

/// How often the model has answered already in this conversation.
pub(super) fn answers(request: &Value) -> usize {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    messages.iter().filter(|message| message["role"] == "assistant").count()
}

/// All messages of these roles as one text; of all roles when none is named.
pub(super) fn text_of(request: &Value, roles: &[&str]) -> String {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let wanted = |message: &&Value| {
        roles.is_empty() || message["role"].as_str().is_some_and(|role| roles.contains(&role))
    };
    let texts: Vec<String> =
        messages.iter().filter(wanted).map(|message| content(&message["content"])).collect();
    texts.join("\n")
}

fn content(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn messages(messages: &Value) -> Result<(), ApiError> {
    let list = messages.as_array().ok_or_else(|| {
        ApiError::parameter(
            "missing_required_parameter",
            "messages",
            "Missing required parameter: 'messages'.",
        )
    })?;
    if list.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1.";
        return Err(ApiError::parameter("empty_array", "messages", message));
    }
    for (index, message) in list.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
            let text = format!("Invalid value: '{role}' for 'messages[{index}].role'.");
            return Err(ApiError::parameter("invalid_value", format!("messages[{index}].role"), text));
        }
        if role != "assistant" && !message["content"].is_string() && !message["content"].is_array() {
            let text =
                format!("Invalid type for 'messages[{index}].content': expected a string or an array.");
            return Err(ApiError::parameter("invalid_type", format!("messages[{index}].content"), text));
        }
    }
    Ok(())
}

fn parameters(request: &Value, model: &Model) -> Result<(), ApiError> {
    let unsupported = |name: &str, advice: &str| {
        let message = format!("Unsupported parameter: '{name}' is not supported with this model.{advice}");
        Err(ApiError::parameter("unsupported_parameter", name, message))
    };
    let effort = &request["reasoning_effort"];
    if !model.reasons && !effort.is_null() {
        return unsupported("reasoning_effort", "");
    }
    if model.reasons && !request["max_tokens"].is_null() {
        return unsupported("max_tokens", " Use 'max_completion_tokens' instead.");
    }
    if let Some(effort) = effort.as_str()
        && !["none", "low", "medium", "high", "xhigh", "max"].contains(&effort)
    {
        let message =
            format!("Unsupported value: 'reasoning_effort' does not support '{effort}' with this model.");
        return Err(ApiError::parameter("unsupported_value", "reasoning_effort", message));
    }
    for name in ["temperature", "top_p"] {
        if model.reasons && !request[name].is_null() && effort != "none" {
            let given = &request[name];
            let message = format!(
                "Unsupported value: '{name}' does not support {given} with this model. Only the default (1) value \
                 is supported."
            );
            return Err(ApiError::parameter("unsupported_value", name, message));
        }
    }
    let temperature = &request["temperature"];
    if !temperature.is_null() && !temperature.as_f64().is_some_and(|value| (0.0..=2.0).contains(&value)) {
        let message = format!("Invalid 'temperature': {temperature}. Expected a number between 0 and 2.");
        return Err(ApiError::parameter("decimal_above_max_value", "temperature", message));
    }
    if request["safety_identifier"].as_str().is_some_and(|id| id.len() > 128) {
        let message =
            "Invalid 'safety_identifier': string too long. Expected a string with maximum length 128.";
        return Err(ApiError::parameter("string_above_max_length", "safety_identifier", message));
    }
    Ok(())
}
