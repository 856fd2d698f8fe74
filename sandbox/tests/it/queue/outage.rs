//! Redis forgets its scripts, is killed, freezes, falls silent, turns read-only, or is not there at all.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use sandbox::conversation::BareQueue;
use sandbox::servers::{Options, Servers};
use shared::clock::Clock;
use shared::queue::{Enqueued, QueueSettings, Restored, Settlement, Verdict};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::hands::{Hand, handler};
use super::{id, message, say, the_one, until, until_idle};

/// A Redis that a test may harm. No Postgres.
pub(crate) async fn a_redis() -> Servers {
    Servers::start(only_redis()).await.unwrap()
}

pub(super) fn only_redis() -> Options {
    let options = Options::tests(PathBuf::from(env!("CARGO_BIN_EXE_sandbox")));
    Options { database_url: Some("postgres://nowhere".to_owned()), redis_url: None, ..options }
}

#[tokio::test]
async fn every_script_survives_being_forgotten() {
    // On a Redis of its own: the others would be forgotten too.
    let servers = a_redis().await;
    let mut bare = BareQueue::open(&servers.redis_url, QueueSettings::default()).await;
    let queue = bare.elsewhere();
    let mut redis = bare.redis.clone();
    let mut forget = async || redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut redis).await.unwrap();
    forget().await;
    say(&queue, &[("alice", "1")]).await;
    forget().await;
    let leased = the_one(&queue, "one").await;
    forget().await;
    assert_eq!(queue.renew(std::slice::from_ref(&leased.lease)).await.unwrap(), [true]);
    forget().await;
    assert_eq!(queue.recover("one", std::slice::from_ref(&leased.lease)).await.unwrap(), 0);
    forget().await;
    assert_eq!(queue.figures().await.unwrap().leased, 1);
    forget().await;
    assert_eq!(queue.set_aside(&message("a", "2").id, "why", b"").await.unwrap(), Enqueued::Queued);
    forget().await;
    assert_eq!(queue.restore(&[message("bob", "3")]).await.unwrap(), [Restored::Settled]);
    forget().await;
    let dead = queue.dead_letters(None, 1).await.unwrap().remove(0);
    assert!(queue.discard(&dead.id).await.unwrap() && !queue.replay(&dead.id).await.unwrap());
    forget().await;
    let done = Settlement { lease: leased.lease, verdict: Verdict::Done };
    assert_eq!(queue.settle(&[done]).await.unwrap(), [true]);
    bare.is_sound().await;
    servers.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_done_twice_when_redis_is_killed_and_comes_back() {
    const SENDERS: usize = 6;
    const EACH: usize = 150;
    let servers = a_redis().await;
    let settings = QueueSettings {
        lease: Duration::from_secs(10),
        patience: Duration::from_secs(1),
        ..Default::default()
    };
    let mut bare = BareQueue::open(&servers.redis_url, settings).await;
    let handled = Arc::new(Mutex::new(Vec::<(String, u32, u32)>::new()));
    let hands: Vec<Hand> = (0..2)
        .map(|_| {
            let handled = handled.clone();
            let record = handler(move |assignment| {
                let entry = (id(&assignment.payload), assignment.attempt, assignment.lost);
                let handled = handled.clone();
                async move {
                    tokio::task::yield_now().await;
                    handled.lock().unwrap().push(entry);
                    Ok(())
                }
            });
            Hand::starts(&bare.elsewhere(), 4, Duration::from_secs(5), record)
        })
        .collect();
    let senders = join_all((0..SENDERS).map(async |sender| {
        let queue = bare.elsewhere();
        let mut turns = tokio::time::interval(Duration::from_millis(4));
        for number in 0..EACH {
            turns.tick().await;
            let job = message(&format!("{sender}"), &format!("{sender}-{number:04}"));
            // Like a provider: until there is an answer. A lost answer makes the next one a duplicate.
            while queue.enqueue(std::slice::from_ref(&job)).await.is_err() {
                turns.tick().await;
            }
        }
    }));
    let disasters = async {
        for (at, kill) in [(100, true), (250, false), (400, true), (550, true)] {
            until("work goes on", async || handled.lock().unwrap().len() >= at).await;
            if kill {
                servers.kill_redis().await.unwrap();
            } else {
                servers.stop_redis().await.unwrap();
            }
            servers.start_redis().await.unwrap();
        }
    };
    tokio::join!(senders, disasters);
    until_idle(&bare.queue).await;
    for hand in hands {
        hand.stops().await;
    }
    let handled = std::mem::take(&mut *handled.lock().unwrap());
    let mut lanes = BTreeMap::<&str, Vec<&str>>::new();
    for (id, attempt, lost) in &handled {
        assert_eq!((*attempt, *lost), (1, 0), "{id}: a lost answer costs neither an attempt nor a lease");
        lanes.entry(id.split_once('-').unwrap().0).or_default().push(id);
    }
    assert_eq!(handled.len(), SENDERS * EACH);
    for messages in lanes.values() {
        assert!(messages.is_sorted_by(|one, next| one < next), "{messages:?}");
    }
    bare.reconnects().await;
    assert_eq!(bare.is_sound().await.depth, 0);
    servers.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_leased_to_an_answer_that_nobody_heard_is_given_back() {
    let servers = a_redis().await;
    let settings = QueueSettings { patience: Duration::from_millis(300), ..QueueSettings::default() };
    let mut bare = BareQueue::open(&servers.redis_url, settings).await;
    assert!(bare.queue.fetch("one", 10).await.unwrap().leased.is_empty(), "Redis knows the script");
    say(&bare.queue, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
    servers.freeze_redis().await.unwrap();
    assert!(bare.queue.fetch("one", 10).await.is_err(), "nobody answers");
    servers.thaw_redis().await.unwrap();
    until("what was asked is done late", async || !bare.contents().await.leased.is_empty()).await;
    assert_eq!(bare.queue.recover("one", &[]).await.unwrap(), 3);
    let again = bare.queue.fetch("two", 10).await.unwrap().leased;
    assert_eq!(again.len(), 3);
    assert!(again.iter().all(|leased| (leased.attempt, leased.lost) == (1, 0)), "{again:?}");
    servers.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_frozen_for_longer_than_a_lease_makes_nothing_run_twice() {
    let servers = a_redis().await;
    let settings = QueueSettings {
        lease: Duration::from_secs(2),
        patience: Duration::from_millis(500),
        ..QueueSettings::default()
    };
    let bare = BareQueue::open(&servers.redis_url, settings).await;
    let redis = bare.redis.clone();
    let jobs: Vec<_> = (0..12).map(|n| message(&format!("{n}"), &format!("{n}"))).collect();
    let _answers = bare.queue.enqueue(&jobs).await.unwrap();
    let starts = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    let thawed = CancellationToken::new();
    let hands: Vec<Hand> = (0..3)
        .map(|_| {
            let (starts, thawed) = (starts.clone(), thawed.clone());
            let wait = handler(move |assignment| {
                *starts.lock().unwrap().entry(id(&assignment.payload)).or_default() += 1;
                let thawed = thawed.clone();
                async move {
                    thawed.cancelled().await;
                    Ok(())
                }
            });
            Hand::starts(&bare.elsewhere(), 6, Duration::from_secs(5), wait)
        })
        .collect();
    until("all run", async || starts.lock().unwrap().len() == 12).await;
    servers.freeze_redis().await.unwrap();
    // What was renewed last before it stood still runs out at its latest then.
    let (clock, frozen) = (Clock::system(), Clock::system().now());
    until("every lease to have run out", async || clock.now() - frozen > TimeDelta::milliseconds(2_500))
        .await;
    servers.thaw_redis().await.unwrap();
    // Somebody has fetched after the grace: who did not renew by then has lost.
    let marks = async || -> (Option<u64>, Option<u64>) {
        let mut command = redis::cmd("HMGET");
        command.arg("{wa:0}stats").arg("grace").arg("seen");
        command.query_async(&mut redis.clone()).await.unwrap()
    };
    until(
        "the grace to be over",
        async || matches!(marks().await, (Some(grace), Some(seen)) if seen > grace),
    )
    .await;
    thawed.cancel();
    until_idle(&bare.queue).await;
    for hand in hands {
        hand.stops().await;
    }
    assert!(starts.lock().unwrap().values().all(|starts| *starts == 1), "{starts:?}");
    servers.stop().await.unwrap();
}

/// Stands between a queue and Redis, and may fall silent: lines that are open then carry nothing any more, and
/// nobody is told.
struct Wire {
    url: String,
    lines: Arc<AtomicUsize>,
    silence: Arc<Mutex<CancellationToken>>,
}

impl Wire {
    async fn to(redis_url: &str) -> Self {
        let target = redis_url.trim_start_matches("redis://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let wire = Self { url, lines: Arc::default(), silence: Arc::default() };
        let (lines, silence) = (wire.lines.clone(), wire.silence.clone());
        tokio::spawn(async move {
            loop {
                let Ok((mut near, _)) = listener.accept().await else { return };
                lines.fetch_add(1, Ordering::SeqCst);
                let (target, silent) = (target.clone(), silence.lock().unwrap().clone());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        // Both ends stay open.
                        () = silent.cancelled() => std::future::pending().await,
                    }
                });
            }
        });
        wire
    }

    fn falls_silent(&self) {
        std::mem::take(&mut *self.silence.lock().unwrap()).cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_falls_silent_or_leads_to_a_replica_is_replaced() {
    let servers = a_redis().await;
    let wire = Wire::to(&servers.redis_url).await;
    let settings = QueueSettings { patience: Duration::from_millis(500), ..QueueSettings::default() };
    let mut bare = BareQueue::open(&servers.redis_url, settings.clone()).await;
    let queue = shared::queue::Queue::open(&wire.url.clone().into(), settings).unwrap();
    say(&queue, &[("alice", "1")]).await;
    wire.falls_silent();
    assert!(queue.figures().await.is_err());
    until("a new line", async || queue.figures().await.is_ok()).await;

    let mut role = redis::cmd("REPLICAOF");
    role.arg("127.0.0.1").arg(1).query_async::<()>(&mut bare.redis).await.unwrap();
    let job = [message("alice", "2")];
    let before = wire.lines.load(Ordering::SeqCst);
    assert!(queue.enqueue(&job).await.is_err(), "a replica takes nothing");
    assert!(queue.enqueue(&job).await.is_err());
    assert!(wire.lines.load(Ordering::SeqCst) > before, "the next call looks again who is the primary");
    let mut role = redis::cmd("REPLICAOF");
    role.arg("NO").arg("ONE").query_async::<()>(&mut bare.redis).await.unwrap();
    assert_eq!(queue.enqueue(&job).await.unwrap(), [Enqueued::Queued]);
    servers.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_without_redis_asks_with_growing_pauses_and_can_be_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let queue = shared::queue::Queue::open(&url.into(), QueueSettings::default()).unwrap();
    let hand = Hand::starts(&queue, 4, Duration::ZERO, handler(|_| async { Ok(()) }));
    let mut calls = 0;
    let refusing = async {
        loop {
            drop(listener.accept().await.unwrap());
            calls += 1;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(1_500), refusing).await;
    assert!((2..40).contains(&calls), "{calls} calls in a second and a half");
    drop(listener);
    hand.stops().await;
}
