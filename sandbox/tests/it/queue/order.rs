//! One message of a lane at a time, in the order of arrival; and lanes take turns.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use futures_util::future::join_all;
use sandbox::conversation::BareQueue;
use shared::queue::{QueueSettings, Verdict};

use super::{id, lane, message, on_a_bare_queue, say, settle};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_owners_get_one_message_of_a_lane_at_a_time_in_the_order_of_arrival() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        const LANES: usize = 3;
        const EACH: usize = 40;
        let jobs: Vec<_> = (0..EACH)
            .flat_map(|n| (0..LANES).map(move |l| message(&format!("{l}"), &format!("{l}-{n:03}"))))
            .collect();
        let _answers = bare.queue.enqueue(&jobs).await.unwrap();
        let running = Mutex::new(HashSet::new());
        let finished = Mutex::new(BTreeMap::<String, Vec<String>>::new());
        let owner = async |name: String| {
            let queue = bare.elsewhere();
            while finished.lock().unwrap().values().map(Vec::len).sum::<usize>() < LANES * EACH {
                for leased in queue.fetch(&name, 2).await.unwrap().leased {
                    let lane = leased.lease.lane.as_str().to_owned();
                    assert!(running.lock().unwrap().insert(lane.clone()), "two of {lane} at once");
                    tokio::task::yield_now().await;
                    finished.lock().unwrap().entry(lane.clone()).or_default().push(id(&leased.payload));
                    assert!(running.lock().unwrap().remove(&lane));
                    assert!(settle(&queue, &leased, Verdict::Done).await);
                }
            }
        };
        join_all((0..4).map(|n| owner(format!("owner-{n}")))).await;
        for messages in finished.into_inner().unwrap().values() {
            assert_eq!(messages.len(), EACH);
            assert!(messages.is_sorted(), "{messages:?}");
        }
        assert_eq!(bare.contents().await.depth, 0);
    })
    .await;
}

/// Turns are kept by the millisecond: waits for the next, so that what follows is later than what was.
async fn a_moment_later(bare: &mut BareQueue) {
    let now = bare.now().await;
    while bare.now().await == now {}
}

#[tokio::test]
async fn ten_thousand_messages_of_one_sender_do_not_delay_anothers_first() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let flood: Vec<_> = (0..10_000).map(|n| message("a-flood", &format!("{n}"))).collect();
        let _answers = bare.queue.enqueue(&flood).await.unwrap();
        let others: Vec<_> = (0..150).map(|n| message(&format!("{n}"), &format!("other-{n}"))).collect();
        a_moment_later(bare).await;
        let _answers = bare.queue.enqueue(&others).await.unwrap();
        a_moment_later(bare).await;

        let first = bare.queue.fetch("one", 1).await.unwrap().leased.remove(0);
        assert_eq!(first.lease.lane.as_str(), lane("a-flood"), "who came first is first");
        assert!(settle(&bare.queue, &first, Verdict::Done).await);
        let next = bare.queue.fetch("one", 150).await.unwrap().leased;
        assert!(next.iter().all(|leased| leased.lease.lane.as_str() != lane("a-flood")), "its turn is over");
        assert_eq!(next.len(), 150, "everybody else's has come");
    })
    .await;
}

#[tokio::test]
async fn lanes_take_turns_whatever_their_messages_end_in() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        for who in ["c", "b", "a"] {
            for n in 0..4 {
                say(&bare.queue, &[(who, &format!("{who}{n}"))]).await;
            }
            a_moment_later(bare).await;
        }
        let mut turns = String::new();
        let verdicts =
            [Verdict::Done, Verdict::Wait(std::time::Duration::ZERO), Verdict::Dead(String::new())];
        for verdict in verdicts.iter().cycle().take(9) {
            let leased = bare.queue.fetch("one", 1).await.unwrap().leased.remove(0);
            turns.push_str(leased.lease.lane.as_str().rsplit(':').next().unwrap());
            assert!(settle(&bare.queue, &leased, verdict.clone()).await);
            a_moment_later(bare).await;
        }
        assert_eq!(turns, "cbacbacba");
    })
    .await;
}
