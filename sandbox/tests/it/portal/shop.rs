//! Buying in the portal: ingest asks a worker, a worker asks Stripe, and one press is one page.

use std::time::Duration;

use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::simulators::stripe::StripeFault;
use serde_json::{Value, json};
use shared::message::Provider;
use tokio::time::Instant;

use super::browser::Browser;
use crate::{GROUND, until};

const KEY: &str = "0123456789abcdef";

fn order(pack: &str, key: &str) -> Value {
    json!({ "pack": pack, "key": key })
}

async fn who_buys_on_the_web_is_credited_and_told_in_whatsapp(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    alice.says("solde").await;
    alice.hears().await;
    let browser = Browser::of(sandbox, &alice.account().await).await;
    let packs = browser.sees("/api/portal/packs").await;
    assert_eq!(packs["items"][0], json!({ "pack": "pack_20", "credits": 20, "price": "4,90\u{202f}€" }));
    assert_eq!(browser.speaks("en").sees("/api/portal/packs").await["items"][2]["price"], "€29.90");

    let answer = browser.post("/api/portal/checkout", order("pack_50", KEY)).await;
    let url = answer.json()["url"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned();
    let [session] = sandbox.stage.stripe.sessions().try_into().unwrap();
    assert_eq!((&session.url, session.amount_total), (&url, 990));
    assert_eq!(session.order.client_reference_id.as_deref(), Some(alice.account().await.as_str()));
    assert_eq!(session.order.success_url, format!("{}/?paid={{CHECKOUT_SESSION_ID}}", browser.site));
    assert_eq!(session.order.cancel_url.as_deref(), Some(format!("{}/?paid=no", browser.site).as_str()));
    assert_eq!(session.order.locale.as_deref(), Some("fr"));

    let standing = async |browser: &Browser| {
        browser.sees(&format!("/api/portal/payment?session={}", session.id)).await["state"].clone()
    };
    assert_eq!((standing(&browser).await, alice.credits().await), (json!("unknown"), 1));
    sandbox.stage.stripe.pays(&session.id).await;
    until("the payment", async || standing(&browser).await == "paid").await;
    assert!(alice.hears().await.contains("(50 crédits)"));
    assert_eq!(browser.sees("/api/portal/account").await["credits"], 51);
    let bob = sandbox.person(provider).with_credits(0).await;
    let other = Browser::of(sandbox, &bob.account().await).await;
    assert_eq!(standing(&other).await, "unknown", "it is none of his business");
    assert_eq!(other.get("/api/portal/payment").await.refusal(), (400, "bad_request".to_owned()));
}

crate::for_each_provider! {
    bought => super::who_buys_on_the_web_is_credited_and_told_in_whatsapp;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_press_is_one_page_and_what_is_not_sold_is_refused() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let browser = Browser::of(sandbox, &alice.account().await).await;
        browser.sees("/api/portal/packs").await;
        let presses = (0..8).map(|_| browser.post("/api/portal/checkout", order("pack_20", KEY)));
        let urls: Vec<Value> = futures_util::future::join_all(presses)
            .await
            .iter()
            .map(|answer| answer.json()["url"].clone())
            .collect();
        assert!(urls[0].is_string() && urls.iter().all(|url| *url == urls[0]), "{urls:?}");
        assert_eq!(sandbox.stage.stripe.sessions().len(), 1);
        for (wish, refusal) in [
            (order("pack_50", KEY), (400, "bad_request")),
            (order("pack_1000", "fedcba9876543210"), (404, "not_found")),
            (order("pack_20", "short"), (400, "bad_request")),
            (order("pack_20", "with spaces and more"), (400, "bad_request")),
            (json!({ "pack": "pack_20" }), (400, "bad_request")),
            (json!({ "pack": "pack_20", "key": KEY, "userId": "another" }), (400, "bad_request")),
        ] {
            let answer = browser.post("/api/portal/checkout", wish.clone()).await;
            assert_eq!(answer.refusal(), (refusal.0, refusal.1.to_owned()), "{wish}");
        }
        // A key is its person's: another one's opens another page.
        let bob = sandbox.person(Provider::Meta).with_credits(1).await;
        let other = Browser::of(sandbox, &bob.account().await).await;
        let url = other.post("/api/portal/checkout", order("pack_20", KEY)).await.json()["url"].clone();
        assert!(url.is_string() && url != urls[0]);
        for number in 1..10 {
            let answer =
                browser.post("/api/portal/checkout", order("pack_20", &format!("another-{number}"))).await;
            assert_eq!(answer.status, 200, "{number}: {}", answer.text);
        }
        // Of eight more at once, none.
        let more = (0..8).map(|n| order("pack_20", &format!("one-too-many-{n}")));
        let more = more.map(|order| browser.post("/api/portal/checkout", order));
        let more = futures_util::future::join_all(more).await;
        assert!(more.iter().all(|answer| answer.status == 429));
        let answer = browser.post("/api/portal/checkout", order("pack_20", "one-too-many")).await;
        assert_eq!(
            (answer.refusal(), answer.header("retry-after")),
            ((429, "too_many_requests".to_owned()), "600")
        );
        assert_eq!(browser.post("/api/portal/checkout", order("pack_20", KEY)).await.json()["url"], urls[0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_worker_or_without_stripe_the_answer_comes_in_time_and_later_the_page() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let browser = Browser::of(sandbox, &alice.account().await).await;
        let asked = Instant::now();
        let (packs, page) = tokio::join!(
            browser.get("/api/portal/packs"),
            browser.post("/api/portal/checkout", order("pack_20", KEY))
        );
        for answer in [packs, page] {
            assert_eq!(answer.refusal(), (503, "unavailable".to_owned()));
            assert_eq!(answer.header("retry-after"), "5");
        }
        assert!(asked.elapsed() < Duration::from_secs(9), "{:?}", asked.elapsed());
        // Every answer to this one wish is lost on its way, and Stripe keeps what it was asked under its key.
        sandbox.stage.stripe.fails_next(1, StripeFault::Drop);
        sandbox.starts_worker();
        until("the page", async || {
            browser.post("/api/portal/checkout", order("pack_20", KEY)).await.status == 200
        })
        .await;
        assert_eq!(sandbox.stage.stripe.sessions().len(), 1);
        sandbox.stage.stripe.fails_next(9, StripeFault::Http500);
        let refused = browser.post("/api/portal/checkout", order("pack_50", "another-key")).await;
        assert_eq!(refused.refusal(), (502, "not_opened".to_owned()), "final: for another key to ask again");
        assert_eq!(refused.header("retry-after"), "", "the same wish is refused for ever");
        sandbox.has_dead_letters(1).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_over_a_page_opens_no_second_one() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let browser = Browser::of(sandbox, &alice.account().await).await;
        let mut first = sandbox.worker_process(&[("POSTLY_FAULT", "checkout.opened")]);
        let (answer, ()) = tokio::join!(browser.post("/api/portal/checkout", order("pack_20", KEY)), async {
            first.ended(Duration::from_secs(20)).await.expect("it dies at its point");
            sandbox.starts_worker();
        });
        // Another one has taken it over, in time or a little later.
        let url = if answer.status == 200 {
            answer
        } else {
            browser.post("/api/portal/checkout", order("pack_20", KEY)).await
        };
        let [session] = sandbox.stage.stripe.sessions().try_into().unwrap();
        assert_eq!(url.json()["url"], session.url);
    })
    .await;
}
