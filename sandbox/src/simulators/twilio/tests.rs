//! Proof that the simulator is as strict as Twilio and signs as Twilio does.

use std::time::Duration;

use serde_json::{Value, json};

use super::signature::sign;
use super::*;
use crate::simulators::receipts::Fate;
use crate::simulators::receiver::{Receiver, client};

const PATIENCE: Duration = Duration::from_secs(5);
const AC: &str = "AC0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const TOKEN: &str = "7f3b1c9ad2e84f60b5a1c7d9e0f24683";
const PUBLIC: &str = "https://hooks.postly.example/api/whatsapp/webhook";
const XML: Option<&str> = Some("text/xml");
const TO: &str = "whatsapp:+33639980123";

async fn twilio() -> (Twilio, Receiver) {
    let options = TwilioOptions {
        account_sid: AC.into(),
        auth_token: TOKEN.into(),
        from: "whatsapp:+33199001234".into(),
    };
    let (twilio, receiver) = (Twilio::start(options).await.unwrap(), Receiver::start().await);
    twilio.webhook_url(format!("{}/api/whatsapp/webhook", receiver.url));
    twilio.public_url(PUBLIC);
    receiver.answers(200, XML, "<Response></Response>");
    (twilio, receiver)
}

fn request(twilio: &Twilio, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let mut form = vec![("To", TO), ("From", "whatsapp:+33199001234")];
    for (name, value) in fields {
        form.retain(|(known, _)| known != name);
        form.push((name, value));
    }
    let url = format!("{}/2010-04-01/Accounts/{AC}/Messages.json", twilio.url());
    client().post(url).basic_auth(AC, Some(TOKEN)).form(&form)
}

async fn call(twilio: &Twilio, fields: &[(&str, &str)]) -> (u16, Value) {
    let answer = request(twilio, fields).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[test]
fn signatures_reproduce_the_vectors() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../fixtures/twilio-signature-vectors.json")).unwrap();
    let signed = |vector: &Value| {
        let text = |key: &str| vector[key].as_str();
        let form =
            form_urlencoded::parse(text("form_body").unwrap_or_default().as_bytes()).into_owned().collect();
        let url = text("signed_url").or(text("url")).unwrap();
        sign(text("auth_token").unwrap_or_default(), url, &form as &Vec<_>)
    };
    let mut checked = 0;
    for vector in vectors["valid"].as_array().unwrap() {
        // The shared-key beta signs with another algorithm, which the operator must ask for.
        if vector["algorithm"] != "HMAC_SHA256" {
            assert_eq!(signed(vector), vector["expected"].as_str().unwrap(), "{}", vector["name"]);
            checked += 1;
        }
    }
    assert!(checked >= 17, "only {checked} vectors were checked");
    let plain = sign(TOKEN, PUBLIC, &[]);
    let dressed = PUBLIC.replace("https://", "https://hook:s3cret@") + "#rc=5&rp=all";
    assert_eq!(sign(TOKEN, &dressed, &[]), plain, "neither credentials nor fragment are signed");
    assert_ne!(sign(TOKEN, &format!("{PUBLIC}/"), &[]), plain, "a slash more is another URL");
}

#[tokio::test]
async fn a_persons_text_is_signed_for_the_public_url() {
    let (twilio, receiver) = twilio().await;
    let delivery = twilio.person("+33639980123", "Éloïse 🥐").text("  1+1=2 & 50% été\r\n").await;
    assert_eq!(delivery.status, Some(200));
    let arrival = receiver.wait(1).await.remove(0);
    assert_eq!(arrival.uri, "/api/whatsapp/webhook");
    assert_eq!(arrival.header("x-twilio-signature"), sign(TOKEN, PUBLIC, &arrival.form()));
    assert_eq!(arrival.field("Body"), "  1+1=2 & 50% été\r\n");
    assert_eq!((arrival.field("From").as_str(), arrival.field("WaId").as_str()), (TO, "33639980123"));
    assert_eq!(arrival.field("MessageSid"), delivery.message_id);
    assert!(twilio.debugger().is_empty());
    let forged = twilio.forge(&arrival.form(), "other").await;
    assert_eq!(forged.status, Some(200), "the receiver of this test accepts anything");
    let forged = receiver.wait(2).await.remove(1);
    assert_ne!(forged.header("x-twilio-signature"), arrival.header("x-twilio-signature"));
}

#[tokio::test]
async fn what_twilio_refuses_is_refused() {
    let (twilio, _receiver) = twilio().await;
    twilio.person(TO, "Camille").text("Bonjour").await;
    let code =
        async |fields: &[(&str, &str)]| call(&twilio, fields).await.1["code"].as_u64().unwrap_or_default();
    assert_eq!(code(&[("To", "whatsapp:+3363998"), ("Body", "x")]).await, 21_211);
    assert_eq!(code(&[("To", "whatsapp: 33639980123"), ("Body", "x")]).await, 21_211);
    assert_eq!(code(&[("To", "+33639980123"), ("Body", "x")]).await, 21_910);
    assert_eq!(code(&[("From", "whatsapp:+33199009999"), ("Body", "x")]).await, 63_007);
    assert_eq!(code(&[("Body", "")]).await, 21_619);
    assert_eq!(code(&[("Body", &"é".repeat(1601))]).await, 21_617);
    assert_eq!(code(&[("Body", "x"), ("StatusCallback", "not a url")]).await, 21_609);
    assert_eq!(code(&[("ContentSid", "HX1")]).await, 21_655);
    let url = format!("{}/2010-04-01/Accounts/{AC}/Messages.json", twilio.url());
    let wrong = client().post(url).basic_auth(AC, Some("other")).form(&[("To", TO)]).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    assert_eq!(wrong.json::<Value>().await.unwrap()["code"], 20_003);
    let (status, message) = call(&twilio, &[("Body", &"é".repeat(1600))]).await;
    assert_eq!((status, &message["status"], &message["error_code"]), (201, &json!("queued"), &json!(null)));
    assert_eq!(twilio.sent().len(), 1, "only the good one was accepted");
}

#[tokio::test]
async fn statuses_are_signed_for_their_url_and_never_say_queued() {
    let (twilio, receiver) = twilio().await;
    twilio.person(TO, "Camille").text("Bonjour").await;
    let callback = "https://hooks.postly.example/api/whatsapp/status?outbox=42&part=1";
    let (_, message) = call(&twilio, &[("Body", "Voilà"), ("StatusCallback", callback)]).await;
    let arrivals = receiver.wait(4).await;
    let mut words = Vec::new();
    for arrival in &arrivals[1..] {
        assert_eq!(arrival.uri, "/api/whatsapp/status?outbox=42&part=1");
        assert_eq!(arrival.header("x-twilio-signature"), sign(TOKEN, callback, &arrival.form()));
        assert_eq!(arrival.field("MessageSid"), message["sid"].as_str().unwrap());
        words.push(arrival.field("MessageStatus"));
    }
    assert_eq!(words, ["sent", "delivered", "read"]);
    twilio.statuses(Statuses::OutOfOrder);
    call(&twilio, &[("Body", "Encore"), ("StatusCallback", callback)]).await;
    assert_eq!(receiver.wait(7).await[6].field("MessageStatus"), "sent");
    assert_eq!(twilio.sent_to(TO)[1].status, Fate::Read, "a fate never goes back");
    twilio.clock().advance(Duration::from_hours(25));
    assert_eq!(call(&twilio, &[("Body", "Trop tard"), ("StatusCallback", callback)]).await.0, 201);
    let failed = receiver.wait(8).await.remove(7);
    assert_eq!(
        (failed.field("MessageStatus").as_str(), failed.field("ErrorCode").as_str()),
        ("failed", "63016")
    );
    assert_eq!(twilio.sent_to(TO)[2].status, Fate::Failed(63_016));
}

#[tokio::test]
async fn a_webhook_that_answers_500_is_lost_but_listed() {
    let (twilio, receiver) = twilio().await;
    receiver.answers(500, None, "");
    let camille = twilio.person(TO, "Camille");
    let lost = camille.text("Perdu ?").await;
    assert_eq!((lost.status, lost.attempts), (Some(500), 1));
    assert_eq!(twilio.debugger()[0].code, 11_200);
    let url = format!("{}/2010-04-01/Accounts/{AC}/Messages.json", twilio.url());
    let ask = async |query: &[(&str, &str)]| {
        let full = url::Url::parse_with_params(&url, query).unwrap();
        client().get(full).basic_auth(AC, Some(TOKEN)).send().await.unwrap().json::<Value>().await.unwrap()
    };
    let today = twilio.clock().now().format("%Y-%m-%d").to_string();
    let found = ask(&[("To", "whatsapp:+33199001234"), ("DateSent>", &today)]).await;
    assert_eq!(found["messages"][0]["sid"], json!(lost.message_id));
    assert_eq!(
        (&found["messages"][0]["direction"], &found["messages"][0]["status"]),
        (&json!("inbound"), &json!("received"))
    );
    assert_eq!(ask(&[("DateSent>", "2999-01-01")]).await["messages"], json!([]));
    camille.text("Deux").await;
    let first = ask(&[("PageSize", "1")]).await;
    assert_eq!((&first["messages"][0]["body"], first["next_page_uri"].is_string()), (&json!("Deux"), true));
    twilio.public_url(format!("{PUBLIC}#rc=3&rp=all"));
    assert_eq!(camille.text("Insiste").await.attempts, 4);
}

#[tokio::test]
async fn plain_text_becomes_a_message_and_json_an_alert() {
    let (twilio, receiver) = twilio().await;
    let camille = twilio.person(TO, "Camille");
    camille.text("un").await;
    assert!(camille.heard().is_empty());
    receiver.answers(200, Some("text/plain; charset=utf-8"), "OK");
    camille.text("deux").await;
    assert_eq!((camille.heard()[0].text.as_str(), camille.heard()[0].kind.as_str()), ("OK", "twiml"));
    receiver.answers(200, Some("application/json"), "{}");
    camille.text("trois").await;
    assert_eq!(twilio.debugger()[0].code, 12_300);
}

#[tokio::test]
async fn a_dropped_answer_still_reaches_the_person() {
    let (twilio, _receiver) = twilio().await;
    let camille = twilio.person(TO, "Camille");
    camille.text("Bonjour").await;
    twilio.drops_next(1);
    assert!(request(&twilio, &[("Body", "Perdu")]).send().await.is_err());
    assert_eq!(camille.hears(1, PATIENCE).await.unwrap()[0].text, "Perdu");
    twilio.fails_next(1, TwilioFault::TooMany20429);
    assert_eq!(call(&twilio, &[("Body", "x")]).await.0, 429);
    assert_eq!(camille.heard().len(), 1);
}

#[tokio::test]
async fn typing_and_templates_follow_their_forms() {
    let (twilio, _receiver) = twilio().await;
    let camille = twilio.person(TO, "Camille");
    let sid = camille.text("Bonjour").await.message_id;
    let typing = async |channel: &str| {
        let body = json!({"channel": channel, "messageId": sid});
        let url = format!("{}/v3/Indicators/Typing.json", twilio.url());
        client().post(url).basic_auth(AC, Some(TOKEN)).json(&body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(typing("whatsapp").await, 400);
    assert_eq!(typing("WHATSAPP").await, 200);
    assert!(camille.sees_typing());
    twilio.content(Content { sid: "HX1".into(), body: "{{1}} est votre code.".into() });
    assert_eq!(
        call(&twilio, &[("ContentSid", "HX1"), ("ContentVariables", "{\"1\":2}")]).await.1["code"],
        21_656
    );
    let good = [("ContentSid", "HX1"), ("ContentVariables", "{\"1\":\"481905\"}")];
    assert_eq!(call(&twilio, &good).await.0, 201);
    assert_eq!(camille.heard()[0].text, "481905 est votre code.");
    assert!(!camille.sees_typing());
}
