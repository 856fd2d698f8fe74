//! Webhooks as bytes, signed and ready to leave, so that the one who sends them has nothing left to do but send.

use axum::body::Bytes;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::message::Provider;

use crate::load::crowd;
use crate::simulators::{meta, twilio};
use crate::stage::{
    BUSINESS_NUMBER, META_APP_SECRET, META_PHONE_NUMBER_ID, PUBLIC_URL, TWILIO_ACCOUNT_SID,
    TWILIO_AUTH_TOKEN, TWILIO_FROM,
};

/// The path of every webhook.
pub const PATH: &str = "/api/whatsapp/webhook";

/// So many webhooks with one message each, no two alike, of people who take turns.
#[must_use]
pub fn letters(provider: Provider, number: usize, people: usize) -> Vec<Bytes> {
    let clock = Clock::system();
    (0..number)
        .map(|n| match provider {
            Provider::Meta => meta_letter(&[message(n % people, n, &clock)]),
            Provider::Twilio => twilio_letter(n % people, n),
        })
        .collect()
}

/// One webhook of Meta with so many messages, as it aggregates under load.
#[must_use]
pub fn batch(messages: usize, people: usize) -> Bytes {
    let clock = Clock::system();
    let messages: Vec<Value> = (0..messages).map(|n| message(n % people, n, &clock)).collect();
    meta_letter(&messages)
}

fn message(person: usize, n: usize, clock: &Clock) -> Value {
    let number = crowd::number(person);
    let number = number.trim_start_matches('+');
    json!({
        "from": number,
        "from_user_id": crowd::bsuid(person),
        "id": meta::wamid::inbound(number),
        "timestamp": clock.now().timestamp().to_string(),
        "type": "text",
        "text": { "body": crowd::brief(n) },
    })
}

fn meta_letter(messages: &[Value]) -> Bytes {
    let contacts: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "profile": { "name": "Camille Durand" },
                "wa_id": message["from"],
                "user_id": message["from_user_id"],
            })
        })
        .collect();
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": BUSINESS_NUMBER, "phone_number_id": META_PHONE_NUMBER_ID },
        "contacts": contacts,
        "messages": messages,
    });
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": meta::person::WABA_ID, "changes": [{ "value": value, "field": "messages" }] }],
    })
    .to_string();
    let signature = meta::signature::sign(META_APP_SECRET, body.as_bytes());
    request("application/json", "x-hub-signature-256", &signature, &body)
}

fn twilio_letter(person: usize, n: usize) -> Bytes {
    let number = crowd::number(person);
    let sid = format!("SM{:032x}", rand::random::<u128>());
    let digits = number.trim_start_matches('+').to_owned();
    let form: Vec<(String, String)> = [
        ("SmsMessageSid", sid.clone()),
        ("NumMedia", "0".to_owned()),
        ("ProfileName", "Camille Durand".to_owned()),
        ("MessageType", "text".to_owned()),
        ("SmsSid", sid.clone()),
        ("WaId", digits),
        ("SmsStatus", "received".to_owned()),
        ("Body", crowd::brief(n).to_owned()),
        ("To", TWILIO_FROM.to_owned()),
        ("NumSegments", "1".to_owned()),
        ("ReferralNumMedia", "0".to_owned()),
        ("MessageSid", sid),
        ("AccountSid", TWILIO_ACCOUNT_SID.to_owned()),
        ("From", format!("whatsapp:{number}")),
        ("ApiVersion", "2010-04-01".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let signature = twilio::signature::sign(TWILIO_AUTH_TOKEN, &format!("{PUBLIC_URL}{PATH}"), &form);
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
    request("application/x-www-form-urlencoded", "x-twilio-signature", &signature, &body)
}

fn request(content_type: &str, header: &str, signature: &str, body: &str) -> Bytes {
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: hooks.postly.example\r\nuser-agent: facebookexternalua\r\naccept: */*\r\n\
         content-type: {content_type}\r\n{header}: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}
