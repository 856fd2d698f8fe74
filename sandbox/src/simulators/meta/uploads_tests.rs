//! Proof that a file is looked at as closely as Meta looks, and that what comes to a phone is what was uploaded.

use std::time::Duration;

use super::*;
use crate::simulators::meta::MetaOptions;
use crate::simulators::receiver::client;

const KIND: &str = "multipart/form-data; boundary=b";
const FILE: &str = "name=\"file\"; filename=\"all.json\"\r\nContent-Type: text/plain";
const FIELDS: [(&str, &str); 2] = [("messaging_product", "whatsapp"), ("type", "text/plain")];

async fn meta() -> Meta {
    let options = MetaOptions {
        app_secret: "0a1b2c3d4e5f60718293a4b5c6d7e8f9".into(),
        access_token: "EAAtoken".into(),
        phone_number_id: "109876543210987".into(),
        display_phone_number: "33199001234".into(),
    };
    Meta::start(options).await.unwrap()
}

fn form(fields: &[(&str, &str)], file: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    body.extend(format!("--b\r\nContent-Disposition: form-data; {file}\r\n\r\n").bytes());
    body.extend(bytes);
    body.extend(b"\r\n--b--\r\n");
    body
}

async fn uploads(meta: &Meta, (path, token, kind): (&str, &str, &str), body: Vec<u8>) -> (u16, Value) {
    let url = format!("{}/{path}/media", meta.url());
    let request = client().post(url).bearer_auth(token).header("content-type", kind).body(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

const HERE: (&str, &str, &str) = ("v25.0/109876543210987", "EAAtoken", KIND);

async fn sends(meta: &Meta, document: &Value) -> (u16, Value) {
    let request = json!({"messaging_product": "whatsapp", "to": "+33639980123", "type": "document", "document": document});
    let url = format!("{}/{}/messages", meta.url(), HERE.0);
    let answer = client().post(url).bearer_auth(HERE.1).json(&request).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn what_was_uploaded_comes_to_the_phone() {
    let meta = meta().await;
    let camille = meta.person("+33639980123", "Camille");
    meta.webhook_url("http://127.0.0.1:9");
    camille.text("mes données").await;
    let (status, answer) = uploads(&meta, HERE, form(&FIELDS, FILE, b"{\"all\": []}")).await;
    assert_eq!(status, 200, "{answer}");
    let id = answer["id"].as_str().unwrap();
    let document = json!({"id": id, "filename": "all.json", "caption": "Tout"});
    assert_eq!(sends(&meta, &document).await.0, 200);
    let heard = camille.heard().pop().unwrap();
    assert_eq!((heard.text.as_str(), heard.kind.as_str()), ("Tout\n[all.json]", "document"));
    let come = heard.document.unwrap();
    assert_eq!((&*come.bytes, come.mime_type.as_str()), (&b"{\"all\": []}"[..], "text/plain"));
    for wrong in [
        json!({"id": "1", "filename": "all.json"}),
        json!({"filename": "all.json"}),
        json!({"id": id, "name": "all.json"}),
        json!({"id": id, "caption": "x".repeat(1025)}),
        json!({"id": id, "filename": ""}),
    ] {
        let (status, answer) = sends(&meta, &wrong).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(100)), "{wrong}");
    }
    meta.clock().advance(Duration::from_hours(31 * 24));
    camille.text("encore").await;
    assert_eq!(sends(&meta, &document).await.0, 400, "after thirty days");
}

#[tokio::test]
async fn what_meta_refuses_is_refused() {
    let meta = meta().await;
    let good = || form(&FIELDS, FILE, b"{}");
    let json_type = [FIELDS[0], ("type", "application/json")];
    for (at, body, code, why) in [
        (("v25.0/1", HERE.1, KIND), good(), 100, "another number"),
        (("v20.0/109876543210987", HERE.1, KIND), good(), 2635, "an old version"),
        ((HERE.0, "EAAother", KIND), good(), 190, "another token"),
        ((HERE.0, HERE.1, "application/json"), b"{}".to_vec(), 100, "no form"),
        (HERE, form(&FIELDS[1..], FILE, b"{}"), 100, "no product"),
        (HERE, form(&FIELDS[..1], FILE, b"{}"), 100, "no type"),
        (HERE, form(&FIELDS, "name=\"data\"", b"{}"), 100, "no file"),
        (HERE, form(&FIELDS, "name=\"file\"", b"{}"), 131_053, "a file without a name"),
        (HERE, form(&FIELDS, FILE, b""), 131_053, "an empty file"),
        (HERE, form(&json_type, &FILE.replace("text/plain", "application/json"), b"{}"), 100, "JSON"),
        (HERE, form(&FIELDS, &FILE.replace("text/plain", "application/pdf"), b"{}"), 131_053, "two types"),
    ] {
        let (status, answer) = uploads(&meta, at, body).await;
        assert_ne!(status, 200, "{why}");
        assert_eq!(answer["error"]["code"], code, "{why}: {answer}");
    }
    assert_eq!(meta.uploads(), 0);
}
