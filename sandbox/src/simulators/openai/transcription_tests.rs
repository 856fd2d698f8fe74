//! Proof that a form is looked at as closely as the API looks, and that words come out as they went in.

use serde_json::Value;

use super::super::{Model, OpenAiOptions};
use super::*;
use crate::simulators::receiver::client;

const FILE: &str = "name=\"file\"; filename=\"voice.ogg\"\r\nContent-Type: audio/ogg";

async fn openai() -> OpenAi {
    OpenAi::start(OpenAiOptions { api_key: "sk-test".into(), models: Model::current() }).await.unwrap()
}

/// A form of a model, of further fields, and of a file under this head.
fn form(model: &str, fields: &[(&str, &str)], file: &str, sound: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in [("model", model)].iter().chain(fields) {
        body.extend(
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    body.extend(format!("--b\r\nContent-Disposition: form-data; {file}\r\n\r\n").bytes());
    body.extend(sound);
    body.extend(b"\r\n--b--\r\n");
    body
}

async fn call(openai: &OpenAi, key: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
    let url = format!("{}/audio/transcriptions", openai.base_url());
    let request = client().post(url).bearer_auth(key).header("content-type", kind).body(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn what_was_spoken_is_heard() {
    let openai = openai().await;
    let kind = "multipart/form-data; boundary=b";
    let sound = note::note("Un post sur l’été", 9);
    let fields = [("response_format", "json"), ("languages[]", "fr"), ("languages[]", "en")];
    let (status, answer) =
        call(&openai, "sk-test", kind, form("gpt-transcribe", &fields, FILE, &sound)).await;
    assert_eq!((status, &answer["text"]), (200, &json!("Un post sur l’été")));
    assert_eq!(answer["usage"], json!({"type": "duration", "seconds": 9}));
    // Other sound says something, and always the same.
    let other = form("whisper-1", &[], &FILE.replace("ogg", "mp3"), b"ID3 other sound");
    let first = call(&openai, "sk-test", kind, other.clone()).await;
    assert_eq!(first, call(&openai, "sk-test", kind, other).await);
    assert!(first.1["text"].as_str().unwrap().contains("post"));
    let asked = &openai.transcriptions()[0];
    assert_eq!((asked.file.as_str(), asked.fields.len(), asked.status), ("voice.ogg", 4, Some(200)));
}

#[tokio::test]
async fn what_the_api_refuses_is_refused() {
    let openai = openai().await;
    let kind = "multipart/form-data; boundary=b";
    let sound = note::note("mots", 1);
    let good = || form("gpt-transcribe", &[], FILE, &sound);
    assert_eq!(call(&openai, "sk-other", kind, good()).await.0, 401);
    assert_eq!(call(&openai, "sk-test", kind, form("gpt-6-luna", &[], FILE, &sound)).await.0, 404);
    let mut open_end = good();
    open_end.truncate(open_end.len() - 8);
    for (kind, body, why) in [
        ("application/json", b"{}".to_vec(), "no form"),
        ("multipart/form-data", good(), "no boundary"),
        ("multipart/form-data; boundary=c", good(), "another boundary"),
        (kind, open_end, "no end"),
        (kind, form("gpt-transcribe", &[("colour", "red")], FILE, &sound), "an unknown field"),
        (kind, form("gpt-transcribe", &[("response_format", "srt")], FILE, &sound), "another format"),
        (kind, form("gpt-transcribe", &[("languages[]", "français")], FILE, &sound), "no code of a language"),
        (kind, form("whisper-1", &[("languages[]", "fr")], FILE, &sound), "hints for who takes none"),
        (kind, form("gpt-transcribe", &[], &FILE.replace(".ogg", ""), &sound), "no end of a name"),
        (kind, form("gpt-transcribe", &[], &FILE.replace(".ogg", ".amr"), &sound), "an unknown end"),
        (kind, form("gpt-transcribe", &[], &FILE.replace(".ogg", ".mp3"), &sound), "another end"),
        (
            kind,
            form("gpt-transcribe", &[], &FILE.replace("audio/ogg", "audio/ogg; codecs=opus"), &sound),
            "parameters",
        ),
        (kind, form("gpt-transcribe", &[], FILE, b""), "nothing"),
        (kind, form("gpt-transcribe", &[], "name=\"file\"", &sound), "no file"),
    ] {
        assert_eq!(call(&openai, "sk-test", kind, body).await.0, 400, "{why}");
    }
    assert_eq!(call(&openai, "sk-test", kind, good()).await.0, 200);
}
