//! Proof that media are given to whoever has the token, in time, and to nobody else.

use std::time::Duration;

use serde_json::Value;

use super::super::{Meta, MetaOptions};
use super::*;
use crate::simulators::receiver::{Receiver, client};

const TOKEN: &str = "EAAtoken";

/// Somebody has sent a note; the message of the webhook.
async fn sent() -> (Meta, Value) {
    let options = MetaOptions {
        app_secret: "0a1b2c3d4e5f60718293a4b5c6d7e8f9".into(),
        access_token: TOKEN.into(),
        phone_number_id: "109876543210987".into(),
        display_phone_number: "33199001234".into(),
    };
    let (meta, receiver) = (Meta::start(options).await.unwrap(), Receiver::start().await);
    meta.webhook_url(&receiver.url);
    meta.person("33639980123", "Camille Durand").voice(b"OggS sound", "audio/ogg; codecs=opus").await;
    let webhook: Value = serde_json::from_slice(&receiver.wait(1).await.remove(0).body).unwrap();
    (meta, webhook["entry"][0]["changes"][0]["value"]["messages"][0].clone())
}

async fn look_up(meta: &Meta, id: &str, token: &str) -> (u16, Value) {
    let url = format!("{}/v25.0/{id}", meta.url());
    let answer = client().get(url).bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn download(url: &Value, token: &str) -> (u16, Vec<u8>) {
    let answer = client().get(url.as_str().unwrap()).bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn an_id_leads_to_an_address_and_that_to_the_bytes() {
    let (meta, message) = sent().await;
    assert_eq!((&message["type"], &message["audio"]["voice"]), (&json!("audio"), &json!(true)));
    let id = message["audio"]["id"].as_str().unwrap();
    let (status, medium) = look_up(&meta, id, TOKEN).await;
    assert_eq!(
        (status, &medium["mime_type"], &medium["file_size"]),
        (200, &json!("audio/ogg"), &json!("10"))
    );
    let announced = hex::decode(medium["sha256"].as_str().unwrap()).unwrap();
    assert_eq!(message["audio"]["sha256"], STANDARD.encode(announced), "hexadecimal here, base64 there");
    assert_eq!(download(&medium["url"], TOKEN).await, (200, b"OggS sound".to_vec()));
    assert_eq!(download(&message["audio"]["url"], TOKEN).await.0, 200);
}

#[tokio::test]
async fn without_the_token_in_time_and_from_our_number_there_is_nothing() {
    let (meta, message) = sent().await;
    let id = message["audio"]["id"].as_str().unwrap();
    assert_eq!(look_up(&meta, id, "other").await.1["error"]["code"], 190);
    assert_eq!(
        look_up(&meta, &format!("{id}?phone_number_id=1"), TOKEN).await.1["error"]["error_subcode"],
        33
    );
    let (_, medium) = look_up(&meta, &format!("{id}?phone_number_id=109876543210987"), TOKEN).await;
    assert_eq!(download(&medium["url"], "other").await.0, 401);
    let request = client().get(medium["url"].as_str().unwrap()).bearer_auth(TOKEN);
    let nameless = request.header("user-agent", "").send().await.unwrap();
    assert_eq!(nameless.status().as_u16(), 403);
    let guessed = json!(medium["url"].as_str().unwrap().replace("hash=", "hash=0"));
    assert_eq!(download(&guessed, TOKEN).await.0, 404);
    meta.clock().advance(Duration::from_secs(301));
    assert_eq!(download(&medium["url"], TOKEN).await.0, 404);
    let (_, fresh) = look_up(&meta, id, TOKEN).await;
    assert_eq!(download(&fresh["url"], TOKEN).await.0, 200);
    meta.clock().advance(Duration::from_hours(24 * 7));
    assert_eq!(look_up(&meta, id, TOKEN).await.1["error"]["error_subcode"], 33);
}
