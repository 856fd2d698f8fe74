//! Proof that the simulator is as strict as `OpenAI`, and that its words fit what was asked.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::simulators::receiver::client;

const PATIENCE: Duration = Duration::from_secs(5);
const BAKERY: &str = "Bonjour, fais-moi 3 posts pour ma boulangerie à Lyon sur Instagram";

async fn openai() -> OpenAi {
    OpenAi::start(OpenAiOptions { api_key: "sk-test".into(), models: Model::current() }).await.unwrap()
}

fn schema(name: &str, properties: &Value) -> Value {
    let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
    json!({"type": "json_schema", "json_schema": {"name": name, "strict": true, "schema": {
        "type": "object", "additionalProperties": false, "required": required, "properties": properties}}})
}

fn posts_schema() -> Value {
    let string = json!({"type": "string"});
    schema("posts", &json!({"post_1": string, "post_2": string, "post_3": string}))
}

fn ask(user: &str) -> Value {
    json!({"model": "gpt-4o-mini", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": user}]})
}

fn ask_posts(user: &str) -> Value {
    let mut request = ask(user);
    request["response_format"] = posts_schema();
    request
}

async fn call_with(openai: &OpenAi, key: &str, request: &Value) -> (u16, Value) {
    let url = format!("{}/chat/completions", openai.base_url());
    let answer = client().post(url).bearer_auth(key).json(request).send().await.unwrap();
    let id = answer.headers().get("x-request-id").is_some_and(|id| id.to_str().unwrap().starts_with("req_"));
    assert!(id && answer.headers().contains_key("openai-processing-ms"));
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn call(openai: &OpenAi, request: &Value) -> (u16, Value) {
    call_with(openai, "sk-test", request).await
}

fn content(answer: &Value) -> Value {
    serde_json::from_str(answer["choices"][0]["message"]["content"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn posts_are_three_different_texts_about_the_brief() {
    let openai = openai().await;
    let (status, answer) = call(&openai, &ask_posts(BAKERY)).await;
    assert_eq!((status, &answer["model"]), (200, &json!("gpt-4o-mini-2024-07-18")));
    assert!(answer["usage"]["total_tokens"].as_u64().unwrap() > 100);
    let content = content(&answer);
    let posts: Vec<&str> = content.as_object().unwrap().values().map(|post| post.as_str().unwrap()).collect();
    assert!(posts[0] != posts[1] && posts[1] != posts[2] && posts[0] != posts[2]);
    for post in posts {
        assert!(post.to_lowercase().contains("notre boulangerie à lyon"), "{post}");
        assert!(post.contains('#') && (200..330).contains(&post.chars().count()), "{post}");
    }
    let (_, again) = call(&openai, &ask_posts(BAKERY)).await;
    assert_eq!(self::content(&again), content, "the same request gets the same words");
    let (_, english) = call(&openai, &ask_posts("Write 3 posts for my bakery opening on LinkedIn")).await;
    assert!(self::content(&english)["post_1"].as_str().unwrap().contains("waiting for"), "{english}");
}

#[tokio::test]
async fn an_intent_is_what_the_words_say_and_null_otherwise() {
    let openai = openai().await;
    let nullable = json!({"type": ["string", "null"]});
    let mut request = ask(BAKERY);
    request["response_format"] = schema(
        "intent",
        &json!({"platform": nullable, "industry": nullable, "objective": nullable, "tone": nullable,
            "language": {"type": ["string", "null"], "enum": ["fr", "en", "es", "ar", "other", null]}}),
    );
    let intent = content(&call(&openai, &request).await.1);
    let expected = json!({"platform": "Instagram", "industry": "boulangerie", "objective": null, "tone": null,
        "language": "fr"});
    assert_eq!(intent, expected);
    request["messages"][1]["content"] =
        json!("Please write about the opening of my coffee shop for LinkedIn");
    let intent = content(&call(&openai, &request).await.1);
    assert_eq!((&intent["platform"], &intent["language"]), (&json!("LinkedIn"), &json!("en")));
}

#[tokio::test]
async fn a_free_answer_carries_the_request_into_the_next_step() {
    let openai = openai().await;
    let (_, answer) = call(&openai, &ask(BAKERY)).await;
    let paragraph = answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    assert!(paragraph.contains(BAKERY));
    let (_, answer) = call(&openai, &ask_posts(&paragraph)).await;
    assert!(content(&answer)["post_2"].as_str().unwrap().contains("notre boulangerie à Lyon"));
}

#[tokio::test]
async fn what_openai_refuses_is_refused() {
    let openai = openai().await;
    let (status, body) = call_with(&openai, "sk-wrong", &ask("x")).await;
    assert_eq!((status, &body["error"]["code"]), (401, &json!("invalid_api_key")));
    let with = |changes: &Value| {
        let mut request = ask("x");
        request.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        request
    };
    let code = async |changes: Value| {
        let (status, body) = call(&openai, &with(&changes)).await;
        (status, body["error"]["code"].as_str().unwrap_or("none").to_owned())
    };
    let refused = |code: &str| (400, code.to_owned());
    assert_eq!(code(json!({"model": "gpt-3"})).await, (404, "model_not_found".to_owned()));
    assert_eq!(code(json!({"idempotency": 1})).await, refused("unknown_parameter"));
    assert_eq!(code(json!({"max_tokens": 500, "temperature": 0.7})).await.0, 200);
    assert_eq!(code(json!({"reasoning_effort": "none"})).await, refused("unsupported_parameter"));
    let luna = |more: Value| {
        let mut changes = json!({"model": "gpt-6-luna"});
        changes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        changes
    };
    assert_eq!(code(luna(json!({"max_tokens": 500}))).await, refused("unsupported_parameter"));
    assert_eq!(code(luna(json!({"temperature": 0.7}))).await, refused("unsupported_value"));
    assert_eq!(code(luna(json!({"temperature": 0.7, "reasoning_effort": "none"}))).await.0, 200);
    let mut loose = posts_schema();
    loose["json_schema"]["schema"]["required"] = json!(["post_1"]);
    let (status, body) = call(&openai, &with(&json!({"response_format": loose}))).await;
    assert_eq!(
        (status, body["error"]["message"].as_str().unwrap().contains("Missing 'post_2'")),
        (400, true)
    );
    let mut open = posts_schema();
    open["json_schema"]["schema"].as_object_mut().unwrap().remove("additionalProperties");
    assert_eq!(code(json!({"response_format": open})).await.0, 400);
    let mut named = posts_schema();
    named["json_schema"]["name"] = json!("trois posts");
    assert_eq!(code(json!({"response_format": named})).await, refused("invalid_value"));
}

#[tokio::test]
async fn a_held_call_waits_and_only_the_named_ones_do() {
    let openai = openai().await;
    openai.hold_only("posts");
    assert_eq!(call(&openai, &ask(BAKERY)).await.0, 200);
    let held = openai.clone();
    let task = tokio::spawn(async move { call(&held, &ask_posts(BAKERY)).await.0 });
    let calls = openai.wait_calls_of("posts", 1, PATIENCE).await.unwrap();
    assert_eq!((calls[0].status, calls[0].user_text.as_str()), (None, BAKERY));
    assert!(!task.is_finished());
    openai.release();
    assert_eq!(task.await.unwrap(), 200);
    assert_eq!(openai.wait_calls(2, PATIENCE).await.unwrap()[1].status, Some(200));
}

#[tokio::test]
async fn ordered_troubles_happen_to_the_calls_they_were_ordered_for() {
    let openai = openai().await;
    openai.fails_next_of("posts", 1, OpenAiFault::RateLimited { retry_after: Duration::from_millis(1500) });
    assert_eq!(call(&openai, &ask("x")).await.0, 200);
    let url = format!("{}/chat/completions", openai.base_url());
    let limited = client().post(&url).bearer_auth("sk-test").json(&ask_posts("x")).send().await.unwrap();
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()), (429, "2"));
    let shaped = async |fault| {
        openai.fails_next(1, fault);
        call(&openai, &ask_posts(BAKERY)).await
    };
    assert_eq!(shaped(OpenAiFault::InsufficientQuota).await.1["error"]["type"], "insufficient_quota");
    assert_eq!(shaped(OpenAiFault::Overloaded503).await.0, 503);
    assert_eq!(shaped(OpenAiFault::Garbage).await, (200, Value::Null));
    assert_eq!(shaped(OpenAiFault::EmptyChoices).await.1["choices"], json!([]));
    assert!(shaped(OpenAiFault::Refusal).await.1["choices"][0]["message"]["refusal"].is_string());
    assert_eq!(shaped(OpenAiFault::ContentFilter).await.1["choices"][0]["finish_reason"], "content_filter");
    for (fault, finish) in [(OpenAiFault::Truncated, "length"), (OpenAiFault::InvalidJsonContent, "stop")] {
        let choice = shaped(fault).await.1["choices"][0].clone();
        assert_eq!(choice["finish_reason"], finish);
        assert!(serde_json::from_str::<Value>(choice["message"]["content"].as_str().unwrap()).is_err());
    }
    let equal = content(&shaped(OpenAiFault::TwoEqualPosts).await.1);
    assert_eq!(equal["post_1"], equal["post_2"]);
    assert_eq!(content(&shaped(OpenAiFault::EmptyPost).await.1)["post_2"], "");
    openai.drops_next(1);
    assert!(client().post(&url).bearer_auth("sk-test").json(&ask("x")).send().await.is_err());
}

#[tokio::test]
async fn a_model_says_when_it_ends_and_a_stop_cuts_what_hangs() {
    let openai = openai().await;
    let url = format!("{}/models/gpt-4o-mini", openai.base_url());
    let model: Value = client().get(&url).bearer_auth("sk-test").send().await.unwrap().json().await.unwrap();
    assert_eq!(model["shutdown_date"], "2027-01-14");
    openai.hangs_next(1);
    let url = format!("{}/chat/completions", openai.base_url());
    let hanging = tokio::spawn(client().post(url).bearer_auth("sk-test").json(&ask("x")).send());
    openai.wait_calls(1, PATIENCE).await.unwrap();
    openai.stop().await;
    assert!(hanging.await.unwrap().is_err());
}
