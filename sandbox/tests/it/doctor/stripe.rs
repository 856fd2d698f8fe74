//! What is told about Stripe: the key, the shelf, and whether payments come to us.

use sandbox::simulators::stripe::{Price, StripeFault};
use sandbox::stage::PUBLIC_URL;
use shared::payment::EVENTS;
use worker::doctor::Verdict;

use super::{Clinic, line};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pack_without_a_price_is_named_and_the_others_are_told_at_theirs() {
    let mut clinic = Clinic::well().await;
    let report = clinic.shows(&[], 0).await;
    let shelf = "pack_20 €4.90, pack_50 €9.90, pack_200 €29.90";
    assert_eq!(line(&report, "stripe prices").found, shelf, "{report}");
    clinic.stage.stripe.deactivates("price_pack_20");
    clinic.stage.stripe.offers(Price::pack("big", 9_990));
    clinic.set("CREDIT_PACKS", "pack_20=20, pack_50=50:price_pack_50, huge=900:price_big, gone=5:price_gone");
    let report = clinic.shows(&[("stripe prices", Verdict::Failed)], 1).await;
    let shelf =
        "pack_20 has a price that is inactive, pack_50 €9.90, huge €99.90, gone has no price at Stripe";
    assert_eq!(line(&report, "stripe prices").found, shelf, "{report}");
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_would_lose_payments_is_told() {
    let clinic = Clinic::well().await;
    let ours = format!("{PUBLIC_URL}/api/stripe/webhook");
    let without = |event: &str| EVENTS.into_iter().filter(|known| *known != event).collect::<Vec<_>>();
    for (url, events, verdict, part) in [
        (ours.as_str(), vec!["*"], Verdict::Ok, "every event"),
        (&ours, without("checkout.session.completed"), Verdict::Failed, "checkout.session.completed"),
        (&ours, without("charge.dispute.created"), Verdict::Warning, "charge.dispute.created"),
        ("https://else.example/api/stripe/webhook?token=s3cret", vec!["*"], Verdict::Warning, "else.example"),
        ("https://postly.example/api/stripe/webhook", vec!["*"], Verdict::Failed, "no endpoint"),
        ("https://hooks.postly.example/elsewhere", vec!["*"], Verdict::Failed, "no endpoint"),
    ] {
        clinic.stage.stripe.endpoint(url, &events);
        let report = clinic.report().await;
        let line = line(&report, "stripe webhook");
        assert!(line.verdict == verdict && line.found.contains(part), "{url}: {report}");
        assert!(!report.to_string().contains("s3cret"), "{report}");
    }
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_shop_is_told_as_what_it_is() {
    let mut clinic = Clinic::well().await;
    let secret = clinic.variables.remove("STRIPE_WEBHOOK_SECRET").unwrap();
    let report = clinic.shows(&[("stripe settings", Verdict::Warning)], 0).await;
    assert!(
        line(&report, "stripe settings").found.contains("never be credited, unless the web app"),
        "{report}"
    );
    clinic.set("STRIPE_WEBHOOK_SECRET", &secret);
    clinic.variables.remove("STRIPE_SECRET_KEY");
    let report = clinic.shows(&[("stripe", Verdict::NotChecked)], 0).await;
    assert!(line(&report, "stripe settings").found.contains("sell nothing in the chat"), "{report}");
    clinic.variables.remove("STRIPE_WEBHOOK_SECRET");
    let report = clinic.shows(&[("stripe", Verdict::NotChecked)], 0).await;
    assert!(line(&report, "stripe").found.contains("not configured"), "{report}");
    clinic.closes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stripe_does_not_answer_is_never_ok() {
    let clinic = Clinic::well().await;
    for (fault, verdict) in [
        (StripeFault::InvalidKey401, Verdict::Failed),
        (StripeFault::Http500, Verdict::Failed),
        (StripeFault::Drop, Verdict::Failed),
        (StripeFault::Http429, Verdict::NotChecked),
        (StripeFault::Garbage200, Verdict::NotChecked),
    ] {
        clinic.stage.stripe.fails_next_lookups(2, fault);
        let code = u8::from(verdict == Verdict::Failed);
        clinic.shows(&[("stripe key", verdict), ("stripe webhook", verdict)], code).await;
        clinic.stage.stripe.recovers();
    }
    clinic.closes().await;
}
