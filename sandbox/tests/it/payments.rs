//! Stripe's word at the door: credits once, whatever is told twice, late, in another order, or by somebody else.

mod disorder;

use std::time::Duration;

use futures_util::future::join_all;
use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::{PATIENCE, Person};
use sandbox::simulators::stripe::{Events, Session};
use serde_json::json;
use shared::env::Env;
use shared::fault::PAYMENT_POINTS;
use shared::message::Provider;
use shared::payment;

use crate::{GROUND, until};

/// Somebody with these credits, and a page for this pack that nobody has paid for yet.
pub(super) async fn shopper(sandbox: &Sandbox, credits: i32, pack: &str) -> (Person, Session) {
    let person = sandbox.person(Provider::Meta).with_credits(credits).await;
    let page = wishes(sandbox, &person, pack).await;
    (person, page)
}

/// One more page for somebody.
async fn wishes(sandbox: &Sandbox, person: &Person, pack: &str) -> Session {
    person.says(&format!("acheter {pack}")).await;
    let told = person.hears().await;
    let sessions = sandbox.stage.stripe.sessions();
    sessions
        .into_iter()
        .find(|session| told.contains(&session.url))
        .unwrap_or_else(|| panic!("no page: {told}"))
}

/// How much of the ledger has this reason: lines, and what they move.
async fn lines(sandbox: &Sandbox, reason: &str) -> (i64, i64) {
    sqlx::query_as(
        r#"select count(*), coalesce(sum("delta"), 0)::bigint from "CreditLedger" where "reason" = $1"#,
    )
    .bind(reason)
    .fetch_one(&sandbox.pool)
    .await
    .unwrap()
}

async fn debt(sandbox: &Sandbox, person: &Person) -> i64 {
    payment::debt(&sandbox.pool, &person.account().await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_secret_there_is_no_such_route() {
    run(&GROUND, async |sandbox| {
        let mut app = sandbox.ingest_app();
        app.stripe = None;
        let closed = sandbox.starts_ingest(app).await;
        let stripe = &sandbox.stage.stripe;
        stripe.webhook_url(format!("{closed}/api/stripe/webhook"));
        let delivery =
            stripe.delivers_raw(r#"{"id":"evt_1"}"#, Some(&stripe.signs(br#"{"id":"evt_1"}"#))).await;
        assert_eq!(delivery.status, Some(404));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_not_let_in_and_learns_nothing() {
    run(&GROUND, async |sandbox| {
        let (alice, page) = shopper(sandbox, 0, "20").await;
        let stripe = &sandbox.stage.stripe;
        let forged = json!({
            "id": "evt_forged", "type": "checkout.session.completed", "created": 1,
            "data": { "object": { "id": page.id, "mode": "payment", "payment_status": "paid",
                "client_reference_id": alice.account().await.as_str(), "metadata": { "pack": "pack_200" } } },
        });
        let forged = forged.to_string();
        let right = stripe.signs(forged.as_bytes());
        let changed = forged.replace("pack_200", "pack_201");
        for (body, signature, status) in [
            (forged.as_str(), None, 401),
            (forged.as_str(), Some("t=1,v1=00"), 401),
            (forged.as_str(), Some("nonsense"), 401),
            (changed.as_str(), Some(right.as_str()), 401),
        ] {
            let delivery = stripe.delivers_raw(body, signature).await;
            assert_eq!((delivery.status, delivery.body.as_str()), (Some(status), ""), "{signature:?}");
        }
        let length = ingest::limits::BODY + 1;
        let huge = format!(
            "POST /api/stripe/webhook HTTP/1.1\r\nhost: x\r\nstripe-signature: {right}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(crate::webhook::raw(&sandbox.ingest, huge.as_bytes()).await, (413, String::new()));
        let nonsense = stripe.delivers_raw("no JSON", Some(&stripe.signs(b"no JSON"))).await;
        assert_eq!((nonsense.status, nonsense.body.as_str()), (Some(400), ""));
        assert_eq!(alice.credits().await, 0);
        // A clock that is six minutes off, either way.
        stripe.clock().advance(Duration::from_mins(6));
        assert_eq!(
            stripe.delivers_raw(forged.as_str(), Some(&stripe.signs(forged.as_bytes()))).await.status,
            Some(401)
        );
        sandbox.clock.advance(Duration::from_mins(12));
        assert_eq!(
            stripe.delivers_raw(forged.as_str(), Some(&stripe.signs(forged.as_bytes()))).await.status,
            Some(401)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_told_a_hundred_times_is_one_payment() {
    run(&GROUND, async |sandbox| {
        let (alice, page) = shopper(sandbox, 0, "20").await;
        let stripe = &sandbox.stage.stripe;
        stripe.events(Events::Duplicated);
        stripe.pays(&page.id).await;
        let event = &stripe.event_ids_of("checkout.session.completed")[0];
        let again = stripe.redeliver(event, 50, true).await;
        assert!(again.iter().all(|delivery| delivery.status == Some(200)), "{again:?}");
        // The same session by another event, as delayed payments have it; and the other one late.
        let object = stripe.event(event).unwrap()["data"]["object"].clone();
        let kinds = [
            "checkout.session.async_payment_succeeded",
            "checkout.session.completed",
            "checkout.session.async_payment_failed",
        ];
        join_all(kinds.map(|kind| stripe.sends(kind, &object))).await;
        assert!(alice.hears().await.starts_with("✅ Merci"));
        sandbox.is_quiet().await;
        assert_eq!((alice.credits().await, lines(sandbox, "purchase").await.1), (20, 20));
        assert_eq!(alice.has_heard().len(), 2, "told once: {:?}", alice.has_heard());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ingest_that_dies_over_a_payment_is_told_again_and_credits_once() {
    run(&GROUND, async |sandbox| {
        for point in PAYMENT_POINTS {
            let (alice, page) = shopper(sandbox, 0, "20").await;
            let stripe = sandbox.stage.stripe.clone();
            if *point == "return.posted" {
                stripe.pays(&page.id).await;
                assert_eq!(alice.credits().await, 20);
            }
            let address = sandbox::port::free_address().unwrap();
            let variables = [("INGEST_ADDR", address.as_str()), ("POSTLY_FAULT", *point)];
            let mut doomed = sandbox.ingest_process(&variables);
            doomed.ready(PATIENCE).await.unwrap();
            stripe.webhook_url(format!("http://{address}/api/stripe/webhook"));
            stripe.insists(1, Duration::ZERO);
            let expected = if *point == "return.posted" {
                stripe.refunds(&page.id, 490).await.unwrap();
                0
            } else {
                stripe.pays(&page.id).await;
                20
            };
            doomed.ended(PATIENCE).await.unwrap();
            let committed = *point == "payment.committed";
            assert_eq!(alice.credits().await == expected, committed, "{point}: nothing, or all of it");
            // Stripe comes again, to one that lives.
            stripe.webhook_url(format!("{}/api/stripe/webhook", sandbox.ingest));
            for event in stripe.event_ids() {
                stripe.redeliver(&event, 2, false).await;
            }
            assert_eq!(alice.credits().await, expected, "{point}");
            assert!(alice.hears().await.starts_with("✅ Merci"), "{point}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_goes_back_takes_its_credits_along_in_proportion() {
    run(&GROUND, async |sandbox| {
        let (alice, page) = shopper(sandbox, 3, "20").await;
        let stripe = &sandbox.stage.stripe;
        stripe.pays(&page.id).await;
        assert!(alice.hears().await.starts_with("✅"));
        stripe.refunds(&page.id, 245).await.unwrap();
        assert_eq!(alice.credits().await, 13, "half of it");
        let pending = stripe.refunds_pending(&page.id, 245).await.unwrap();
        stripe.refund_succeeds(&pending).await;
        assert_eq!((alice.credits().await, debt(sandbox, &alice).await), (3, 0), "all of it, and no more");
        for event in stripe.event_ids() {
            stripe.redeliver(&event, 3, true).await;
        }
        assert_eq!((alice.credits().await, lines(sandbox, "refund").await.1), (3, -20));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_spent_is_owed_and_the_next_purchase_settles_it() {
    run(&GROUND, async |sandbox| {
        let (alice, page) = shopper(sandbox, 0, "20").await;
        let stripe = &sandbox.stage.stripe;
        stripe.pays(&page.id).await;
        assert!(alice.hears().await.starts_with("✅"));
        for _ in 0..2 {
            alice.says("Un post sur le pain").await;
            assert!(alice.hears().await.contains("*3.* "));
        }
        let dispute = stripe.disputes(&page.id).await.unwrap();
        assert_eq!((alice.credits().await, debt(sandbox, &alice).await), (0, 2));
        let next = wishes(sandbox, &alice, "50").await;
        stripe.pays(&next.id).await;
        let thanks = alice.hears().await;
        assert!(
            thanks.contains("2 crédits ont servi à régler un remboursement antérieur. Votre solde : 48"),
            "{thanks}"
        );
        assert_eq!((alice.credits().await, debt(sandbox, &alice).await), (48, 0));
        assert_eq!(lines(sandbox, "debt").await, (1, -2));
        stripe.dispute_is_won(&dispute).await;
        assert_eq!((alice.credits().await, debt(sandbox, &alice).await), (68, 0), "the money came again");
        assert_eq!(lines(sandbox, "refund_reversed").await, (1, 20));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_fails_gives_its_credits_again() {
    run(&GROUND, async |sandbox| {
        let (alice, page) = shopper(sandbox, 0, "20").await;
        let stripe = &sandbox.stage.stripe;
        stripe.pays(&page.id).await;
        assert!(alice.hears().await.starts_with("✅"));
        let refund = stripe.refunds(&page.id, 490).await.unwrap();
        assert_eq!(alice.credits().await, 0);
        stripe.refund_fails(&refund).await;
        assert_eq!((alice.credits().await, debt(sandbox, &alice).await), (20, 0));
        for event in stripe.event_ids() {
            stripe.redeliver(&event, 1, false).await;
        }
        assert_eq!(alice.credits().await, 20);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_nobody_can_claim_waits_for_its_operator() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        let stripe = &sandbox.stage.stripe;
        let session = |id: &str, user: &str, pack: &str| {
            json!({ "id": id, "mode": "payment", "payment_status": "paid", "payment_intent": format!("pi_{id}"),
                "client_reference_id": user, "metadata": { "pack": pack }, "amount_total": 490, "currency": "eur", "created": 1 })
        };
        let account = alice.account().await;
        let completed = "checkout.session.completed";
        let strange = stripe.sends(completed, &session("cs_a", account.as_str(), "pack_75")).await;
        let stranger = stripe.sends(completed, &session("cs_b", "nobody", "pack_20")).await;
        assert_eq!((strange.status, stranger.status), (Some(200), Some(200)));
        // What the web app sells besides is none of our business.
        stripe.sends(completed, &json!({ "id": "cs_c", "mode": "payment", "payment_status": "paid", "metadata": {} })).await;
        let unclaimed = payment::unclaimed(&sandbox.pool).await.unwrap();
        let sessions: Vec<&str> = unclaimed.iter().map(|(session, ..)| session.as_str()).collect();
        assert_eq!((sessions, alice.credits().await), (vec!["cs_a", "cs_b"], 0));
        // The operator names the pack, and has Stripe send the event again.
        sandbox.variables.insert("CREDIT_PACKS".into(), "pack_20=20,pack_75=75".into());
        let config = ingest::config::Config::from_env(Env::from_values(sandbox.variables.clone())).unwrap();
        let mended = ingest::App::new(&config, sandbox.clock.clone()).unwrap();
        let mended = sandbox.starts_ingest(mended).await;
        let stripe = &sandbox.stage.stripe;
        stripe.webhook_url(format!("{mended}/api/stripe/webhook"));
        for event in stripe.event_ids_of(completed) {
            stripe.redeliver(&event, 2, true).await;
        }
        assert_eq!((alice.credits().await, payment::unclaimed(&sandbox.pool).await.unwrap().len()), (75, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_packs_of_the_web_app_are_credited_in_the_same_way() {
    run(&GROUND, async |sandbox| {
        // An account that never wrote to us, and a session with the user in its metadata only.
        sqlx::query(r#"insert into "User" ("id", "credits", "updatedAt") values ('web1', 5, now())"#)
            .execute(&sandbox.pool)
            .await
            .unwrap();
        let opened = r#"insert into "CreditLedger" ("id", "userId", "delta", "reason") values ('l1', 'web1', 5, 'signup')"#;
        sqlx::query(opened).execute(&sandbox.pool).await.unwrap();
        let session = json!({ "id": "cs_web", "mode": "payment", "payment_status": "paid", "payment_intent": { "id": "pi_web" },
            "client_reference_id": null, "metadata": { "pack": "pack_50", "user_id": "web1", "credits": "9999" },
            "amount_total": 990, "currency": "eur", "created": 1 });
        sandbox.stage.stripe.sends("checkout.session.completed", &session).await;
        let credits: i32 = sqlx::query_scalar(r#"select "credits" from "User" where "id" = 'web1'"#)
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(credits, 55, "our own table says what a pack holds");
        sandbox.is_quiet().await;
        assert!(sandbox.stage.meta.sent().is_empty() && sandbox.stage.twilio.sent().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_about_a_payment_whose_worker_dies_is_said_once() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.starts_worker();
        let (alice, page) = shopper(sandbox, 0, "20").await;
        sandbox.is_quiet().await;
        sandbox.stops_workers().await;
        sandbox.stage.stripe.pays(&page.id).await;
        assert_eq!(alice.credits().await, 20, "credits need no worker");
        for point in ["job.leased", "send.marked"] {
            let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point)]);
            doomed.ended(PATIENCE).await.unwrap();
        }
        sandbox.starts_worker();
        assert!(alice.hears().await.starts_with("✅ Merci"));
        sandbox.is_quiet().await;
        assert_eq!(alice.has_heard().len(), 2);
        let kind = "select outcome from wa.receipt where kind = 'payment'";
        let outcome: String = sqlx::query_scalar(kind).fetch_one(&sandbox.pool).await.unwrap();
        assert_eq!(outcome, "answered");
        until("the sweep to find nothing", async || {
            let unsent = "select count(*) from wa.outbox where state in ('pending', 'sending', 'unknown')";
            sqlx::query_scalar::<_, i64>(unsent).fetch_one(&sandbox.pool).await.unwrap() == 0
        })
        .await;
    })
    .await;
}
