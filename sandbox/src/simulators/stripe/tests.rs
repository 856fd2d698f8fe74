//! Proof that the simulator is as strict as Stripe, signs as Stripe does, and is as careless about delivery.

use std::time::Duration;

use serde_json::{Value, json};

use super::signature::sign;
use super::*;
use crate::simulators::receiver::{Receiver, client};

mod api;
mod events;
mod idempotency;
mod money;
mod page;

const PATIENCE: Duration = Duration::from_secs(5);
const KEY: &str = "sk_test_abc";
const SECRET: &str = "whsec_test_7f9c2ba4e88f827d616045507605853e";
const COMPLETED: &str = "checkout.session.completed";

/// A simulator and the endpoint that it tells.
async fn stripe() -> (Stripe, Receiver) {
    let options = StripeOptions { secret_key: KEY.into(), webhook_secrets: vec![SECRET.into()] };
    let (stripe, receiver) = (Stripe::start(options).await.unwrap(), Receiver::start().await);
    stripe.webhook_url(format!("{}/api/stripe/webhook", receiver.url));
    stripe.insists(5, Duration::from_millis(5));
    (stripe, receiver)
}

/// A good order of one pack, with some parameters replaced or added; an empty value takes one away.
fn order(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let usual = [
        ("mode", "payment"),
        ("client_reference_id", "cm3xk2q0p0001v8l4efgh5678"),
        ("line_items[0][price]", "price_pack_50"),
        ("line_items[0][quantity]", "1"),
        ("metadata[pack]", "pack_50"),
        ("payment_intent_data[metadata][user_id]", "cm3xk2q0p0001v8l4efgh5678"),
        ("success_url", "https://app.example.com/credits?session_id={CHECKOUT_SESSION_ID}"),
        ("cancel_url", "https://app.example.com/credits"),
        ("locale", "fr"),
    ];
    let mut form: Vec<(String, String)> = Vec::new();
    for (name, value) in usual.iter().chain(changes) {
        form.retain(|(known, _)| known != name);
        if !value.is_empty() {
            form.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    form
}

fn request(stripe: &Stripe, changes: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let url = format!("{}/v1/checkout/sessions", stripe.url());
    client().post(url).bearer_auth(KEY).form(&order(changes))
}

async fn create(stripe: &Stripe, changes: &[(&str, &str)]) -> (u16, Value) {
    let answer = request(stripe, changes).send().await.unwrap();
    let id = answer.headers()["request-id"].to_str().unwrap().to_owned();
    assert!(id.starts_with("req_"), "{id}");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The id of a new session.
async fn session(stripe: &Stripe, changes: &[(&str, &str)]) -> String {
    let (status, session) = create(stripe, changes).await;
    assert_eq!(status, 200, "{session}");
    session["id"].as_str().unwrap().to_owned()
}

async fn look(stripe: &Stripe, path: &str) -> (u16, Value) {
    let answer = client().get(format!("{}{path}", stripe.url())).bearer_auth(KEY).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The kinds of what arrived, in order of arrival.
fn kinds(receiver: &Receiver) -> Vec<String> {
    receiver.arrivals().iter().map(|arrival| arrival.json()["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn signatures_reproduce_the_vectors() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../fixtures/stripe-signature-vectors.json")).unwrap();
    let mut checked = 0;
    for vector in vectors["vectors"].as_array().unwrap() {
        let text = |key: &str| vector[key].as_str().unwrap();
        let made =
            sign(text("signing_secret"), vector["timestamp"].as_i64().unwrap(), text("payload").as_bytes());
        assert_eq!(made, text("expected_v1_hex"), "{}", vector["name"]);
        checked += 1;
    }
    assert_eq!(checked, 12);
}

#[test]
fn a_header_names_its_moment_and_signs_under_every_secret() {
    let one = super::signature::header(&[SECRET.to_owned()], 1_790_000_000, b"{}");
    assert_eq!(one, format!("t=1790000000,v1={}", sign(SECRET, 1_790_000_000, b"{}")));
    let two = super::signature::header(&["whsec_new".to_owned(), SECRET.to_owned()], 1_790_000_000, b"{}");
    let (new, old) = (sign("whsec_new", 1_790_000_000, b"{}"), sign(SECRET, 1_790_000_000, b"{}"));
    let rest = two.strip_prefix(&format!("t=1790000000,v1={new},v1={old},v0=")).unwrap();
    assert!(rest.len() == 64 && rest != new && rest != old);
}

#[tokio::test]
async fn what_the_official_client_sends_is_accepted_and_sent_again_answered_the_same() {
    let (stripe, _receiver) = stripe().await;
    let golden: Value =
        serde_json::from_str(include_str!("../../../../fixtures/stripe-checkout-create-request.json"))
            .unwrap();
    stripe.offers(Price { id: "price_pack50".into(), ..Price::pack("pack_50", 990) });
    let mut answers = Vec::new();
    for recorded in golden["requests"].as_array().unwrap() {
        let mut request = client().post(format!("{}{}", stripe.url(), recorded["path"].as_str().unwrap()));
        for (name, value) in recorded["headers"].as_object().unwrap() {
            if !matches!(name.as_str(), "host" | "connection" | "content-length") {
                request = request.header(name, value.as_str().unwrap());
            }
        }
        let answer = request.body(recorded["body"].as_str().unwrap().to_owned()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answers.push(answer.json::<Value>().await.unwrap());
    }
    assert_eq!(answers[0], answers[1]);
    let sessions = stripe.sessions();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].order.metadata["credits"], "50");
    assert_eq!(sessions[0].order.payment_metadata["user_id"], "cm3xk2q0p0001v8l4efgh5678");
    assert_eq!(sessions[0].order.locale.as_deref(), Some("fr"));
    assert_eq!(sessions[0].amount_total, 990);
}
