//! Proof that a person with a browser can pay, once.

use super::*;
use crate::simulators::receiver::Arrival;

async fn get(url: &str) -> (u16, String) {
    let answer = client().get(url).send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Presses a button that stands on the page, and says where it leads.
async fn press(stripe: &Stripe, session_id: &str, choice: &str) -> (u16, String) {
    let answer = client().post(format!("{}/pay/{session_id}/{choice}", stripe.url())).send().await.unwrap();
    let to = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), to.unwrap_or_default())
}

fn success(session_id: &str) -> (u16, String) {
    (303, format!("https://app.example.com/credits?session_id={session_id}"))
}

#[tokio::test]
async fn a_person_pays_by_card_once() {
    let (stripe, receiver) = stripe().await;
    let id = session(&stripe, &[("line_items[0][quantity]", "2")]).await;
    let url = stripe.session(&id).unwrap().url;
    let (status, page) = get(&url).await;
    assert_eq!(status, 200);
    assert!(page.contains("<html lang=\"fr\">") && page.contains("19,80\u{a0}€"), "{page}");
    assert!(page.contains("Pack 50 <small>× 2</small>"), "{page}");
    assert!(!page.contains("{{") && !page.contains("src="), "{page}");
    for choice in ["card", "sepa", "sepa-fails", "cancel"] {
        assert!(page.contains(&format!("<form method=\"post\" action=\"/pay/{id}/{choice}\">")), "{choice}");
    }
    assert_eq!(press(&stripe, &id, "card").await, success(&id));
    assert_eq!(press(&stripe, &id, "card").await, success(&id));
    assert_eq!(press(&stripe, &id, "sepa").await, success(&id));
    assert_eq!(press(&stripe, &id, "cancel").await, success(&id));
    stripe.quiet(PATIENCE).await.unwrap();
    assert_eq!(kinds(&receiver), ["charge.succeeded", "payment_intent.succeeded", COMPLETED]);
    let (status, page) = get(&url).await;
    assert_eq!(status, 200);
    assert!(page.contains("C’est déjà fait") && !page.contains("<form"), "{page}");
}

#[tokio::test]
async fn a_debit_ends_after_the_person_has_left() {
    let (stripe, receiver) = stripe().await;
    stripe.debits_take(Duration::from_millis(1));
    for (choice, last) in [
        ("sepa", "checkout.session.async_payment_succeeded"),
        ("sepa-fails", "checkout.session.async_payment_failed"),
    ] {
        let id = session(&stripe, &[]).await;
        assert_eq!(press(&stripe, &id, choice).await, success(&id));
        stripe.quiet(PATIENCE).await.unwrap();
        let paid = stripe.session(&id).unwrap().payment_status;
        let expected = if choice == "sepa" { PaymentStatus::Paid } else { PaymentStatus::Unpaid };
        assert_eq!(paid, expected);
        assert!(kinds(&receiver).contains(&last.to_owned()));
    }
    let completed: Vec<Value> = receiver.arrivals().iter().map(Arrival::json).collect();
    let completed = completed.iter().filter(|event| event["type"] == COMPLETED);
    assert!(completed.clone().all(|event| event["data"]["object"]["payment_status"] == "unpaid"));
    assert_eq!(completed.count(), 2);
}

#[tokio::test]
async fn a_person_cancels_and_comes_back() {
    let (stripe, receiver) = stripe().await;
    let id = session(&stripe, &[("locale", "en")]).await;
    assert!(get(&stripe.session(&id).unwrap().url).await.1.contains("Pay by card"));
    assert_eq!(press(&stripe, &id, "cancel").await, (303, "https://app.example.com/credits".to_owned()));
    assert_eq!(press(&stripe, &id, "steal").await.0, 404);
    assert_eq!(stripe.session(&id).unwrap().state, SessionState::Open);
    assert_eq!(press(&stripe, &id, "card").await, success(&id));
    let alone = session(&stripe, &[("cancel_url", "")]).await;
    let url = stripe.session(&alone).unwrap().url;
    assert!(!get(&url).await.1.contains("/cancel"));
    assert_eq!(press(&stripe, &alone, "cancel").await, (303, url));
    stripe.quiet(PATIENCE).await.unwrap();
    assert_eq!(kinds(&receiver).len(), 3);
}

#[tokio::test]
async fn an_expired_session_says_so_and_takes_no_money() {
    let (stripe, receiver) = stripe().await;
    let id = session(&stripe, &[]).await;
    let url = stripe.session(&id).unwrap().url;
    stripe.clock().advance(Duration::from_hours(24));
    let (status, page) = get(&url).await;
    assert_eq!(status, 200);
    assert!(page.contains("Ce lien a expiré") && !page.contains("<form"), "{page}");
    assert_eq!(press(&stripe, &id, "card").await, (303, url));
    stripe.quiet(PATIENCE).await.unwrap();
    assert_eq!(kinds(&receiver), ["checkout.session.expired"]);
    assert_eq!(get(&format!("{}/pay/cs_test_nothing", stripe.url())).await.0, 404);
}

#[tokio::test]
async fn the_page_shows_what_was_sold_and_names_as_text() {
    let (stripe, _receiver) = stripe().await;
    stripe.offers(Price { name: "<b>&\"'".into(), ..Price::pack("pack_50", 990) });
    let id = session(&stripe, &[("locale", "auto")]).await;
    stripe.offers(Price::pack("pack_50", 1));
    let (_, page) = get(&stripe.session(&id).unwrap().url).await;
    assert!(page.contains("&lt;b&gt;&amp;&quot;&#39; <small>") && page.contains("€9.90"), "{page}");
}
