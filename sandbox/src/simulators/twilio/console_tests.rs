//! Proof that an operator's questions need the account's credentials and are answered from its state.

use serde_json::Value;

use super::super::{Content, Twilio, TwilioOptions};
use crate::simulators::receiver::client;

const AC: &str = "AC0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const HX: &str = "HX0123456789abcdef0123456789abcdef";

async fn twilio() -> Twilio {
    let options = TwilioOptions {
        account_sid: AC.into(),
        auth_token: "token".into(),
        from: "whatsapp:+33199001234".into(),
    };
    Twilio::start(options).await.unwrap()
}

async fn ask(twilio: &Twilio, path: &str, token: &str) -> (u16, Value) {
    let request = client().get(format!("{}{path}", twilio.url())).basic_auth(AC, Some(token));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn every_question_needs_the_credentials() {
    let twilio = twilio().await;
    for path in [
        format!("/2010-04-01/Accounts/{AC}.json"),
        "/v2/Channels/Senders?Channel=whatsapp".to_owned(),
        format!("/v1/Content/{HX}/ApprovalRequests"),
    ] {
        let (status, body) = ask(&twilio, &path, "other").await;
        assert_eq!((status, body["code"].as_u64()), (401, Some(20_003)), "{path}");
    }
    let (status, _) = ask(&twilio, "/2010-04-01/Accounts/AC0.json", "token").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn account_sender_and_template_are_told_as_they_are() {
    let twilio = twilio().await;
    let (_, body) = ask(&twilio, &format!("/2010-04-01/Accounts/{AC}.json"), "token").await;
    assert_eq!(body["status"], "active");
    twilio.public_url("https://hooks.example/api/whatsapp/webhook#rc=5&rp=all");
    let (_, body) = ask(&twilio, "/v2/Channels/Senders?Channel=whatsapp", "token").await;
    let sender = &body["senders"][0];
    assert_eq!(sender["sender_id"], "whatsapp:+33199001234");
    assert_eq!(sender["webhook"]["callback_url"], "https://hooks.example/api/whatsapp/webhook#rc=5&rp=all");
    assert_eq!(ask(&twilio, "/v2/Channels/Senders", "token").await.0, 400);
    let approval = format!("/v1/Content/{HX}/ApprovalRequests");
    assert_eq!(ask(&twilio, &approval, "token").await.0, 404);
    twilio.content(Content { sid: HX.to_owned(), body: "{{1}}".to_owned() });
    assert_eq!(ask(&twilio, &approval, "token").await.1["whatsapp"]["status"], "approved");
}
