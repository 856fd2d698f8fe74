//! Proof of what a repeated key does, and what each trouble leaves behind.

use super::*;

async fn keyed(stripe: &Stripe, key: &str, changes: &[(&str, &str)]) -> (u16, bool, Value) {
    let answer = request(stripe, changes).header("idempotency-key", key).send().await.unwrap();
    let replayed = answer.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    (answer.status().as_u16(), replayed, answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer() {
    let (stripe, _receiver) = stripe().await;
    let (status, replayed, first) = keyed(&stripe, "k1", &[]).await;
    assert_eq!((status, replayed), (200, false));
    let (status, replayed, again) = keyed(&stripe, "k1", &[]).await;
    assert_eq!((status, replayed, &again), (200, true, &first));
    let (_, replayed, reordered) = keyed(&stripe, "k1", &[("mode", "payment")]).await;
    assert!(replayed && reordered == first, "the order of parameters says nothing");
    let (_, _, other) = keyed(&stripe, "k2", &[]).await;
    assert_ne!(other["id"], first["id"]);
    assert_eq!(stripe.idempotency_keys(), ["k1", "k1", "k1", "k2"]);
    assert_eq!(stripe.sessions().len(), 2);
    stripe.clock().advance(Duration::from_hours(24));
    let (_, replayed, later) = keyed(&stripe, "k1", &[]).await;
    assert!(!replayed && later["id"] != first["id"], "a key is forgotten after a day");
}

#[tokio::test]
async fn the_same_key_with_other_parameters_is_an_error() {
    let (stripe, _receiver) = stripe().await;
    keyed(&stripe, "k1", &[]).await;
    let (status, _, body) = keyed(&stripe, "k1", &[("locale", "en")]).await;
    assert_eq!((status, &body["error"]["type"]), (400, &json!("idempotency_error")));
    assert_eq!(keyed(&stripe, &"k".repeat(256), &[]).await.0, 400);
    assert_eq!(keyed(&stripe, &"k".repeat(255), &[]).await.0, 200);
    assert_eq!(stripe.sessions().len(), 2);
}

#[tokio::test]
async fn a_refusal_of_parameters_frees_the_key_and_a_refusal_of_a_price_does_not() {
    let (stripe, _receiver) = stripe().await;
    assert_eq!(keyed(&stripe, "k1", &[("locale", "xx")]).await.0, 400);
    assert_eq!(keyed(&stripe, "k1", &[]).await.0, 200);
    stripe.deactivates("price_pack_50");
    assert_eq!(keyed(&stripe, "k2", &[]).await.0, 400);
    stripe.offers(Price::pack("pack_50", 990));
    let (status, replayed, _) = keyed(&stripe, "k2", &[]).await;
    assert_eq!((status, replayed), (400, true));
    assert_eq!(keyed(&stripe, "k3", &[]).await.0, 200);
}

#[tokio::test]
async fn a_key_in_use_is_a_conflict_until_its_client_gives_up() {
    let (stripe, _receiver) = stripe().await;
    stripe.fails_next(1, StripeFault::Hang);
    let hanging = tokio::spawn(request(&stripe, &[]).header("idempotency-key", "k1").send());
    stripe.wait_keys(1, PATIENCE).await.unwrap();
    let (status, _, body) = keyed(&stripe, "k1", &[]).await;
    assert_eq!((status, &body["error"]["code"]), (409, &json!("idempotency_key_in_use")));
    assert!(stripe.sessions().is_empty());
    hanging.abort();
    let freed = async { while keyed(&stripe, "k1", &[]).await.0 != 200 {} };
    tokio::time::timeout(PATIENCE, freed).await.unwrap();
    assert_eq!(stripe.sessions().len(), 1);
}

#[tokio::test]
async fn a_slow_answer_keeps_its_key_in_use_although_the_work_is_done() {
    let (stripe, _receiver) = stripe().await;
    stripe.slow(Duration::from_hours(1));
    let waiting = tokio::spawn(request(&stripe, &[]).header("idempotency-key", "k1").send());
    stripe.wait_sessions(1, PATIENCE).await.unwrap();
    stripe.recovers();
    assert_eq!(keyed(&stripe, "k1", &[]).await.0, 409);
    waiting.abort();
    let ended = async {
        loop {
            let (status, replayed, body) = keyed(&stripe, "k1", &[]).await;
            if status == 200 {
                return (replayed, body["id"].clone());
            }
        }
    };
    let (replayed, id) = tokio::time::timeout(PATIENCE, ended).await.unwrap();
    assert!(replayed);
    assert_eq!(id, stripe.sessions()[0].id);
    assert_eq!(stripe.sessions().len(), 1);
}

#[tokio::test]
async fn a_dropped_or_garbled_answer_is_replayed_whole() {
    let (stripe, _receiver) = stripe().await;
    for (key, fault) in [("k1", StripeFault::Drop), ("k2", StripeFault::Garbage200)] {
        stripe.fails_next(1, fault);
        let answer = request(&stripe, &[]).header("idempotency-key", key).send().await;
        match fault {
            StripeFault::Drop => assert!(answer.is_err()),
            _ => assert!(answer.unwrap().json::<Value>().await.is_err()),
        }
        let made = stripe.sessions().pop().unwrap();
        let (status, replayed, body) = keyed(&stripe, key, &[]).await;
        assert_eq!((status, replayed, &body["id"]), (200, true, &json!(made.id)));
    }
    assert_eq!(stripe.sessions().len(), 2);
}

#[tokio::test]
async fn a_500_is_kept_for_its_key_and_other_refusals_are_not() {
    let (stripe, _receiver) = stripe().await;
    stripe.fails_next(1, StripeFault::Http500);
    let (status, replayed, body) = keyed(&stripe, "k1", &[]).await;
    assert_eq!((status, replayed, &body["error"]["type"]), (500, false, &json!("api_error")));
    let (status, replayed, _) = keyed(&stripe, "k1", &[]).await;
    assert_eq!((status, replayed), (500, true));
    let passing =
        [(StripeFault::Http429, 429), (StripeFault::Conflict409, 409), (StripeFault::InvalidKey401, 401)];
    for (fault, status) in passing {
        stripe.fails_next(1, fault);
        let key = format!("key {status}");
        assert_eq!(keyed(&stripe, &key, &[]).await.0, status);
        assert_eq!(keyed(&stripe, &key, &[]).await.0, 200);
    }
    assert_eq!(stripe.sessions().len(), 3);
    stripe.fails_next_lookups(1, StripeFault::Http500);
    assert_eq!(look(&stripe, "/v1/prices").await.0, 500);
    assert_eq!(look(&stripe, "/v1/prices").await.0, 200);
}
