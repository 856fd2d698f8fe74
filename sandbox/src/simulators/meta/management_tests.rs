//! Proof that an operator's questions are answered as strictly as messages are.

use serde_json::{Value, json};

use super::super::{Meta, MetaOptions, Template};
use crate::simulators::receiver::client;

async fn meta() -> Meta {
    let options = MetaOptions {
        app_secret: "0a1b2c3d4e5f60718293a4b5c6d7e8f9".into(),
        access_token: "EAAtoken".into(),
        phone_number_id: "109876543210987".into(),
        display_phone_number: "33199001234".into(),
    };
    Meta::start(options).await.unwrap()
}

async fn ask(meta: &Meta, path: &str, token: &str) -> (u16, Value) {
    let answer = client().get(format!("{}/{path}", meta.url())).bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn our_number_shows_the_fields_that_were_asked_for_and_no_others() {
    let meta = meta().await;
    let (status, body) =
        ask(&meta, "v25.0/109876543210987?fields=status,webhook_configuration", "EAAtoken").await;
    let expected = json!({"id": "109876543210987", "status": "CONNECTED", "webhook_configuration": {}});
    assert_eq!((status, body), (200, expected));
    meta.number_is("BANNED", "RED");
    let (_, body) = ask(&meta, "v25.0/109876543210987?fields=status,quality_rating", "EAAtoken").await;
    assert_eq!((&body["status"], &body["quality_rating"]), (&json!("BANNED"), &json!("RED")));
}

#[tokio::test]
async fn a_wrong_token_version_id_or_field_is_refused() {
    let meta = meta().await;
    for (path, token, code) in [
        ("v25.0/109876543210987", "other", 190),
        ("v25.0/104857600123456/subscribed_apps", "other", 190),
        ("v25.0/104857600123456/message_templates", "other", 190),
        ("v18.0/109876543210987", "EAAtoken", 2635),
        ("v25.0/4711", "EAAtoken", 100),
        ("v25.0/4711/subscribed_apps", "EAAtoken", 100),
        ("v25.0/109876543210987?fields=mood", "EAAtoken", 100),
    ] {
        let (status, body) = ask(&meta, path, token).await;
        assert!(status >= 400 && body["error"]["code"] == code, "{path}: {body}");
    }
}

#[tokio::test]
async fn the_account_tells_its_apps_and_its_templates() {
    let meta = meta().await;
    meta.template(Template::one_time_code("postly_code", "fr"));
    let (_, body) = ask(&meta, "v25.0/104857600123456/subscribed_apps", "EAAtoken").await;
    assert_eq!(body["data"].as_array().unwrap().len(), 1);
    meta.unsubscribes();
    let (_, body) = ask(&meta, "v25.0/104857600123456/subscribed_apps", "EAAtoken").await;
    assert_eq!(body["data"], json!([]));
    let (_, body) = ask(&meta, "v25.0/104857600123456/message_templates?name=postly", "EAAtoken").await;
    assert_eq!(body["data"][0]["status"], "APPROVED");
    let (_, body) = ask(&meta, "v25.0/104857600123456/message_templates?name=other", "EAAtoken").await;
    assert_eq!(body["data"], json!([]));
}
