//! Workers die, stop, freeze and come back, at every point of a message's path. The answer comes, once, for one
//! credit, and no step of the model that was recorded is paid for again.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use nix::sys::signal::Signal;
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::{PATIENCE, Person};
use sandbox::simulators::receipts::Statuses;
use serde_json::json;
use shared::fault::POINTS;
use shared::message::Provider;
use tokio::net::TcpStream;

use crate::{GROUND, until};

const BRIEF: &str = "Crée un post promo pour Instagram";

/// Processes that start at the same time share two cores, and none of them may seem to hang because of it.
const DYING_AT_ONCE: usize = 6;

/// Somebody sends a brief, its worker dies at this point, and another worker comes.
async fn dies_at(sandbox: &mut Sandbox, provider: Provider, point: &str) -> Person {
    let alice = sandbox.person(provider).with_credits(5).await;
    let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point)]);
    alice.says(BRIEF).await;
    let ended = doomed.ended(PATIENCE).await.unwrap();
    assert_eq!(ended.signal(), Some(Signal::SIGABRT as i32), "nobody came by {point}");
    sandbox.starts_worker();
    sandbox.is_quiet().await;
    alice
}

/// So many times the same answer was heard, and it was charged and written down once.
async fn answered(person: &Person, times: usize, what: &str) {
    let heard = person.has_heard();
    assert_eq!(heard.len(), times, "{what}: {heard:?}");
    assert!(heard.iter().all(|answer| answer.contains("*3.* ") && *answer == heard[0]), "{what}: {heard:?}");
    let books = (person.credits().await, person.charges().await, person.generations().await);
    assert_eq!(books, (4, (1, 0), 1), "{what}");
}

/// Every point through Meta; through Twilio those where its own words matter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_anywhere_costs_nothing() {
    let through_twilio = POINTS.iter().filter(|point| point.starts_with("send."));
    let points = POINTS.iter().map(|point| (Provider::Meta, point));
    let points = points.chain(through_twilio.map(|point| (Provider::Twilio, point)));
    let dies = points.map(|(provider, point)| {
        run_without_worker(&GROUND, async move |sandbox: &mut Sandbox| {
            let alice = dies_at(sandbox, provider, point).await;
            answered(&alice, 1, point).await;
            // What was paid and not yet recorded is paid once more; nothing else is.
            let calls = if point.split('.').next_back() == Some("paid") { 4 } else { 3 };
            assert_eq!(sandbox.stage.openai.calls().len(), calls, "{point}");
        })
    });
    stream::iter(dies).for_each_concurrent(DYING_AT_ONCE, |dies| dies).await;
}

/// Dying around a send, while reports come late, several times, backwards, or never. Only in the last case does
/// nobody know better than to send once more: heard twice by the one who had heard it, and no more than twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_nobody_saw_end_is_settled_by_its_report() {
    let late = Statuses::Delayed(Duration::from_secs(3));
    let cases = [
        (Provider::Meta, "send.accepted", late, 1),
        (Provider::Twilio, "send.accepted", late, 1),
        (Provider::Twilio, "send.recorded", late, 1),
        (Provider::Meta, "send.accepted", Statuses::Duplicated, 1),
        (Provider::Twilio, "send.accepted", Statuses::OutOfOrder, 1),
        (Provider::Meta, "send.marked", Statuses::Never, 1),
        (Provider::Meta, "send.accepted", Statuses::Never, 2),
        (Provider::Twilio, "send.accepted", Statuses::Never, 2),
        (Provider::Meta, "send.recorded", Statuses::Never, 1),
    ];
    join_all(cases.map(|(provider, point, statuses, heard)| {
        run_without_worker(&GROUND, async move |sandbox: &mut Sandbox| {
            if statuses == late {
                sandbox.patience.unknown_deadline = Duration::from_secs(25);
            }
            sandbox.stage.statuses(statuses);
            let alice = dies_at(sandbox, provider, point).await;
            answered(&alice, heard, &format!("{point}, {statuses:?}")).await;
        })
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_while_the_model_thinks_is_replaced() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        sandbox.stage.openai.hold_only("posts");
        let mut killed = sandbox.worker_process(&[]);
        alice.says(BRIEF).await;
        sandbox.stage.openai.wait_calls(3, PATIENCE).await.unwrap();
        killed.signal(Signal::SIGKILL);
        killed.ended(PATIENCE).await.unwrap();
        sandbox.stage.openai.release();
        sandbox.starts_worker();
        sandbox.is_quiet().await;
        answered(&alice, 1, "killed").await;
        assert_eq!(sandbox.stage.openai.calls().len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_asked_to_stop_finishes_what_it_has_and_takes_no_more() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        let bob = sandbox.person(Provider::Twilio).with_credits(5).await;
        sandbox.stage.openai.hold();
        let mut stopped = sandbox.worker_process(&[]);
        alice.says(BRIEF).await;
        sandbox.stage.openai.wait_calls(1, PATIENCE).await.unwrap();
        stopped.signal(Signal::SIGTERM);
        let admin = stopped.admin_url().trim_start_matches("http://").to_owned();
        until("the end of it", async || TcpStream::connect(&admin).await.is_err()).await;
        bob.says(BRIEF).await;
        sandbox.stage.openai.release();
        let ended = stopped.ended(PATIENCE).await.unwrap();
        assert!(ended.success(), "{ended}");
        answered(&alice, 1, "stopped").await;
        assert_eq!((sandbox.stage.openai.calls().len(), bob.has_heard()), (3, vec![]));
        sandbox.starts_worker();
        sandbox.is_quiet().await;
        answered(&bob, 1, "left for the next").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_wakes_up_after_its_lease_changes_nothing() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        sandbox.stage.openai.hold_only("posts");
        let mut zombie = sandbox.worker_process(&[]);
        alice.says(BRIEF).await;
        sandbox.stage.openai.wait_calls(3, PATIENCE).await.unwrap();
        zombie.signal(Signal::SIGSTOP);
        sandbox.starts_worker();
        sandbox.stage.openai.wait_calls(4, PATIENCE).await.unwrap();
        sandbox.stage.openai.release();
        sandbox.is_quiet().await;
        zombie.signal(Signal::SIGCONT);
        zombie.signal(Signal::SIGTERM);
        assert!(zombie.ended(PATIENCE).await.unwrap().success());
        sandbox.is_quiet().await;
        answered(&alice, 1, "zombie").await;
        assert_eq!(sandbox.stage.openai.calls().len(), 4);
    })
    .await;
}

/// What Redis does to leases that expire, now: who holds one does not know until the next renewal, which here is
/// ten seconds away.
async fn leases_expire(sandbox: &Sandbox) {
    let client = redis::Client::open(sandbox.variables["REDIS_URL"].as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let lanes: Vec<String> = redis::cmd("HKEYS").arg("{wa:0}fence").query_async(&mut redis).await.unwrap();
    let mut change = redis::pipe();
    change.atomic();
    for lane in &lanes {
        change.cmd("HDEL").arg("{wa:0}fence").arg(lane).ignore();
        change.cmd("ZREM").arg("{wa:0}leased").arg(lane).ignore();
        change.cmd("ZADD").arg("{wa:0}ready").arg(0).arg(lane).ignore();
        change.cmd("LPUSH").arg("{wa:0}wake").arg(1).ignore();
    }
    change.query_async::<()>(&mut redis).await.unwrap();
}

async fn two_at_once(provider: Provider) {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.variables.insert("LEASE_SECONDS".to_owned(), "30".to_owned());
        sandbox.starts_worker();
        let people = join_all((0..4).map(|_| async { sandbox.person(provider).with_credits(5).await })).await;
        sandbox.stage.openai.hold_only("posts");
        join_all(people.iter().map(|person| person.says(BRIEF))).await;
        sandbox.stage.openai.wait_calls_of("posts", 4, PATIENCE).await.unwrap();
        leases_expire(sandbox).await;
        sandbox.stage.openai.wait_calls_of("posts", 8, PATIENCE).await.unwrap();
        // Both have the model's answer at the same moment, and neither knows of the other.
        sandbox.stage.openai.release();
        sandbox.is_quiet().await;
        sandbox.stops_workers().await;
        for person in &people {
            answered(person, 1, "two at once").await;
        }
        // The same around a send: both have it before them, one is sending it.
        sandbox.stage.openai.hold_only("posts");
        sandbox.starts_worker();
        join_all(people.iter().map(|person| person.says(BRIEF))).await;
        sandbox.stage.openai.wait_calls_of("posts", 12, PATIENCE).await.unwrap();
        sandbox.stage.meta.slow(Duration::from_millis(300));
        sandbox.stage.twilio.slow(Duration::from_millis(300));
        sandbox.stage.openai.release();
        until("four sends", async || sending(sandbox).await == 4).await;
        leases_expire(sandbox).await;
        sandbox.is_quiet().await;
        sandbox.stops_workers().await;
        for person in &people {
            assert_eq!((person.has_heard().len(), person.charges().await), (2, (2, 0)), "two senders");
        }
    })
    .await;
}

/// How many sends have begun and not ended.
async fn sending(sandbox: &Sandbox) -> i64 {
    sqlx::query_scalar("select count(*) from wa.outbox where state = 'sending'")
        .fetch_one(&sandbox.pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_with_the_same_message_answer_once_through_meta() {
    two_at_once(Provider::Meta).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_with_the_same_message_answer_once_through_twilio() {
    two_at_once(Provider::Twilio).await;
}

/// Starts workers that die at this point, one after the other, until three have died; the fourth is the same and
/// lives, since the message is given up before it gets there.
async fn kills_three(sandbox: &Sandbox, point: &str) {
    let deadly = [("POSTLY_FAULT", point), ("RUST_LOG", "worker=trace,shared=trace")];
    for _ in 0..3 {
        let ended = sandbox.worker_process(&deadly).ended(PATIENCE).await.unwrap();
        assert_eq!(ended.signal(), Some(Signal::SIGABRT as i32));
    }
}

/// It would never take another message, and nobody but itself can notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_loops_stand_still_ends_for_another_to_be_started() {
    join_all(["fetch", "renew"].map(|name| {
        run_without_worker(&GROUND, async move |sandbox: &mut Sandbox| {
            let alice = sandbox.person(Provider::Meta).with_credits(5).await;
            let mut stuck = sandbox.worker_process(&[("POSTLY_STUCK", name), ("POSTLY_HURRY", "on")]);
            alice.says(BRIEF).await;
            assert_eq!(stuck.ended(PATIENCE * 2).await.unwrap().code(), Some(70), "{name}");
            sandbox.starts_worker();
            sandbox.is_quiet().await;
            // That it takes longer may have been told beside it.
            let answers = alice.has_heard().iter().filter(|heard| heard.contains("*3.* ")).count();
            assert_eq!((answers, alice.credits().await), (1, 4), "{name}");
        })
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_kills_its_workers_is_given_up_with_an_apology() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.log = sandbox.log.with_file_name("test-poison.log");
        let _ = std::fs::remove_file(&sandbox.log);
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        alice.says("Un brief fatal sur les xylophones").await;
        kills_three(sandbox, "intent.paid").await;
        let mut survivor = sandbox.worker_process(&[("POSTLY_FAULT", "intent.paid")]);
        let apology = alice.hears().await;
        assert!(apology.starts_with("😕 Je n’ai pas réussi"), "{apology}");
        sandbox.is_quiet().await;
        survivor.signal(Signal::SIGTERM);
        assert!(survivor.ended(PATIENCE).await.unwrap().success());
        assert_eq!((alice.credits().await, alice.charges().await, alice.generations().await), (5, (1, 1), 0));
        assert_eq!(sandbox.dead_letters().await, ["its workers kept dying"]);
        let log = std::fs::read_to_string(&sandbox.log).unwrap();
        assert!(log.contains("postly-worker has started"));
        for personal in ["xylophone", "639980", "Camille"] {
            assert!(!log.contains(personal), "a log names {personal}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reaction_that_kills_its_workers_is_given_up_in_silence() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        let phone = alice.meta();
        phone.message("reaction", &json!({"message_id": "wamid.X", "emoji": "👍"})).await;
        kills_three(sandbox, "job.leased").await;
        sandbox.starts_worker();
        sandbox.has_dead_letters(1).await;
        assert_eq!((alice.has_heard(), alice.charges().await), (vec![], (0, 0)));
    })
    .await;
}

/// It was answered; only its lease never came to an end. That is nobody's failure to be told of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answered_message_is_no_dead_letter_however_many_workers_die_after_it() {
    run_without_worker(&GROUND, async |sandbox| {
        // Reports are jobs too, and would die in its place.
        sandbox.stage.statuses(Statuses::Never);
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        alice.says(BRIEF).await;
        kills_three(sandbox, "job.ended").await;
        sandbox.starts_worker();
        sandbox.has_dead_letters(0).await;
        answered(&alice, 1, "died after the answer").await;
    })
    .await;
}
