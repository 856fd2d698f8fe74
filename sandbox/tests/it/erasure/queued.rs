//! What waits in the queue when somebody is forgotten: theirs is dropped, wherever it is, and everybody else's is done.

use sandbox::conversation::{run, run_without_worker};
use sandbox::person::PATIENCE;
use sandbox::simulators::openai::OpenAiFault;
use shared::clock::Clock;
use shared::erasure::{self as wishes, AskedBy};
use shared::message::Provider;
use shared::queue::Withdrawn;
use worker::operator::erasure;

use super::{desk, is_forgotten, known, looks, nothing_is_left};
use crate::{GROUND, until};

const BRIEF: &str = "Crée un post promo pour Instagram";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_they_wrote_before_is_dropped_and_nobody_elses() {
    run_without_worker(&GROUND, async |sandbox| {
        for provider in Provider::ALL {
            let (alice, bob) = (sandbox.person(provider).with_credits(3).await, sandbox.person(provider));
            alice.says("solde").await;
            bob.says(&format!("appelez {} svp", alice.number())).await;
            alice.says(BRIEF).await;
            let hers = alice.account().await;
            let known = known(sandbox, &hers).await;
            let now = Clock::system().now();
            let erased = erasure::erase(&desk(sandbox), &hers, &crate::author(), now).await.unwrap();
            assert_eq!(erased.withdrawn, Withdrawn { jobs: 2, letters: 0 });
            // Bob may name her: that is his.
            let findings = looks(sandbox, &known).await;
            assert!(findings.found.keys().all(|place| place.to_string().contains("lane")), "{findings}");
            sandbox.starts_worker();
            bob.hears().await;
            sandbox.is_quiet().await;
            assert_eq!(alice.has_heard(), Vec::<String>::new());
            alice.says("solde").await;
            assert!(alice.hears().await.contains("Vous n’avez plus de crédit") || alice.credits().await == 0);
            assert_ne!(alice.account().await, hers);
            sandbox.stops_workers().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_worked_on_comes_to_nothing() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        sandbox.stage.openai.hold();
        alice.says(BRIEF).await;
        sandbox.stage.openai.wait_calls(1, PATIENCE).await.unwrap();
        let hers = alice.account().await;
        let known = known(sandbox, &hers).await;
        let erased =
            erasure::erase(&desk(sandbox), &hers, &crate::author(), Clock::system().now()).await.unwrap();
        assert_eq!(erased.withdrawn.jobs, 1);
        sandbox.stage.openai.release();
        sandbox.is_quiet().await;
        assert_eq!(alice.has_heard(), Vec::<String>::new());
        nothing_is_left(sandbox, &known).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_go_as_well() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Twilio).with_credits(3).await;
        let bob = sandbox.person(Provider::Twilio).with_credits(3).await;
        for person in [&alice, &bob] {
            sandbox.stage.openai.fails_next(3, OpenAiFault::Overloaded503);
            person.says(BRIEF).await;
            assert!(person.hears().await.starts_with("😕"));
            sandbox.is_quiet().await;
        }
        sandbox.has_dead_letters(2).await;
        let hers = alice.account().await;
        let known = known(sandbox, &hers).await;
        let erased =
            erasure::erase(&desk(sandbox), &hers, &crate::author(), Clock::system().now()).await.unwrap();
        assert_eq!(erased.withdrawn, Withdrawn { jobs: 0, letters: 1 });
        sandbox.has_dead_letters(1).await;
        nothing_is_left(sandbox, &known).await;
    })
    .await;
}

/// The wish is written down, and before anybody carries it out she writes once more: whoever answers, she hears something, and
/// what is left is somebody new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_meanwhile_is_heard_and_is_somebody_new() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        alice.says("aide").await;
        alice.hears().await;
        let hers = alice.account().await;
        let mut db = sandbox.pool.acquire().await.unwrap();
        let receipt = wishes::ask(&mut db, &hers, AskedBy::Portal, sandbox.clock.now()).await.unwrap();
        drop(db);
        for _ in 0..20 {
            alice.says("solde").await;
            alice.hears().await;
        }
        is_forgotten(sandbox, &hers).await;
        alice.says("solde").await;
        alice.hears().await;
        assert_ne!(alice.account().await, hers);
        let left: i64 = sqlx::query_scalar(
            "select (select count(*) from wa.receipt where user_id = $1) + (select count(*) from wa.identity where user_id = $1)",
        )
        .bind(hers.as_str())
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
        assert_eq!(left, 0, "{receipt}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_spilled_is_dropped_too() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let bob = sandbox.person(Provider::Meta).with_credits(3).await;
        let (at_door, at_desk) = (sandbox.variables.clone(), desk(sandbox));
        // An ingest whose Redis is not there.
        let mut away = at_door;
        away.insert("REDIS_URL".to_owned(), "redis://127.0.0.1:1/0".to_owned());
        let config = ingest::config::Config::from_env(shared::env::Env::from_values(away)).unwrap();
        let door = sandbox.starts_ingest(ingest::App::new(&config, sandbox.clock.clone()).unwrap()).await;
        sandbox.stage.calls(&door);
        alice.says(BRIEF).await;
        bob.says("solde").await;
        sandbox.stage.calls(&sandbox.ingest);
        until("the spill", async || shared::spill::depth(&sandbox.pool).await.unwrap() == 2).await;
        let hers = alice.account().await;
        let known = known(sandbox, &hers).await;
        erasure::erase(&at_desk, &hers, &crate::author(), Clock::system().now()).await.unwrap();
        assert_eq!(shared::spill::depth(&sandbox.pool).await.unwrap(), 1);
        nothing_is_left(sandbox, &known).await;
        sandbox.starts_worker();
        bob.hears().await;
        sandbox.is_quiet().await;
        assert_eq!(alice.has_heard(), Vec::<String>::new());
    })
    .await;
}
