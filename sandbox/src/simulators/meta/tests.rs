//! Proof that the simulator is as strict as Meta and signs as Meta does.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::signature::{escape, sign};
use super::*;
use crate::simulators::receipts::Fate;
use crate::simulators::receiver::{Receiver, client};

const PATIENCE: Duration = Duration::from_secs(5);
const CAMILLE: &str = "33639980123";

async fn meta() -> (Meta, Receiver) {
    let options = MetaOptions {
        app_secret: "0a1b2c3d4e5f60718293a4b5c6d7e8f9".into(),
        access_token: "EAAtoken".into(),
        phone_number_id: "109876543210987".into(),
        display_phone_number: "33199001234".into(),
    };
    let (meta, receiver) = (Meta::start(options).await.unwrap(), Receiver::start().await);
    meta.webhook_url(&receiver.url);
    (meta, receiver)
}

fn text(to: &str, body: &str) -> Value {
    json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": to, "type": "text",
        "text": {"preview_url": false, "body": body}, "biz_opaque_callback_data": "outbox:1"})
}

async fn call(meta: &Meta, request: &Value) -> (u16, Value) {
    call_at(meta, "v25.0/109876543210987", "EAAtoken", request).await
}

async fn call_at(meta: &Meta, path: &str, token: &str, request: &Value) -> (u16, Value) {
    let url = format!("{}/{path}/messages", meta.url());
    let answer = client().post(url).bearer_auth(token).json(request).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn refused(meta: &Meta, request: &Value) -> u64 {
    let (status, body) = call(meta, request).await;
    assert_ne!(status, 200, "{body}");
    body["error"]["code"].as_u64().unwrap()
}

#[test]
fn signatures_reproduce_the_vectors() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../fixtures/meta-signature-vectors.json")).unwrap();
    let mut valid = 0;
    for vector in vectors["vectors"].as_array().unwrap() {
        let text = |key: &str| vector[key].as_str().unwrap();
        let body = base64::engine::general_purpose::STANDARD.decode(text("body_base64")).unwrap();
        let ours = sign(text("app_secret"), &body);
        if vector["valid"] == true && !text("name").starts_with("edge") {
            assert_eq!(ours, text("x_hub_signature_256"), "{}", text("name"));
            valid += 1;
        } else if !text("name").starts_with("edge") {
            assert_ne!(ours, text("x_hub_signature_256"), "{}", text("name"));
        }
    }
    assert!(valid >= 5, "only {valid} vectors were valid");
    let body = |name: &str| {
        let vector =
            vectors["vectors"].as_array().unwrap().iter().find(|vector| vector["name"] == name).unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(vector["body_base64"].as_str().unwrap());
        String::from_utf8(bytes.unwrap()).unwrap()
    };
    assert_eq!(escape(&body("utf8")), body("escaped"));
}

#[tokio::test]
async fn a_persons_text_arrives_signed_over_its_bytes_and_opens_the_window() {
    let (meta, receiver) = meta().await;
    assert_eq!(refused(&meta, &text("+33639980123", "Bonjour")).await, 131_047);
    let camille = meta.person(CAMILLE, "Camille Durand");
    let delivery = camille.text("Un post pour l’été 🥐").await;
    assert_eq!((delivery.status, delivery.attempts), (Some(200), 1));
    let arrival = receiver.wait(1).await.remove(0);
    assert_eq!(arrival.header("x-hub-signature-256"), sign(&meta.options().app_secret, &arrival.body));
    assert!(arrival.body.is_ascii(), "the wire form is escaped");
    let value = &arrival.json()["entry"][0]["changes"][0]["value"];
    assert_eq!(value["messages"][0]["text"]["body"], "Un post pour l’été 🥐");
    assert_eq!(value["messages"][0]["from"], CAMILLE);
    assert_eq!(value["messages"][0]["from_user_id"], value["contacts"][0]["user_id"]);
    let (status, answer) = call(&meta, &text("+33639980123", "Bonjour")).await;
    assert_eq!((status, &answer["contacts"][0]["wa_id"]), (200, &json!(CAMILLE)));
    meta.clock().advance(Duration::from_hours(24) + Duration::from_secs(1));
    assert_eq!(refused(&meta, &text("+33639980123", "Encore")).await, 131_047);
}

#[tokio::test]
async fn what_meta_refuses_is_refused() {
    let (meta, _receiver) = meta().await;
    meta.person(CAMILLE, "Camille").text("Bonjour").await;
    let good = text("+33639980123", "Bonjour");
    let (status, body) = call_at(&meta, "v25.0/109876543210987", "wrong", &good).await;
    assert_eq!((status, &body["error"]["code"]), (401, &json!(190)));
    let (_, body) = call_at(&meta, "v18.0/109876543210987", "EAAtoken", &good).await;
    assert_eq!(body["error"]["code"], 2635);
    let (_, body) = call_at(&meta, "v25.0/1", "EAAtoken", &good).await;
    assert_eq!((&body["error"]["code"], &body["error"]["error_subcode"]), (&json!(100), &json!(33)));
    assert_eq!(refused(&meta, &text("33639980123", "sans plus")).await, 131_026);
    assert_eq!(refused(&meta, &text("+33639980123", "")).await, 100);
    assert_eq!(refused(&meta, &text("+33639980123", &"é".repeat(4097))).await, 100);
    assert_eq!(refused(&meta, &text("+33639980123", &"🥐".repeat(2049))).await, 100);
    assert_eq!(call(&meta, &text("+33639980123", &"🥐".repeat(2048))).await.0, 200);
    let mut misspelt = good.clone();
    misspelt["text"]["boddy"] = json!("x");
    assert_eq!(refused(&meta, &misspelt).await, 100);
    let mut long = good.clone();
    long["biz_opaque_callback_data"] = json!("x".repeat(513));
    assert_eq!(refused(&meta, &long).await, 100);
    let mut other = good.clone();
    other["messaging_product"] = json!("messenger");
    assert_eq!(refused(&meta, &other).await, 100);
    let form =
        client().post(format!("{}/v25.0/109876543210987/messages", meta.url())).bearer_auth("EAAtoken");
    assert_eq!(form.body(good.to_string()).send().await.unwrap().status(), 400);
    assert_eq!(meta.sent_to(CAMILLE).len(), 1, "only the good one was accepted");
}

#[tokio::test]
async fn statuses_are_signed_ordered_and_echo_our_data() {
    let (meta, receiver) = meta().await;
    meta.person(CAMILLE, "Camille").text("Bonjour").await;
    let (_, answer) = call(&meta, &text("+33639980123", "Voilà")).await;
    let arrivals = receiver.wait(4).await;
    let words: Vec<_> = arrivals[1..]
        .iter()
        .map(|arrival| {
            assert_eq!(
                arrival.header("x-hub-signature-256"),
                sign(&meta.options().app_secret, &arrival.body)
            );
            let status = arrival.json()["entry"][0]["changes"][0]["value"]["statuses"][0].clone();
            assert_eq!(status["id"], answer["messages"][0]["id"]);
            assert_eq!(status["biz_opaque_callback_data"], "outbox:1");
            status["status"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(words, ["sent", "delivered", "read"]);
    meta.statuses(Statuses::OutOfOrder);
    call(&meta, &text("+33639980123", "Encore")).await;
    let last = receiver.wait(7).await.pop().unwrap().json();
    assert_eq!(last["entry"][0]["changes"][0]["value"]["statuses"][0]["status"], "sent");
    assert_eq!(meta.sent_to(CAMILLE)[1].status, Fate::Read, "a fate never goes back");
    receiver.answers(500, None, "");
    meta.statuses(Statuses::Immediate);
    meta.people_read(false);
    call(&meta, &text("+33639980123", "Et encore")).await;
    meta.quiet(PATIENCE).await.unwrap();
    assert_eq!(receiver.arrivals().len(), 7 + 2 * 4, "two statuses, four tries each");
}

#[tokio::test]
async fn a_dropped_answer_still_reaches_the_person() {
    let (meta, receiver) = meta().await;
    let camille = meta.person(CAMILLE, "Camille");
    camille.text("Bonjour").await;
    meta.drops_next(1);
    let url = format!("{}/v25.0/109876543210987/messages", meta.url());
    let request = client().post(url).bearer_auth("EAAtoken").json(&text("+33639980123", "Perdu"));
    assert!(request.send().await.is_err(), "the connection must be cut before the status line");
    assert_eq!(camille.hears(1, PATIENCE).await.unwrap()[0].text, "Perdu");
    receiver.wait(4).await;
    assert_eq!(meta.journal().exchanges()[0].status, None);
    meta.stop().await;
    let after = client().post(meta.url()).send().await;
    assert!(after.is_err_and(|error| error.is_connect()));
}

#[tokio::test]
async fn typing_lasts_until_the_answer_and_needs_a_real_message() {
    let (meta, _receiver) = meta().await;
    let camille = meta.person(CAMILLE, "Camille");
    let message = camille.text("Bonjour").await.message_id;
    let read = |id: &str| {
        json!({"messaging_product": "whatsapp", "status": "read", "message_id": id,
        "typing_indicator": {"type": "text"}})
    };
    assert_eq!(refused(&meta, &read("wamid.unknown")).await, 100);
    meta.fails_next(1, MetaFault::Throughput130429);
    assert_eq!(call(&meta, &read(&message)).await.1, json!({"success": true}));
    assert!(camille.sees_typing());
    assert_eq!(refused(&meta, &text("+33639980123", "x")).await, 130_429);
    call(&meta, &text("+33639980123", "Voilà")).await;
    assert!(!camille.sees_typing());
    assert_eq!(meta.read_receipts()[0].message_id, message);
}

#[tokio::test]
async fn a_code_needs_its_template_and_a_number() {
    let (meta, _receiver) = meta().await;
    let fixture = |count: usize, to: Value| {
        let code = json!({"type": "text", "text": "481905"});
        let mut request = json!({"messaging_product": "whatsapp", "type": "template", "template": {
            "name": "code_connexion", "language": {"code": "fr"}, "components": [
                {"type": "body", "parameters": vec![code.clone(); count]},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": [code]}]}});
        request.as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
        request
    };
    let number = json!({"to": "+33639980123"});
    assert_eq!(refused(&meta, &fixture(1, number.clone())).await, 132_001);
    meta.template(Template::one_time_code("code_connexion", "fr"));
    assert_eq!(refused(&meta, &fixture(0, number.clone())).await, 132_000);
    let (status, _) = call(&meta, &fixture(1, number)).await;
    assert_eq!((status, meta.sent_to(CAMILLE)[0].text.contains("481905")), (200, true));
    meta.hidden_person("FR.1390021865530274", "@camille", "Camille").text("Bonjour").await;
    let hidden = fixture(1, json!({"recipient": "FR.1390021865530274"}));
    assert_eq!(refused(&meta, &hidden).await, 131_062);
}

#[tokio::test]
async fn a_burst_beyond_forty_five_breaks_the_pair_rate() {
    let (meta, _receiver) = meta().await;
    meta.statuses(Statuses::Never);
    meta.limits_pairs(Duration::from_secs(6));
    meta.clock().freeze();
    meta.person(CAMILLE, "Camille").text("Bonjour").await;
    for _ in 0..45 {
        assert_eq!(call(&meta, &text("+33639980123", "x")).await.0, 200);
    }
    assert_eq!(refused(&meta, &text("+33639980123", "x")).await, 131_056);
    meta.clock().advance(Duration::from_secs(12));
    assert_eq!(call(&meta, &text("+33639980123", "x")).await.0, 200);
}

#[tokio::test]
async fn more_in_a_second_than_the_number_may_send_is_refused() {
    let (meta, _receiver) = meta().await;
    meta.statuses(Statuses::Never);
    meta.limits_throughput(3);
    meta.clock().freeze();
    meta.person(CAMILLE, "Camille").text("Bonjour").await;
    for _ in 0..3 {
        assert_eq!(call(&meta, &text("+33639980123", "x")).await.0, 200);
    }
    assert_eq!(refused(&meta, &text("+33639980123", "x")).await, 130_429);
    meta.clock().advance(Duration::from_secs(1));
    assert_eq!(call(&meta, &text("+33639980123", "x")).await.0, 200);
}

#[tokio::test]
async fn a_redelivery_is_the_same_bytes_and_a_batch_is_one_webhook() {
    let (meta, receiver) = meta().await;
    let (camille, hugo) = (meta.person(CAMILLE, "Camille"), meta.person("33639980456", "Hugo"));
    let id = camille.text("Bonjour").await.message_id;
    let again = meta.redeliver(&id, 5, true).await;
    assert_eq!(again.len(), 5);
    let arrivals = receiver.wait(6).await;
    assert!(arrivals.iter().all(|arrival| arrival.body == arrivals[0].body));
    let (_, ids) = meta.batch(&[(&camille, "un"), (&hugo, "deux"), (&camille, "trois")]).await;
    assert_eq!(ids.len(), 3);
    let value = receiver.wait(7).await[6].json()["entry"][0]["changes"][0]["value"].clone();
    assert_eq!(
        (value["contacts"].as_array().unwrap().len(), value["messages"].as_array().unwrap().len()),
        (2, 3)
    );
}
