//! Messages that have begun and can never end: found, refunded once, and told of. Those that wait for good reasons are
//! left alone.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::{PATIENCE, Person, Said};
use sandbox::simulators::openai::OpenAiFault;
use shared::env::Env;
use shared::message::{MessageId, Provider};
use shared::person::Linked;
use shared::receipt;
use worker::operator::dead::{self, Filter};
use worker::operator::deed::{self, Replayed};
use worker::operator::{Desk, explain::explain};

use crate::link::{link, web};
use crate::{GROUND, until};

const BRIEF: &str = "Crée un post promo pour Instagram";

/// Longer than the sweep waits for anything.
const AGES: Duration = Duration::from_mins(15);

async fn redis(sandbox: &Sandbox) -> MultiplexedConnection {
    let client = redis::Client::open(sandbox.variables["REDIS_URL"].as_str()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Somebody sends a brief, and its worker dies at this point.
async fn begun(sandbox: &Sandbox, provider: Provider, point: &str) -> (Person, Said) {
    let person = sandbox.person(provider).with_credits(5).await;
    let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point)]);
    let said = person.says(BRIEF).await;
    doomed.ended(PATIENCE).await.unwrap();
    assert_eq!(person.credits().await, 4, "a credit is held");
    (person, said)
}

async fn column(sandbox: &Sandbox, name: &str, message: &MessageId) -> String {
    let statement = format!("select {name} from wa.receipt where message_id = $1");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .bind(message.as_str())
        .fetch_one(&sandbox.pool)
        .await
        .unwrap()
}

/// Redis loses everything that it knew.
async fn is_flushed(sandbox: &Sandbox) {
    redis::cmd("FLUSHDB").query_async::<()>(&mut redis(sandbox).await).await.unwrap();
}

/// Redis loses the conversation of this message.
async fn is_lost(sandbox: &Sandbox, said: &Said) {
    let lane = column(sandbox, "lane", &said.id).await;
    let mut command = redis::cmd("DEL");
    command.arg(format!("{{wa:0}}lane:{lane}"));
    assert_eq!(command.query_async::<i64>(&mut redis(sandbox).await).await.unwrap(), 1);
}

/// The person is told once, has the credit back once, and however often the sweep comes by, nothing more happens.
async fn told_once(sandbox: &Sandbox, person: &Person, said: &Said) {
    let apology = person.hears().await;
    assert!(apology.starts_with("😕 Je n’ai pas réussi"), "{apology}");
    sandbox.is_quiet().await;
    sandbox.clock.advance(AGES);
    let told = column(sandbox, "detail", &said.id).await;
    assert!(told.starts_with("found by the sweep"), "{told}");
    assert_eq!((person.credits().await, person.charges().await, person.generations().await), (5, (1, 1), 0));
    assert_eq!(person.has_heard().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_its_queue_gave_up_is_refunded_and_apologised_for() {
    for provider in Provider::ALL {
        run_without_worker(&GROUND, async |sandbox| {
            let (alice, said) = begun(sandbox, provider, "hold.done").await;
            let lane = column(sandbox, "lane", &said.id).await;
            // Nine workers died over it before; nobody comes to apologise for the tenth.
            let mut command = redis::cmd("HSET");
            command.arg("{wa:0}lost").arg(&lane).arg(9);
            command.query_async::<()>(&mut redis(sandbox).await).await.unwrap();
            sandbox.clock.advance(AGES);
            sandbox.starts_worker();
            told_once(sandbox, &alice, &said).await;
            assert_eq!(sandbox.dead_letters().await, ["its workers kept dying"]);
            let desk = Desk::open(Env::from_values(sandbox.variables.clone())).unwrap();
            let story = explain(&desk, said.id.as_str(), false).await.unwrap().to_string();
            for expected in ["credit held", "ended: failed", "credit refunded", "accepted by the provider"] {
                assert!(story.contains(expected), "{expected} is not in\n{story}");
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_redis_lost_are_refunded_once_however_many_sweep() {
    for provider in Provider::ALL {
        run_without_worker(&GROUND, async |sandbox| {
            let (alice, hers) = begun(sandbox, provider, "hold.done").await;
            is_lost(sandbox, &hers).await;
            let (bob, his) = begun(sandbox, provider, "intent.recorded").await;
            is_flushed(sandbox).await;
            sandbox.clock.advance(AGES);
            sandbox.starts_worker();
            sandbox.starts_worker();
            told_once(sandbox, &alice, &hers).await;
            told_once(sandbox, &bob, &his).await;
        })
        .await;
    }
}

/// The account that the brief was charged to is gone when the sweep comes; its names are the other one's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_linked_the_number_meanwhile_hears_of_the_refund() {
    for provider in Provider::ALL {
        run_without_worker(&GROUND, async |sandbox| {
            let (alice, said) = begun(sandbox, provider, "hold.done").await;
            is_lost(sandbox, &said).await;
            let (gone, mine) = (alice.account().await, web(&sandbox.pool, "web").await);
            let linked = link(&sandbox.pool, &mine, alice.number(), sandbox.clock.now()).await;
            assert_eq!(linked, Linked::Linked { merged: Some(gone) });
            let left = alice.credits().await;
            sandbox.clock.advance(AGES);
            sandbox.starts_worker();
            let apology = alice.hears().await;
            assert!(apology.starts_with("😕 Je n’ai pas réussi"), "{apology}");
            sandbox.is_quiet().await;
            assert_eq!((alice.credits().await, alice.has_heard().len()), (left + 1, 1));
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweeper_that_dies_before_it_asks_for_the_apology_is_followed_by_another() {
    run_without_worker(&GROUND, async |sandbox| {
        let (alice, said) = begun(sandbox, Provider::Meta, "hold.done").await;
        is_flushed(sandbox).await;
        let dies = [("POSTLY_FAULT", "sweep.committed"), ("POSTLY_HURRY", "on")];
        sandbox.worker_process(&dies).ended(PATIENCE).await.unwrap();
        assert_eq!((alice.credits().await, alice.has_heard()), (5, vec![]));
        sandbox.clock.advance(AGES);
        sandbox.starts_worker();
        told_once(sandbox, &alice, &said).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_that_were_written_and_lost_on_their_way_arrive_after_all() {
    run_without_worker(&GROUND, async |sandbox| {
        let (alice, _) = begun(sandbox, Provider::Twilio, "reply.stored").await;
        is_flushed(sandbox).await;
        sandbox.clock.advance(AGES);
        sandbox.starts_worker();
        assert!(alice.hears().await.contains("*3.* "));
        sandbox.is_quiet().await;
        assert_eq!((alice.charges().await, alice.has_heard().len()), ((1, 0), 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_waits_in_its_lane_is_left_alone_however_old() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        let bob = sandbox.person(Provider::Meta).with_credits(5).await;
        sandbox.stage.openai.hold();
        let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", "hold.done:2")]);
        let hers = alice.says(BRIEF).await;
        sandbox.stage.openai.wait_calls(1, PATIENCE).await.unwrap();
        let his = bob.says(BRIEF).await;
        doomed.ended(PATIENCE).await.unwrap();
        sandbox.stage.openai.release();
        sandbox.queue.pause().await.unwrap();
        is_lost(sandbox, &his).await;
        sandbox.clock.advance(AGES);
        sandbox.starts_worker();
        // Hers is older, so it was looked at before his.
        until("the sweep", async || column(sandbox, "state", &his.id).await == "failed").await;
        assert_eq!(column(sandbox, "state", &hers.id).await, "started");
        sandbox.queue.resume().await.unwrap();
        assert!(alice.hears().await.contains("*3.* "));
        told_once(sandbox, &bob, &his).await;
        assert_eq!((alice.charges().await, alice.has_heard().len()), ((1, 0), 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_is_just_under_way_is_left_alone() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        sandbox.stage.openai.fails_next(3, OpenAiFault::Overloaded503);
        let hers = alice.says(BRIEF).await;
        assert!(alice.hears().await.starts_with("😕"));
        sandbox.has_dead_letters(1).await;
        sandbox.stops_workers().await;
        let (bob, his) = begun(sandbox, Provider::Meta, "hold.done").await;
        is_lost(sandbox, &his).await;
        sandbox.clock.advance(AGES);
        // An operator has opened it again, and the letter is still among the dead.
        let now = sandbox.clock.now();
        assert!(receipt::reopen(&sandbox.pool, &hers.id, now).await.unwrap());
        sandbox.starts_worker();
        assert!(bob.hears().await.starts_with("😕"));
        assert_eq!(column(sandbox, "state", &hers.id).await, "started");
        let desk = Desk::open(Env::from_values(sandbox.variables.clone())).unwrap();
        let letters = dead::find(&desk, &Filter::default(), 10, now).await.unwrap();
        let replayed = deed::replay(&desk, &letters[0], &crate::author(), sandbox.clock.now()).await.unwrap();
        assert_eq!(replayed, Replayed::Queued);
        assert!(alice.hears().await.contains("*3.* "));
        assert_eq!((alice.credits().await, alice.charges().await), (5, (1, 1)));
    })
    .await;
}

/// An operator's machine died between opening a message and moving it: its person knows of no replay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_never_came_to_its_lane_ends_again_in_silence() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Twilio).with_credits(5).await;
        sandbox.stage.openai.fails_next(3, OpenAiFault::Overloaded503);
        let hers = alice.says(BRIEF).await;
        assert!(alice.hears().await.starts_with("😕"));
        sandbox.has_dead_letters(1).await;
        sandbox.clock.advance(AGES);
        assert!(receipt::reopen(&sandbox.pool, &hers.id, sandbox.clock.now()).await.unwrap());
        sandbox.clock.advance(AGES);
        until("the sweep", async || column(sandbox, "state", &hers.id).await == "failed").await;
        sandbox.is_quiet().await;
        assert_eq!((alice.has_heard().len(), alice.credits().await, alice.charges().await), (1, 5, (1, 1)));
    })
    .await;
}
