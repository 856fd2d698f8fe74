//! What a signed event of Stripe says (Stripe API, Events; the shape follows the version that the endpoint is pinned
//! to, so every field is optional until it is needed, and references come as ids or as whole objects).

use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::message::clean;
use shared::payment::{Checkout, Event, Return, ReturnKind, ReturnState, Told};
use shared::person::UserId;

/// The longest id that is kept. Stripe's have up to 255 characters.
const LONGEST_ID: usize = 255;

/// Reads an event. `None`: these bytes are none.
#[must_use]
pub fn read(body: &[u8]) -> Option<Event> {
    let event: Value = serde_json::from_slice(body).ok()?;
    let (id, kind) = (id(&event["id"])?, text(&event["type"])?);
    let object = &event["data"]["object"];
    let told = match kind.as_str() {
        "checkout.session.completed" => checkout(object)
            .map(|checkout| Told::Completed { checkout, paid: object["payment_status"] != "unpaid" }),
        "checkout.session.async_payment_succeeded" => {
            checkout(object).map(|checkout| Told::Completed { checkout, paid: true })
        }
        "checkout.session.async_payment_failed" => checkout(object).map(Told::Failed),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => refund(object),
        "charge.refunded" => charge(object),
        "charge.dispute.created" | "charge.dispute.closed" => dispute(object),
        "charge.dispute.funds_withdrawn" => dispute_with(object, ReturnState::Gone),
        "charge.dispute.funds_reinstated" => dispute_with(object, ReturnState::Back),
        _ => None,
    };
    Some(Event {
        id,
        created_at: moment(&event["created"]).unwrap_or(DateTime::UNIX_EPOCH),
        told: told.unwrap_or(Told::Nothing),
        kind,
    })
}

/// A checkout of one of our packs. Whatever else is sold through the same account has no `metadata.pack`.
fn checkout(session: &Value) -> Option<Checkout> {
    if session["mode"] != "payment" {
        return None;
    }
    let metadata = &session["metadata"];
    Some(Checkout {
        session: id(&session["id"])?,
        payment_intent: id(&session["payment_intent"]),
        account: id(&session["client_reference_id"])
            .or_else(|| id(&metadata["user_id"]))
            .map(UserId::from_stored),
        pack: text(&metadata["pack"])?,
        amount: session["amount_total"].as_i64().unwrap_or_default(),
        currency: text(&session["currency"]).unwrap_or_default(),
        created_at: moment(&session["created"]).unwrap_or(DateTime::UNIX_EPOCH),
    })
}

fn refund(refund: &Value) -> Option<Told> {
    let state = match refund["status"].as_str()? {
        "succeeded" => ReturnState::Gone,
        "failed" | "canceled" => ReturnState::Back,
        _ => ReturnState::Pending,
    };
    returned(refund, ReturnKind::Refund, refund["amount"].as_i64()?, state)
}

/// The running total of everything that was refunded of a charge.
fn charge(charge: &Value) -> Option<Told> {
    returned(charge, ReturnKind::Charge, charge["amount_refunded"].as_i64()?, ReturnState::Gone)
}

/// An inquiry (`warning_...`) takes no money; a dispute that was won gives it back.
fn dispute(dispute: &Value) -> Option<Told> {
    let state = match dispute["status"].as_str()? {
        "won" => ReturnState::Back,
        status if status.starts_with("warning_") => ReturnState::Pending,
        _ => ReturnState::Gone,
    };
    dispute_with(dispute, state)
}

fn dispute_with(dispute: &Value, state: ReturnState) -> Option<Told> {
    returned(dispute, ReturnKind::Dispute, dispute["amount"].as_i64()?, state)
}

fn returned(object: &Value, kind: ReturnKind, amount: i64, state: ReturnState) -> Option<Told> {
    let (id, payment_intent) = (id(&object["id"])?, id(&object["payment_intent"])?);
    (amount >= 0).then_some(Told::Returned(Return { id, payment_intent, kind, amount, state }))
}

/// An id, or the id of an object that stands in its place.
fn id(value: &Value) -> Option<String> {
    text(if value.is_object() { &value["id"] } else { value }).filter(|id| id.len() <= LONGEST_ID)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(clean).filter(|text| !text.trim().is_empty())
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(value.as_i64()?, 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(kind: &str, object: &Value) -> Told {
        let event = json!({ "id": "evt_1", "type": kind, "created": 1, "data": { "object": object } });
        read(event.to_string().as_bytes()).unwrap().told
    }

    fn session(changes: &[(&str, Value)]) -> Value {
        let mut session = json!({
            "id": "cs_1", "mode": "payment", "payment_status": "paid", "payment_intent": "pi_1",
            "client_reference_id": "user1", "metadata": { "pack": "pack_20", "user_id": "user2" },
            "amount_total": 490, "currency": "eur", "created": 1,
        });
        for (name, value) in changes {
            session[*name] = value.clone();
        }
        session
    }

    #[test]
    fn only_a_paid_checkout_of_a_pack_is_a_purchase() {
        let completed = |changes: &[(&str, Value)]| told("checkout.session.completed", &session(changes));
        let Told::Completed { checkout, paid: true } = completed(&[]) else { panic!("not paid") };
        assert_eq!((checkout.pack.as_str(), checkout.account.unwrap().as_str()), ("pack_20", "user1"));
        assert!(matches!(
            completed(&[("payment_status", json!("unpaid"))]),
            Told::Completed { paid: false, .. }
        ));
        let free =
            completed(&[("payment_status", json!("no_payment_required")), ("payment_intent", Value::Null)]);
        assert!(matches!(free, Told::Completed { paid: true, .. }));
        for other in [("mode", json!("subscription")), ("metadata", json!({})), ("id", Value::Null)] {
            assert!(matches!(completed(std::slice::from_ref(&other)), Told::Nothing), "{other:?}");
        }
    }

    #[test]
    fn references_are_ids_or_objects() {
        let changes = [("payment_intent", json!({ "id": "pi_9", "object": "payment_intent" }))];
        let Told::Completed { checkout, .. } = told("checkout.session.completed", &session(&changes)) else {
            panic!("not a checkout")
        };
        assert_eq!(checkout.payment_intent.as_deref(), Some("pi_9"));
        let named = [("client_reference_id", Value::Null)];
        let Told::Completed { checkout, .. } = told("checkout.session.completed", &session(&named)) else {
            panic!("not a checkout")
        };
        assert_eq!(checkout.account.unwrap().as_str(), "user2");
    }

    #[test]
    fn money_that_went_back_is_told_apart_from_money_that_may() {
        let refund = |kind: &str, status: &str| {
            let object = json!({ "id": "re_1", "payment_intent": "pi_1", "amount": 5, "status": status });
            match told(kind, &object) {
                Told::Returned(back) => Some(back.state),
                _ => None,
            }
        };
        assert_eq!(refund("refund.created", "succeeded"), Some(ReturnState::Gone));
        assert_eq!(refund("refund.created", "pending"), Some(ReturnState::Pending));
        assert_eq!(refund("refund.updated", "canceled"), Some(ReturnState::Back));
        assert_eq!(refund("refund.failed", "failed"), Some(ReturnState::Back));
        assert_eq!(refund("charge.dispute.created", "needs_response"), Some(ReturnState::Gone));
        assert_eq!(refund("charge.dispute.created", "warning_needs_response"), Some(ReturnState::Pending));
        assert_eq!(refund("charge.dispute.closed", "won"), Some(ReturnState::Back));
        assert_eq!(refund("charge.dispute.closed", "lost"), Some(ReturnState::Gone));
        assert_eq!(refund("charge.dispute.funds_reinstated", "needs_response"), Some(ReturnState::Back));
        assert_eq!(refund("customer.created", "succeeded"), None);
    }

    #[test]
    fn every_event_that_an_endpoint_is_to_be_subscribed_to_is_acted_upon() {
        // Fits a checkout, a refund and a dispute.
        let object = session(&[("amount", json!(490)), ("status", json!("succeeded"))]);
        for kind in shared::payment::EVENTS {
            assert_ne!(told(kind, &object), Told::Nothing, "{kind}");
        }
    }

    #[test]
    fn what_is_no_event_is_none() {
        for bytes in ["", "[]", "{}", r#"{"id":"evt_1"}"#, r#"{"id":5,"type":"x"}"#, "\u{0}"] {
            assert_eq!(read(bytes.as_bytes()), None, "{bytes:?}");
        }
        let absurd = format!(r#"{{"id":"{}","type":"x"}}"#, "e".repeat(300));
        assert_eq!(read(absurd.as_bytes()), None);
        assert!(read(br#"{"id":"evt_1","type":"refund.created","data":7}"#).is_some());
    }
}
