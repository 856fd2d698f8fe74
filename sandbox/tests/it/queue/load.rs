//! A long backlog, on a Redis of its own so that its slow log is ours alone.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sandbox::conversation::BareQueue;
use shared::queue::QueueSettings;

use super::hands::{Hand, handler};
use super::outage::a_redis;
use super::{id, message, until, until_idle};

/// Number, time, microseconds, words, who and its name.
type SlowCall = (u64, u64, u64, Vec<Vec<u8>>, String, String);

const LANES: usize = 2_000;
const EACH: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_waiting_messages_are_handled_once_each_in_order_by_small_steps() {
    let servers = a_redis().await;
    let mut bare = BareQueue::open(&servers.redis_url, QueueSettings::default()).await;
    let mut config = redis::cmd("CONFIG");
    config.arg("SET").arg("slowlog-log-slower-than").arg(500).arg("slowlog-max-len").arg(10_000);
    config.query_async::<()>(&mut bare.redis).await.unwrap();
    let began = Instant::now();
    for number in 0..EACH {
        let jobs: Vec<_> =
            (0..LANES).map(|l| message(&format!("{l}"), &format!("{l}-{number:02}"))).collect();
        let _answers = bare.queue.enqueue(&jobs).await.unwrap();
    }
    eprintln!("queued {} in {:?}", LANES * EACH, began.elapsed());

    // However much waits and however much is asked for, one call does a bounded amount.
    let fetched = bare.queue.fetch("greedy", LANES).await.unwrap().leased;
    assert_eq!(fetched.len(), 200);
    let figures = bare.queue.figures().await.unwrap();
    assert_eq!((figures.ready, figures.leased, figures.lanes), (49_800, 200, 2_000));
    let tokens: u64 = redis::cmd("LLEN").arg("{wa:0}wake").query_async(&mut bare.redis).await.unwrap();
    assert_eq!(tokens, 64);
    assert_eq!(bare.queue.recover("greedy", &[]).await.unwrap(), 200);

    let began = Instant::now();
    let handled = Arc::new(Mutex::new(BTreeMap::<String, Vec<String>>::new()));
    let hands: Vec<Hand> = (0..2)
        .map(|_| {
            let handled = handled.clone();
            let record = handler(move |assignment| {
                let id = id(&assignment.payload);
                let (lane, _) = id.split_once('-').unwrap();
                handled.lock().unwrap().entry(lane.to_owned()).or_default().push(id);
                async { Ok(()) }
            });
            Hand::starts(&bare.elsewhere(), 150, Duration::from_secs(5), record)
        })
        .collect();
    // However slow this machine is: as long as it goes on.
    let count = || handled.lock().unwrap().values().map(Vec::len).sum::<usize>();
    while count() < LANES * EACH {
        let before = count();
        until("work goes on", async || count() > before).await;
    }
    until_idle(&bare.queue).await;
    eprintln!("handled in {:?}", began.elapsed());
    for hand in hands {
        hand.stops().await;
    }
    let handled = std::mem::take(&mut *handled.lock().unwrap());
    assert_eq!(handled.len(), LANES);
    for (lane, messages) in &handled {
        assert!(messages.is_sorted(), "{lane}: {messages:?}");
        assert_eq!(messages.iter().collect::<HashSet<_>>().len(), EACH, "{lane}");
        assert_eq!(messages.len(), EACH, "{lane}");
    }
    let contents = bare.is_sound().await;
    assert_eq!((contents.depth, contents.dead.len()), (0, 0));

    let slow: Vec<SlowCall> =
        redis::cmd("SLOWLOG").arg("GET").arg(-1).query_async(&mut bare.redis).await.unwrap();
    // Of a call, its number of keys tells which script it was.
    let scripts = slow.into_iter().filter(|(_, _, _, words, ..)| words[0].starts_with(b"EVAL"));
    let mut calls: Vec<(u64, String)> = scripts
        .map(|(_, _, micros, words, ..)| (micros, String::from_utf8(words[2].clone()).unwrap()))
        .collect();
    calls.sort_unstable_by(|one, other| other.cmp(one));
    let slowest = &calls[..calls.len().min(8)];
    let median = calls.get(calls.len() / 2);
    eprintln!(
        "{} calls took over half a millisecond (us, keys): median {median:?}, {slowest:?}",
        calls.len()
    );
    servers.stop().await.unwrap();
}
