//! Buying credits in the chat: from "no credits left" to the posts, with Stripe's page between.

use std::time::Duration;

use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::{PATIENCE, Person};
use sandbox::simulators::stripe::{Price, Session, StripeFault};
use shared::message::Provider;

use crate::{GROUND, until};

const BRIEF: &str = "Crée un post promo pour l’ouverture de ma boulangerie";
const REFILL: &str = "Vous n’avez plus de crédit";

/// The page that this person was given last.
async fn page(sandbox: &Sandbox, person: &Person) -> Session {
    let told = person.hears().await;
    assert!(told.starts_with("Voici votre page de paiement"), "{told}");
    let sessions = sandbox.stage.stripe.sessions();
    sessions.into_iter().find(|session| told.contains(&session.url)).expect("the page of the answer")
}

async fn who_runs_out_buys_and_gets_the_posts(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(0).await;
    alice.says(BRIEF).await;
    let refill = alice.hears().await;
    assert!(
        refill.starts_with(REFILL) && refill.contains("24 heures") && refill.contains("20 crédits"),
        "{refill}"
    );
    alice.picks(1).await;
    let page = page(sandbox, &alice).await;
    assert_eq!((page.amount_total, alice.credits().await), (490, 0));
    sandbox.stage.stripe.pays(&page.id).await;
    let thanks = alice.hears().await;
    assert!(thanks.contains("(20 crédits)") && thanks.contains("Votre solde : 20 crédits"), "{thanks}");
    assert!(thanks.contains("« Crée un post promo pour l’ouverture de ma boulangerie »"), "{thanks}");
    alice.picks(1).await;
    let posts = alice.hears().await;
    assert!(posts.contains("*3.* ") && posts.contains("Il vous reste 19 crédits."), "{posts}");
    sandbox.is_quiet().await;
    assert_eq!((alice.credits().await, alice.charges().await, alice.generations().await), (19, (1, 0), 1));
    let brief: String =
        sqlx::query_scalar(r#"select "brief" from "Generation""#).fetch_one(&sandbox.pool).await.unwrap();
    assert_eq!(brief, BRIEF);
    // The brief was written about once: it is not there a second time.
    alice.says("gen:kept").await;
    assert!(alice.hears().await.starts_with("Je n’ai plus votre idée"));
    assert_eq!(alice.credits().await, 19);
}

async fn packs_can_be_asked_for_in_words(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    alice.says("acheter").await;
    let shelf = alice.hears().await;
    for part in ["🛒 Quelle recharge", "20 crédits", "50 crédits", "200 crédits"] {
        assert!(shelf.contains(part), "{part} is not in {shelf}");
    }
    alice.says("3").await;
    assert_eq!(page(sandbox, &alice).await.amount_total, 2990);
    alice.says("Acheter 50").await;
    assert_eq!(page(sandbox, &alice).await.amount_total, 990);
    alice.says("buy pack_20").await;
    assert_eq!(page(sandbox, &alice).await.amount_total, 490);
    for session in sandbox.stage.stripe.sessions() {
        sandbox.stage.stripe.pays(&session.id).await;
        assert!(alice.hears().await.starts_with("✅ Merci"));
    }
    assert_eq!(alice.credits().await, 271);
    assert!(sandbox.stage.openai.calls().is_empty(), "shopping is no brief");
}

async fn a_debit_that_fails_is_told_and_gives_nothing(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(0).await;
    alice.says("acheter 20").await;
    let page = page(sandbox, &alice).await;
    let stripe = &sandbox.stage.stripe;
    stripe.pays_by_debit(&page.id).await;
    assert_eq!(alice.credits().await, 0, "the money is not there yet");
    stripe.debit_fails(&page.id).await;
    let told = alice.hears().await;
    assert!(told.starts_with("😕 Votre paiement n’a pas abouti"), "{told}");
    assert_eq!(alice.credits().await, 0);
    alice.picks(1).await;
    assert!(alice.hears().await.starts_with("🛒"));
}

async fn a_debit_that_comes_later_is_told_when_it_comes(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(0).await;
    alice.says("acheter 20").await;
    let page = page(sandbox, &alice).await;
    sandbox.stage.stripe.pays_by_debit(&page.id).await;
    sandbox.is_quiet().await;
    assert_eq!((alice.credits().await, alice.has_heard().len()), (0, 1));
    sandbox.stage.stripe.debit_succeeds(&page.id).await;
    assert!(alice.hears().await.starts_with("✅ Merci"));
    assert_eq!(alice.credits().await, 20);
}

async fn few_credits_are_told_once(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(4).await;
    let mut ends = Vec::new();
    for _ in 0..4 {
        alice.says(BRIEF).await;
        ends.push(alice.hears().await.contains("acheter"));
    }
    assert_eq!(ends, [false, true, false, false]);
    alice.says("acheter 20").await;
    let page = page(sandbox, &alice).await;
    sandbox.stage.stripe.pays(&page.id).await;
    alice.hears().await;
    let mut hints = 0;
    for _ in 0..19 {
        alice.says(BRIEF).await;
        hints += usize::from(alice.hears().await.contains("acheter"));
    }
    assert_eq!((hints, alice.credits().await), (1, 1), "once for each refill");
}

async fn a_number_that_chooses_nothing_costs_nothing(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(2).await;
    for number in ["2", "100", "0", "99999999999999999999999"] {
        alice.says(number).await;
        assert!(alice.hears().await.starts_with("Je ne sais pas à quel choix"), "{number}");
    }
    alice.says("acheter").await;
    alice.hears().await;
    for number in ["4", "0"] {
        alice.says(number).await;
        assert!(alice.hears().await.starts_with("Je ne sais pas à quel choix"), "{number}");
    }
    assert_eq!((alice.credits().await, alice.charges().await), (2, (0, 0)));
}

crate::for_each_provider! {
    whole => super::who_runs_out_buys_and_gets_the_posts;
    words => super::packs_can_be_asked_for_in_words;
    failed => super::a_debit_that_fails_is_told_and_gives_nothing;
    later => super::a_debit_that_comes_later_is_told_when_it_comes;
    low => super::few_credits_are_told_once;
    numbers => super::a_number_that_chooses_nothing_costs_nothing;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_wish_is_one_page_whatever_goes_wrong_on_the_way() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        let stripe = sandbox.stage.stripe.clone();
        // Made, and the connection cut: the same key finds it again.
        stripe.fails_next(1, StripeFault::Drop);
        let said = alice.says("acheter 20").await;
        let first = page(sandbox, &alice).await;
        alice.redeliver(&said, 20, true).await;
        sandbox.is_quiet().await;
        assert_eq!((stripe.sessions().len(), alice.has_heard().len()), (1, 1));
        // Its own failure, which Stripe keeps under the key: another key, and one page that somebody is given.
        stripe.fails_next(1, StripeFault::Http500);
        alice.says("acheter 20").await;
        let second = page(sandbox, &alice).await;
        assert_ne!(first.id, second.id);
        for trouble in [StripeFault::Http429, StripeFault::Garbage200, StripeFault::Conflict409] {
            stripe.fails_next(1, trouble);
            alice.says("acheter 50").await;
            assert_eq!(page(sandbox, &alice).await.amount_total, 990, "{trouble:?}");
        }
        for session in stripe.sessions() {
            assert_eq!(session.order.client_reference_id.as_deref(), Some(alice.account().await.as_str()));
        }
        assert_eq!(sandbox.dead_letters().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_over_a_page_is_followed_by_one_that_finds_it() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Twilio).with_credits(0).await;
        for point in ["job.leased", "send.marked", "send.accepted", "job.ended"] {
            let before = (sandbox.stage.stripe.sessions().len(), alice.has_heard().len());
            let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point)]);
            alice.says("acheter 20").await;
            doomed.ended(PATIENCE).await.unwrap();
            sandbox.starts_worker();
            page(sandbox, &alice).await;
            sandbox.is_quiet().await;
            sandbox.stops_workers().await;
            let after = (sandbox.stage.stripe.sessions().len(), alice.has_heard().len());
            assert_eq!(after, (before.0 + 1, before.1 + 1), "{point}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_cannot_open_says_so_and_nothing_is_lost() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        sandbox.stage.stripe.fails_next(10, StripeFault::InvalidKey401);
        alice.says("acheter 20").await;
        let told = alice.hears().await;
        assert!(told.starts_with("😕 Le paiement n’est pas disponible"), "{told}");
        sandbox.has_dead_letters(1).await;
        assert_eq!(sandbox.dead_letters().await, ["stripe: HTTP 401 invalid_request_error"]);
        assert!(sandbox.stage.stripe.sessions().is_empty());
        sandbox.stage.stripe.recovers();
        alice.says("acheter 20").await;
        page(sandbox, &alice).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_that_cannot_be_asked_for_hold_nobody_up() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.stage.stripe.fails_next_lookups(1_000, StripeFault::Http500);
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        alice.says(BRIEF).await;
        assert!(alice.hears().await.contains("*3.* "));
        alice.says(BRIEF).await;
        let refill = alice.hears().await;
        assert!(refill.starts_with(REFILL) && refill.contains("site de Postly"), "{refill}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_shop_the_web_app_is_named() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.variables.remove("STRIPE_SECRET_KEY");
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        alice.says("acheter").await;
        assert!(alice.hears().await.contains("site de Postly"));
        alice.says(BRIEF).await;
        assert!(alice.hears().await.contains("site de Postly"));
        assert_eq!(sandbox.stage.stripe.requests("/v1/prices"), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pack_that_stripe_sells_no_more_is_not_on_the_shelf() {
    run_without_worker(&GROUND, async |sandbox| {
        let stripe = &sandbox.stage.stripe;
        stripe.deactivates("price_pack_200");
        stripe.offers(Price { id: "price_mine".into(), ..Price::pack("another", 1500) });
        let packs = "pack_20=20,mine=75:price_mine,pack_200=200,gone=5:price_gone";
        sandbox.variables.insert("CREDIT_PACKS".into(), packs.into());
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Twilio).with_credits(0).await;
        alice.says("acheter").await;
        let shelf = alice.hears().await;
        let prices = ["*1.* 20 crédits (4,90\u{202f}€)", "*2.* 75 crédits (15,00\u{202f}€)"];
        assert!(prices.iter().all(|price| shelf.contains(price)) && !shelf.contains("*3.*"), "{shelf}");
        alice.says("acheter 200").await;
        assert!(alice.hears().await.starts_with("🛒"), "what is not sold is answered with what is");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brief_is_kept_for_a_day_and_no_longer() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        alice.says(BRIEF).await;
        alice.hears().await;
        alice.picks(1).await;
        let page = page(sandbox, &alice).await;
        sandbox.stage.stripe.pays(&page.id).await;
        assert!(alice.hears().await.contains("Votre idée attend"));
        sandbox.is_quiet().await;
        sandbox.advances(Duration::from_hours(25));
        alice.picks(1).await;
        assert!(alice.hears().await.starts_with("Je n’ai plus votre idée"));
        assert_eq!((alice.credits().await, alice.charges().await), (20, (0, 0)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_not_written_for_a_day_is_credited_in_silence() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        alice.says("acheter 20").await;
        let page = page(sandbox, &alice).await;
        sandbox.stage.stripe.pays_by_debit(&page.id).await;
        sandbox.is_quiet().await;
        sandbox.advances(Duration::from_hours(24));
        sandbox.stage.stripe.clock().advance(Duration::from_hours(24));
        sandbox.stage.stripe.debit_succeeds(&page.id).await;
        let told = "select count(*) from wa.payment where told_at is not null";
        until("the payment to be told, or not", async || {
            sqlx::query_scalar::<_, i64>(told).fetch_one(&sandbox.pool).await.unwrap() == 1
        })
        .await;
        assert_eq!((alice.credits().await, alice.has_heard().len()), (20, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brief_that_was_kept_and_failed_can_be_taken_again() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        alice.says(BRIEF).await;
        alice.hears().await;
        alice.picks(1).await;
        let page = page(sandbox, &alice).await;
        sandbox.stage.stripe.pays(&page.id).await;
        alice.hears().await;
        sandbox.stage.openai.fails_next(3, sandbox::simulators::openai::OpenAiFault::Overloaded503);
        alice.picks(1).await;
        assert!(alice.hears().await.starts_with("😕 Je n’ai pas réussi"));
        assert_eq!(alice.credits().await, 20);
        alice.picks(1).await;
        assert!(alice.hears().await.contains("*3.* "));
        sandbox.has_dead_letters(1).await;
        assert_eq!((alice.credits().await, alice.charges().await), (19, (2, 1)));
    })
    .await;
}
