//! Proof of what happens to the money after a payment, and that none is made or lost on the way.

use super::*;

/// The objects of the events of one kind that arrived, with what they were before.
fn told(receiver: &Receiver, kind: &str) -> Vec<(Value, Value)> {
    let events = receiver.arrivals().into_iter().map(|arrival| arrival.json());
    let of_kind = events.filter(|event| event["type"] == kind);
    of_kind
        .map(|event| (event["data"]["object"].clone(), event["data"]["previous_attributes"].clone()))
        .collect()
}

async fn paid() -> (Stripe, Receiver, String) {
    let (stripe, receiver) = stripe().await;
    let id = session(&stripe, &[]).await;
    stripe.pays(&id).await;
    (stripe, receiver, id)
}

#[tokio::test]
async fn refunds_add_up_to_the_charge_and_not_further() {
    let (stripe, receiver, id) = paid().await;
    let first = stripe.refunds(&id, 400).await.unwrap();
    assert!(stripe.refunds(&id, 591).await.is_none());
    assert!(stripe.refunds(&id, 0).await.is_none());
    stripe.refunds(&id, 590).await.unwrap();
    assert!(stripe.refunds(&id, 1).await.is_none());
    let created = told(&receiver, "refund.created");
    assert_eq!(created.len(), 2);
    assert_eq!((&created[0].0["id"], &created[0].0["status"]), (&json!(first), &json!("succeeded")));
    let payment = stripe.session(&id).unwrap().payment.unwrap();
    assert_eq!(
        (&created[0].0["charge"], &created[0].0["payment_intent"]),
        (&json!(payment.charge), &json!(payment.intent))
    );
    let refunded = told(&receiver, "charge.refunded");
    assert_eq!((&refunded[0].0["amount_refunded"], &refunded[0].0["refunded"]), (&json!(400), &json!(false)));
    assert_eq!((&refunded[1].0["amount_refunded"], &refunded[1].0["refunded"]), (&json!(990), &json!(true)));
    assert_eq!(refunded[1].1, json!({"amount_refunded": 400, "refunded": false}));
}

#[tokio::test]
async fn a_pending_refund_succeeds_or_comes_back() {
    let (stripe, receiver, id) = paid().await;
    let good = stripe.refunds_pending(&id, 490).await.unwrap();
    let bad = stripe.refunds_pending(&id, 500).await.unwrap();
    assert_eq!(told(&receiver, "refund.created")[0].0["status"], "pending");
    assert!(stripe.refunds(&id, 1).await.is_none(), "what is under way is not there any more");
    stripe.refund_succeeds(&good).await;
    let updated = told(&receiver, "refund.updated");
    assert_eq!(
        (&updated[0].0["status"], &updated[0].1),
        (&json!("succeeded"), &json!({"status": "pending"}))
    );
    assert!(stripe.refund_succeeds(&good).await.is_empty());
    assert_eq!(stripe.refund_fails(&bad).await.len(), 2);
    assert_eq!(told(&receiver, "refund.failed")[0].0["status"], "failed");
    assert_eq!(told(&receiver, "refund.updated")[1].0["id"], json!(bad));
    assert!(stripe.refund_fails(&bad).await.is_empty());
    assert_eq!(stripe.session(&id).unwrap().payment.unwrap().amount_refunded, 490);
    assert_eq!(stripe.refund_fails(&good).await.len(), 2, "one that succeeded may still come back");
    assert!(stripe.refunds(&id, 990).await.is_some());
}

#[tokio::test]
async fn a_dispute_takes_everything_and_may_give_it_back() {
    let (stripe, receiver, id) = paid().await;
    let won = stripe.disputes(&id).await.unwrap();
    let created = &told(&receiver, "charge.dispute.created")[0].0;
    assert_eq!((&created["status"], &created["amount"]), (&json!("needs_response"), &json!(990)));
    assert_eq!(told(&receiver, "charge.dispute.funds_withdrawn").len(), 1);
    assert!(stripe.disputes(&id).await.is_none());
    assert!(stripe.refunds(&id, 1).await.is_none(), "a disputed charge is not refunded");
    stripe.dispute_is_won(&won).await;
    assert_eq!(told(&receiver, "charge.dispute.closed")[0].0["status"], "won");
    assert_eq!(told(&receiver, "charge.dispute.funds_reinstated").len(), 1);
    assert!(stripe.dispute_is_lost(&won).await.is_empty());
    let lost = stripe.disputes(&id).await.unwrap();
    assert_eq!(stripe.dispute_is_lost(&lost).await.len(), 1);
    assert_eq!(told(&receiver, "charge.dispute.closed")[1].0["status"], "lost");
    assert!(stripe.disputes(&id).await.is_none());
}

#[tokio::test]
async fn a_debit_is_money_only_when_the_bank_says_so() {
    let (stripe, receiver) = stripe().await;
    let good = session(&stripe, &[]).await;
    stripe.pays_by_debit(&good).await;
    assert_eq!(kinds(&receiver), ["charge.pending", "payment_intent.processing", COMPLETED]);
    assert_eq!(told(&receiver, COMPLETED)[0].0["payment_status"], "unpaid");
    assert!(stripe.refunds(&good, 1).await.is_none());
    stripe.debit_succeeds(&good).await;
    assert_eq!(told(&receiver, "checkout.session.async_payment_succeeded")[0].0["payment_status"], "paid");
    assert!(stripe.debit_succeeds(&good).await.is_empty() && stripe.debit_fails(&good).await.is_empty());
    let bad = session(&stripe, &[]).await;
    stripe.pays_by_debit(&bad).await;
    stripe.debit_fails(&bad).await;
    let failed = &told(&receiver, "checkout.session.async_payment_failed")[0].0;
    assert_eq!((&failed["payment_status"], &failed["status"]), (&json!("unpaid"), &json!("complete")));
    assert_eq!(told(&receiver, "payment_intent.payment_failed")[0].0["status"], "requires_payment_method");
    assert!(stripe.refunds(&bad, 1).await.is_none() && stripe.disputes(&bad).await.is_none());
}

#[tokio::test]
async fn a_session_that_nobody_paid_ends_once() {
    let (stripe, receiver) = stripe().await;
    let id = session(&stripe, &[]).await;
    assert_eq!(stripe.expires(&id).await.len(), 1);
    assert!(stripe.expires(&id).await.is_empty() && stripe.pays(&id).await.is_empty());
    assert_eq!(told(&receiver, "checkout.session.expired")[0].0["status"], "expired");
    assert!(stripe.pays("cs_test_nothing").await.is_empty());
}
