//! Proof of how events travel: signed, insistently, twice, in the wrong order, late.

use super::*;
use crate::simulators::receiver::Arrival;

/// Checks that a delivery is signed for its own bytes.
fn assert_signed(arrival: &Arrival) {
    let header = arrival.header("stripe-signature");
    let (t, v1) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert_eq!(v1, sign(SECRET, t.parse().unwrap(), &arrival.body));
}

#[tokio::test]
async fn a_payment_is_told_in_signed_pretty_printed_events() {
    let (stripe, receiver) = stripe().await;
    let id = session(&stripe, &[]).await;
    let deliveries = stripe.pays(&id).await;
    assert!(deliveries.iter().all(|delivery| delivery.status == Some(200) && delivery.attempts == 1));
    let ids: Vec<String> = deliveries.into_iter().map(|delivery| delivery.message_id).collect();
    assert_eq!(ids, stripe.event_ids());
    let arrivals = receiver.arrivals();
    assert_eq!(kinds(&receiver), ["charge.succeeded", "payment_intent.succeeded", COMPLETED]);
    arrivals.iter().for_each(assert_signed);
    let last = arrivals.last().unwrap();
    assert_eq!(last.uri, "/api/stripe/webhook");
    assert!(last.body.starts_with(b"{\n  \""));
    let event = last.json();
    assert_eq!((&event["object"], &event["api_version"]), (&json!("event"), &json!("2026-10-28.endive")));
    let object = &event["data"]["object"];
    assert_eq!((&object["id"], &object["status"]), (&json!(id), &json!("complete")));
    assert_eq!((&object["payment_status"], &object["url"]), (&json!("paid"), &Value::Null));
    assert!(object["payment_intent"].as_str().unwrap().starts_with("pi_"));
    assert_eq!(object["client_reference_id"], "cm3xk2q0p0001v8l4efgh5678");
    let charge = &arrivals[0].json()["data"]["object"];
    assert_eq!(charge["payment_intent"], object["payment_intent"]);
    assert_eq!(charge["metadata"], json!({"user_id": "cm3xk2q0p0001v8l4efgh5678"}));
    assert_eq!(stripe.event(stripe.event_ids_of(COMPLETED)[0].as_str()).unwrap(), event);
    assert!(stripe.pays(&id).await.is_empty(), "a session is paid once");
}

#[tokio::test]
async fn an_event_that_is_not_taken_comes_again_with_a_new_signature() {
    let (stripe, receiver) = stripe().await;
    stripe.insists(12, Duration::from_millis(1));
    stripe.endpoint("https://hooks.example", &[COMPLETED]);
    let id = session(&stripe, &[]).await;
    for refusal in [500, 400, 302] {
        receiver.answers(refusal, None, "");
        let before = receiver.arrivals().len();
        let id = session(&stripe, &[]).await;
        let paying = tokio::spawn({
            let (stripe, id) = (stripe.clone(), id.clone());
            async move { stripe.pays(&id).await }
        });
        receiver.wait(before + 1).await;
        stripe.clock().advance(Duration::from_mins(1));
        receiver.answers(204, None, "");
        let delivery = paying.await.unwrap().remove(0);
        assert_eq!(delivery.status, Some(204));
        assert!(delivery.attempts > 1);
        let arrivals = receiver.arrivals();
        let (first, last) = (&arrivals[before], arrivals.last().unwrap());
        assert_eq!(first.body, last.body);
        assert_ne!(first.header("stripe-signature"), last.header("stripe-signature"));
        assert_signed(first);
        assert_signed(last);
    }
    assert_eq!(stripe.pays(&session(&stripe, &[]).await).await[0].attempts, 1, "204 takes an event");
    receiver.answers(500, None, "");
    stripe.insists(3, Duration::from_millis(1));
    let given_up = stripe.pays(&id).await.remove(0);
    assert_eq!((given_up.status, given_up.attempts), (Some(500), 3));
    receiver.life.stop().await;
    let nobody = stripe.sends("ping", &json!({})).await;
    assert_eq!((nobody.status, nobody.attempts), (None, 3));
}

#[tokio::test]
async fn one_stubborn_event_does_not_hold_the_others_up() {
    let (stripe, receiver) = stripe().await;
    receiver.answers(500, None, "");
    stripe.insists(2, Duration::from_millis(1));
    let id = session(&stripe, &[]).await;
    stripe.pays(&id).await;
    let mut first_round = kinds(&receiver);
    first_round.truncate(3);
    assert_eq!(first_round, ["charge.succeeded", "payment_intent.succeeded", COMPLETED]);
    assert_eq!(receiver.arrivals().len(), 6);
}

#[tokio::test]
async fn events_come_twice_or_backwards_when_asked() {
    let (stripe, receiver) = stripe().await;
    stripe.events(Events::Duplicated);
    let id = session(&stripe, &[]).await;
    assert_eq!(stripe.pays(&id).await.len(), 6);
    assert_eq!(stripe.event_ids().len(), 3);
    let bodies: Vec<Vec<u8>> = receiver.arrivals().into_iter().map(|arrival| arrival.body).collect();
    assert_eq!(bodies.len(), 6);
    assert!(bodies.chunks(2).all(|pair| pair[0] == pair[1]));
    stripe.events(Events::Backwards);
    let id = session(&stripe, &[]).await;
    stripe.pays(&id).await;
    assert_eq!(kinds(&receiver)[6..], [COMPLETED, "payment_intent.succeeded", "charge.succeeded"]);
    stripe.events(Events::Delayed(Duration::from_millis(1)));
    let id = session(&stripe, &[]).await;
    assert_eq!(stripe.pays(&id).await.len(), 3);
}

#[tokio::test]
async fn held_events_wait_and_leave_in_reverse() {
    let (stripe, receiver) = stripe().await;
    stripe.endpoint("https://hooks.example", &[COMPLETED, "refund.created"]);
    stripe.hold();
    let id = session(&stripe, &[]).await;
    assert!(stripe.pays(&id).await.is_empty());
    let refund = stripe.refunds(&id, 990).await;
    assert!(refund.unwrap().starts_with("re_"));
    stripe.quiet(PATIENCE).await.unwrap();
    assert!(receiver.arrivals().is_empty());
    assert_eq!(stripe.event_ids().len(), 2);
    assert_eq!(stripe.release().await.len(), 2);
    assert_eq!(kinds(&receiver), ["refund.created", COMPLETED]);
    assert!(stripe.release().await.is_empty());
    let id = session(&stripe, &[]).await;
    assert_eq!(stripe.pays(&id).await.len(), 1, "nothing is held any more");
}

#[tokio::test]
async fn an_event_can_be_delivered_again() {
    let (stripe, receiver) = stripe().await;
    let id = session(&stripe, &[]).await;
    stripe.pays(&id).await;
    let event = stripe.event_ids_of(COMPLETED).remove(0);
    let original = receiver.arrivals().pop().unwrap().body;
    assert_eq!(stripe.redeliver(&event, 3, true).await.len(), 3);
    let again = stripe.redeliver(&event, 2, false).await;
    assert!(again.iter().all(|delivery| delivery.message_id == event && delivery.attempts == 1));
    assert!(receiver.arrivals()[3..].iter().all(|arrival| arrival.body == original));
    assert_eq!(receiver.arrivals().len(), 8);
    assert!(stripe.redeliver("evt_nothing", 2, true).await.is_empty());
}

#[tokio::test]
async fn anything_can_be_sent_well_signed_badly_signed_or_unsigned() {
    let (stripe, receiver) = stripe().await;
    let sent = stripe.sends("customer.created", &json!({"id": "cus_1", "object": "customer"})).await;
    assert_eq!(stripe.event_ids(), [sent.message_id]);
    stripe.webhook_secrets(vec!["whsec_new".into(), SECRET.into()]);
    let body = b"{\"type\":\"ping\"}";
    stripe.delivers_raw(body, Some(&stripe.signs(body))).await;
    stripe.delivers_raw(body, Some("t=1,v1=00")).await;
    stripe.delivers_raw(body, None).await;
    let arrivals = receiver.arrivals();
    assert_eq!(arrivals[0].json()["data"]["object"]["id"], "cus_1");
    assert_signed(&arrivals[0]);
    let rolled = arrivals[1].header("stripe-signature");
    assert_eq!((rolled.matches(",v1=").count(), rolled.matches(",v0=").count()), (2, 1));
    assert_eq!(arrivals[2].header("stripe-signature"), "t=1,v1=00");
    assert!(!arrivals[3].headers.contains_key("stripe-signature"));
    assert_eq!(arrivals[3].body, body);
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_delivered() {
    let options = StripeOptions { secret_key: KEY.into(), webhook_secrets: vec![SECRET.into()] };
    let stripe = Stripe::start(options).await.unwrap();
    let id = session(&stripe, &[]).await;
    let deliveries = stripe.pays(&id).await;
    assert!(deliveries.iter().all(|delivery| delivery.attempts == 0 && delivery.status.is_none()));
    assert_eq!(look(&stripe, "/v1/webhook_endpoints").await.1["data"], json!([]));
    stripe.stop().await;
    assert!(request(&stripe, &[]).send().await.is_err());
}
