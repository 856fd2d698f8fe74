//! Answers leave at the pace that WhatsApp asks for, so that it never has to complain: the simulators enforce it.

use std::time::Duration;

use futures_util::future::join_all;
use sandbox::conversation::Sandbox;
use sandbox::person::Person;
use shared::message::Provider;

use super::{refusals, somebody};

/// From now on the paces are these, for us and for whoever enforces them, and two workers keep them.
async fn at_the_pace(sandbox: &mut Sandbox, pair_every: Duration) {
    sandbox.stops_workers().await;
    sandbox.patience.pair_every = pair_every;
    sandbox.stage.meta.limits_pairs(pair_every);
    sandbox.stage.twilio.limits_pairs(pair_every);
    sandbox.starts_worker();
    sandbox.starts_worker();
}

/// How often a provider had to complain, at once or later.
async fn complaints(sandbox: &Sandbox, provider: Provider) -> i64 {
    sandbox.is_quiet().await;
    let refused: i64 = sqlx::query_scalar(
        "select count(*) from wa.outbox where refusals > 0 or error_code is not null or state = 'failed'",
    )
    .fetch_one(&sandbox.pool)
    .await
    .unwrap();
    refused + i64::try_from(refusals(sandbox, provider).len()).unwrap()
}

async fn a_hundred_quick_messages_are_answered_in_order(sandbox: &mut Sandbox, provider: Provider) {
    // Slower than the answers are made, so that the pace is what they wait for.
    at_the_pace(sandbox, Duration::from_millis(150)).await;
    let (alice, bob) = (somebody(sandbox, provider).await, somebody(sandbox, provider).await);
    for number in 0..100 {
        alice.says(if number % 2 == 0 { "solde" } else { "langue" }).await;
    }
    bob.says("solde").await;
    assert!(bob.hears().await.contains("5 crédits"));
    assert!(alice.has_heard().len() < 100, "bob has not waited for alice");
    for number in 0..100 {
        let heard = alice.hears().await;
        assert_eq!(heard.starts_with("💳"), number % 2 == 0, "the {number}. answer is {heard}");
    }
    assert_eq!(complaints(sandbox, provider).await, 0);
}

/// A wait that is long is spent in the lane: it takes no slot, counts as no attempt, and holds nobody else up.
async fn a_long_wait_is_no_attempt_and_takes_no_slot(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.patience.pair_burst = 1;
    at_the_pace(sandbox, Duration::from_secs(3)).await;
    // More people than the two workers have slots.
    let crowd = join_all((0..18).map(|_| somebody(sandbox, provider))).await;
    let bob = somebody(sandbox, provider).await;
    // Of each: when the first word was said, which is before its answer had its turn.
    let said = join_all(crowd.iter().map(async |person| {
        let at = sandbox.clock.now();
        for _ in 0..2 {
            person.says("solde").await;
        }
        at
    }))
    .await;
    bob.says("solde").await;
    bob.hears().await;
    let answered: usize = crowd.iter().map(|person| person.has_heard().len()).sum();
    assert!(answered < 36, "bob has not waited for the others");
    for (person, said) in crowd.iter().zip(said) {
        for _ in 0..2 {
            person.hears().await;
        }
        let second = person.screen()[1].at - said;
        // But for the thousandth of a second that Redis rounds by.
        assert!(second.num_milliseconds() >= 2_999, "{second}");
    }
    assert_eq!(complaints(sandbox, provider).await, 0);
    let again: i64 = sqlx::query_scalar("select count(*) from wa.receipt where attempts > 1")
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
    assert_eq!(again, 0);
    let waits: i64 = sqlx::query_scalar("select coalesce(sum(runs - 1), 0)::int8 from wa.attempt")
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
    assert!(waits > 0, "nobody was sent back to wait");
}

crate::for_each_provider! {
    hundred => super::a_hundred_quick_messages_are_answered_in_order;
    long => super::a_long_wait_is_no_attempt_and_takes_no_slot;
}

/// Forty people at once, and a number that may send twenty messages in a second. What is left between that and our pace is
/// for a machine that is busy: messages that leave one after the other may arrive together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_leaves_no_faster_than_the_number_may_send() {
    sandbox::conversation::run_without_worker(&crate::GROUND, async |sandbox| {
        sandbox.variables.insert("META_MESSAGES_PER_SECOND".into(), "16".into());
        sandbox.stage.meta.limits_throughput(20);
        sandbox.starts_worker();
        sandbox.starts_worker();
        let crowd = join_all((0..40).map(|_| somebody(sandbox, Provider::Meta))).await;
        join_all(crowd.iter().map(|person| person.says("solde"))).await;
        join_all(crowd.iter().map(Person::hears)).await;
        assert_eq!(complaints(sandbox, Provider::Meta).await, 0);
    })
    .await;
}
