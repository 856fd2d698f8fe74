//! Paces and pauses, shared by everybody who has the same Redis.

use std::time::Duration;

use sandbox::conversation::BareQueue;
use sha2::{Digest, Sha256};
use shared::message::{Address, Provider};
use shared::queue::{Hold, Pace, QueueSettings, Route, Turn};
use shared::vault::{MasterKey, Vault};

use super::on_a_bare_queue;
use crate::until;

const HOUR: Duration = Duration::from_hours(1);
const NOW: Turn = Turn::Go { after: Duration::ZERO, probe: false };

/// Three to a person and five of the number at once, and then one an hour.
const SLOW: Pace = Pace {
    pair_every: HOUR,
    pair_burst: 3,
    number_every: HOUR,
    number_burst: 5,
    worth: Duration::from_millis(1),
    probe: HOUR,
};

fn address(who: &str) -> Address {
    Address::Bsuid(who.to_owned())
}

fn to(address: &Address) -> Route<'_> {
    Route { provider: Provider::Meta, business: "1098", address }
}

/// A vault of these master keys, of which the first seals.
fn vault(masters: &[&str]) -> Vault {
    Vault::new(masters.iter().filter_map(|key| MasterKey::read(&(*key).to_owned().into())).collect())
}

/// How long to wait for what.
fn later(turn: Turn) -> (Duration, Hold) {
    match turn {
        Turn::Later { after, hold } => (after, hold),
        Turn::Go { .. } => panic!("{turn:?}"),
    }
}

fn is_about(duration: Duration, expected: Duration) {
    assert!(duration <= expected && duration > expected.mul_f64(0.9), "{duration:?}, not {expected:?}");
}

/// The keys of paces, each of which must vanish by itself.
async fn keys(bare: &mut BareQueue) -> Vec<String> {
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("{wa:0}pace:*").query_async(&mut bare.redis).await.unwrap();
    for key in &keys {
        let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut bare.redis).await.unwrap();
        assert!(left > 0, "{key}: {left}");
        assert!(!key.contains("alice"), "{key} names somebody");
    }
    keys
}

#[tokio::test]
async fn a_burst_borrows_from_the_future_and_workers_share_it() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let (alice, bob, other) = (address("alice"), address("bob"), bare.elsewhere());
        for queue in [&bare.queue, &other, &bare.queue] {
            assert_eq!(queue.turn(to(&alice), 1, &SLOW).await.unwrap(), NOW);
        }
        let (after, hold) = later(other.turn(to(&alice), 1, &SLOW).await.unwrap());
        assert_eq!(hold, Hold::Pair);
        is_about(after, HOUR);
        // The other one, and another number of ours, have lent nothing.
        assert_eq!(other.turn(to(&bob), 1, &SLOW).await.unwrap(), NOW);
        let elsewhere = Route { business: "1099", ..to(&alice) };
        assert_eq!(other.turn(elsewhere, 1, &SLOW).await.unwrap(), NOW);
        keys(bare).await;
    })
    .await;
}

/// Numbers are few enough to try them all: whoever reads Redis needs the key as well. Everybody who has it keeps the same pace,
/// also while a new one takes the place of an old one.
#[tokio::test]
async fn whose_pace_it_is_can_be_found_out_by_nobody_without_the_key() {
    let (old, new) =
        ("b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE=", "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE=");
    let under = |masters: &[&str]| QueueSettings { vault: Some(vault(masters)), ..QueueSettings::default() };
    on_a_bare_queue(under(&[old]), async |bare| {
        let alice = Address::Phone("+33639980123".parse().unwrap());
        for queue in [&bare.queue, &bare.elsewhere(), &bare.with(under(&[new, old]))] {
            assert_eq!(queue.turn(to(&alice), 1, &SLOW).await.unwrap(), NOW);
        }
        assert_eq!(later(bare.queue.turn(to(&alice), 1, &SLOW).await.unwrap()).1, Hold::Pair);
        let keys = keys(bare).await;
        let whose: Vec<&String> = keys.iter().filter(|key| key.contains("pace:pair")).collect();
        assert_eq!(whose.len(), 1, "{keys:?}");
        let tried = hex::encode(&Sha256::digest("meta\n1098\n+33639980123")[..16]);
        assert!(!whose[0].contains(&tried) && !whose[0].contains("639980123"), "{whose:?}");
    })
    .await;
}

#[tokio::test]
async fn a_turn_is_taken_of_both_paces_or_of_none() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let (alice, bob, carol) = (address("alice"), address("bob"), address("carol"));
        for _ in 0..3 {
            assert_eq!(bare.queue.turn(to(&alice), 1, &SLOW).await.unwrap(), NOW);
        }
        // What a person may not be sent does not count for the number …
        for _ in 0..10 {
            assert_eq!(later(bare.queue.turn(to(&alice), 1, &SLOW).await.unwrap()).1, Hold::Pair);
        }
        for _ in 0..2 {
            assert_eq!(bare.queue.turn(to(&bob), 1, &SLOW).await.unwrap(), NOW);
        }
        let before = keys(bare).await.len();
        // … and what the number may not send does not count for the person. Each is told a moment of their own.
        for place in 1..=3 {
            let (after, hold) = later(bare.queue.turn(to(&carol), 1, &SLOW).await.unwrap());
            assert_eq!(hold, Hold::Number);
            is_about(after, HOUR * place);
        }
        assert_eq!(keys(bare).await.len(), before);
    })
    .await;
}

#[tokio::test]
async fn a_short_wait_is_told_with_the_turn_taken() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let alice = address("alice");
        let pace = Pace { pair_burst: 1, worth: HOUR * 2, ..SLOW };
        assert_eq!(bare.queue.turn(to(&alice), 1, &pace).await.unwrap(), NOW);
        for place in 1..=2 {
            let Turn::Go { after, probe: false } = bare.queue.turn(to(&alice), 1, &pace).await.unwrap()
            else {
                panic!("a wait that is worth it");
            };
            is_about(after, HOUR * place);
        }
        is_about(later(bare.queue.turn(to(&alice), 1, &pace).await.unwrap()).0, HOUR * 3);
    })
    .await;
}

#[tokio::test]
async fn what_a_provider_finds_too_fast_is_slowed_down_for_everybody() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let (alice, bob, other) = (address("alice"), address("bob"), bare.elsewhere());
        bare.queue.crowded_pair(to(&alice), &SLOW, HOUR / 2).await.unwrap();
        let (after, hold) = later(other.turn(to(&alice), 1, &SLOW).await.unwrap());
        is_about(after, HOUR / 2);
        assert_eq!((hold, other.turn(to(&bob), 1, &SLOW).await.unwrap()), (Hold::Pair, NOW));
        // It never makes a pace faster.
        bare.queue.crowded_pair(to(&alice), &SLOW, Duration::ZERO).await.unwrap();
        is_about(later(other.turn(to(&alice), 1, &SLOW).await.unwrap()).0, HOUR / 2);
        bare.queue.crowded_number(to(&alice), &SLOW, HOUR / 2).await.unwrap();
        let (after, hold) = later(other.turn(to(&bob), 1, &SLOW).await.unwrap());
        is_about(after, HOUR / 2);
        assert_eq!(hold, Hold::Number);
        keys(bare).await;
    })
    .await;
}

#[tokio::test]
async fn a_paused_number_sends_nothing_and_is_paused_once() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let (alice, other) = (address("alice"), bare.elsewhere());
        assert!(bare.queue.hold(to(&alice), HOUR, false).await.unwrap());
        assert!(!other.hold(to(&alice), HOUR * 2, false).await.unwrap());
        let (after, hold) = later(other.turn(to(&alice), 1, &SLOW).await.unwrap());
        is_about(after, HOUR);
        assert_eq!(hold, Hold::Paused);
        let elsewhere = Route { provider: Provider::Twilio, ..to(&alice) };
        assert_eq!(other.turn(elsewhere, 1, &SLOW).await.unwrap(), NOW);
        assert_eq!(
            other.standing().await.unwrap().paused,
            [1, 0],
            "one of Meta's, however often it was paused"
        );
        // Only a probe ends it.
        assert!(!other.release(to(&alice), 1, true).await.unwrap());
        assert_eq!(later(other.turn(to(&alice), 1, &SLOW).await.unwrap()).1, Hold::Paused);
        keys(bare).await;
    })
    .await;
}

/// Waits until a pause is over, and takes the turn of its probe.
async fn probes(bare: &BareQueue, pace: &Pace) {
    until("a probe", async || {
        let turn = bare.queue.turn(to(&address("alice")), 1, pace).await.unwrap();
        matches!(turn, Turn::Go { probe: true, .. })
    })
    .await;
}

#[tokio::test]
async fn after_a_pause_one_message_probes() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let (alice, bob) = (address("alice"), address("bob"));
        let pace = Pace { pair_burst: 100, number_burst: 100, ..SLOW };
        let moment = Duration::from_millis(30);
        assert!(bare.queue.hold(to(&alice), moment, false).await.unwrap());
        probes(bare, &pace).await;
        for _ in 0..3 {
            let (after, hold) = later(bare.queue.turn(to(&bob), 1, &pace).await.unwrap());
            assert!(hold == Hold::Paused && after <= Duration::from_secs(1), "{after:?}");
        }
        // It failed as well: a new pause, which is told again, and of which that probe says nothing any more.
        assert!(bare.queue.hold(to(&alice), moment, false).await.unwrap());
        assert!(!bare.queue.release(to(&alice), 1, false).await.unwrap());
        probes(bare, &pace).await;
        assert_eq!(bare.queue.standing().await.unwrap().paused, [1, 0]);
        assert!(bare.queue.release(to(&alice), 1, false).await.unwrap());
        assert_eq!(bare.queue.standing().await.unwrap().paused, [0, 0]);
        assert_eq!(bare.queue.turn(to(&bob), 1, &pace).await.unwrap(), NOW);
        // A probe whose worker died is followed by another.
        assert!(bare.queue.hold(to(&alice), moment, false).await.unwrap());
        let dies = Pace { probe: moment, ..pace };
        probes(bare, &dies).await;
        probes(bare, &dies).await;
        keys(bare).await;
    })
    .await;
}

#[tokio::test]
async fn a_trouble_that_only_reports_tell_of_ends_with_a_report() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let alice = address("alice");
        assert!(bare.queue.hold(to(&alice), Duration::from_millis(1), true).await.unwrap());
        probes(bare, &SLOW).await;
        assert!(!bare.queue.release(to(&alice), 1, false).await.unwrap(), "being taken says nothing");
        assert_eq!(later(bare.queue.turn(to(&alice), 1, &SLOW).await.unwrap()).1, Hold::Paused);
        // What left before the pause arrives now, and says nothing about it.
        assert!(!bare.queue.release(to(&alice), 2, true).await.unwrap());
        assert_eq!(later(bare.queue.turn(to(&alice), 1, &SLOW).await.unwrap()).1, Hold::Paused);
        assert!(bare.queue.release(to(&alice), 1, true).await.unwrap());
        assert_eq!(bare.queue.turn(to(&alice), 1, &SLOW).await.unwrap(), NOW);
    })
    .await;
}
