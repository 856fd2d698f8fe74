//! Webhooks that wait at the same moment share one call of Redis, and nothing else.
//!
//! Each test has one thread: whoever joins before anybody has to wait is in the same group.

mod valve;

use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use ingest::group_commit::GroupCommit;
use ingest::redis::Redis;
use secrecy::SecretString;
use shared::clock::Clock;
use shared::job::Job;
use shared::queue::{Enqueued, Queue, QueueSettings};

use super::{LONG, message, on_a_bare_queue, until};
use valve::Valve;

/// A way into this queue, as a door has it.
fn group(queue: Queue) -> GroupCommit {
    GroupCommit::new(Redis::new(queue, Clock::system()))
}

#[tokio::test]
async fn each_gets_the_answers_to_its_own_jobs() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let group = group(bare.elsewhere());
        let jobs = |n: usize| -> Vec<Job> {
            (0..=n % 3).map(|part| message(&format!("person-{n}"), &format!("{n}-{part}"))).collect()
        };
        // More than one call takes, and one in four was delivered twice at once.
        let offers: Vec<Vec<Job>> = (0..240).map(|n| jobs(n - usize::from(n % 4 == 3))).collect();
        let answers = join_all(offers.iter().map(|jobs| group.enqueue(jobs))).await;
        for (n, answers) in answers.into_iter().enumerate() {
            let expected = if n % 4 == 3 { Enqueued::Duplicate } else { Enqueued::Queued };
            assert_eq!(answers.unwrap(), vec![expected; offers[n].len()], "offer {n}");
        }
        let queued: usize =
            offers.iter().enumerate().filter(|(n, _)| n % 4 != 3).map(|(_, jobs)| jobs.len()).sum();
        assert_eq!(bare.queue.figures().await.unwrap().ready, queued as u64);
    })
    .await;
}

#[tokio::test]
async fn those_of_one_conversation_stay_in_their_order() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let group = group(bare.elsewhere());
        let jobs: Vec<Job> = (0..50).map(|n| message("alice", &n.to_string())).collect();
        let answers = join_all(jobs.iter().map(|job| group.enqueue(std::slice::from_ref(job)))).await;
        assert!(answers.iter().all(|answer| *answer == Some(vec![Enqueued::Queued])), "{answers:?}");
        let behind = bare.queue.behind(&jobs[0].id, &jobs[0].lane, 100).await.unwrap();
        assert_eq!(behind, jobs[1..], "and the first one is the head");
    })
    .await;
}

#[tokio::test]
async fn who_leaves_takes_nobody_along() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let group = group(bare.elsewhere());
        let (gone, stays) = (message("alice", "1"), message("bob", "2"));
        let gone = [gone];
        let mut leaving = Box::pin(group.enqueue(&gone));
        // It has joined, and then its connection is cut.
        assert!(futures_util::poll!(&mut leaving).is_pending());
        drop(leaving);
        assert_eq!(group.enqueue(&[stays]).await, Some(vec![Enqueued::Queued]));
        assert_eq!(group.enqueue(&gone).await, Some(vec![Enqueued::Duplicate]), "taken all the same");
    })
    .await;
}

#[tokio::test]
async fn without_redis_everybody_is_told() {
    // Nobody listens there: the port of discard, which no machine of today serves.
    let nowhere = Queue::open(&SecretString::from("redis://127.0.0.1:9"), QueueSettings::default()).unwrap();
    let group = group(nowhere);
    let jobs: Vec<Job> = (0..20).map(|n| message("alice", &n.to_string())).collect();
    let answers = join_all(jobs.iter().map(|job| group.enqueue(std::slice::from_ref(job)))).await;
    assert_eq!(answers, vec![None; 20]);
    assert_eq!(group.enqueue(&jobs).await, None, "and again");
}

#[tokio::test]
async fn a_small_one_does_not_wait_for_a_large_one_behind_it() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let group = group(bare.elsewhere());
        let small = [message("alice", "1")];
        let large: Vec<Job> = (0..1_000).map(|n| message("bob", &n.to_string())).collect();
        let mut small = Box::pin(group.enqueue(&small));
        assert!(futures_util::poll!(&mut small).is_pending());
        let large = Box::pin(group.enqueue(&large));
        // The large one is asked first each time: were both answered at once, it would be the one that is found.
        let Either::Right((answers, large)) = select(large, small).await else {
            panic!("the small one waited for the large one");
        };
        assert_eq!(answers, Some(vec![Enqueued::Queued]));
        assert_eq!(large.await.unwrap().len(), 1_000);
    })
    .await;
}

#[tokio::test]
async fn two_calls_are_under_way_at_once_and_the_next_waits_for_company() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let valve = Valve::before(bare.address()).await;
        let group = group(bare.by_way_of(valve.address));
        let jobs = ["a", "b", "c", "d", "e", "f"].map(|who| [message(who, &format!("said.{who}"))]);
        // The first call of all teaches Redis its script.
        assert_eq!(group.enqueue(&jobs[0]).await, Some(vec![Enqueued::Queued]));
        let taught = valve.calls().len();
        valve.is_open(false);
        let mut waiting = Vec::new();
        for (place, job) in jobs[1..].iter().enumerate() {
            let mut offer = Box::pin(group.enqueue(job));
            assert!(futures_util::poll!(&mut offer).is_pending());
            waiting.push(offer);
            // Whoever would take it to Redis has done so before the next one comes.
            let under_way = (place + 1).min(2);
            until("a call that is written", async || valve.calls().len() == taught + under_way).await;
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(valve.calls().len(), taught + 2, "two are under way, and no third before an answer");
        valve.is_open(true);
        assert_eq!(join_all(waiting).await, vec![Some(vec![Enqueued::Queued]); 5]);
        let carried: Vec<Vec<&str>> = valve.calls()[taught..]
            .iter()
            .map(|call| {
                ["b", "c", "d", "e", "f"]
                    .into_iter()
                    .filter(|who| call.contains(&format!("said.{who}")))
                    .collect()
            })
            .collect();
        assert_eq!(carried, [vec!["b"], vec!["c"], vec!["d", "e", "f"]]);
    })
    .await;
}

/// A Redis that takes connections and never says a word.
fn silent() -> (TcpListener, Queue) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let settings = QueueSettings { patience: Duration::from_millis(100), ..QueueSettings::default() };
    (listener, Queue::open(&SecretString::from(url), settings).unwrap())
}

#[test]
fn when_the_one_who_serves_is_gone_the_next_is_served_by_another() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dies = runtime();
    let inside = dies.enter();
    let (_redis, queue) = silent();
    let group = group(queue);
    drop(inside);
    dies.block_on(async {
        let jobs = [message("alice", "1")];
        let mut waits = Box::pin(group.enqueue(&jobs));
        assert!(futures_util::poll!(&mut waits).is_pending());
        // Whoever serves is asking Redis now, and waits.
        tokio::task::yield_now().await;
    });
    drop(dies);
    runtime().block_on(async {
        let jobs = [message("bob", "2")];
        let answered = tokio::time::timeout(LONG, group.enqueue(&jobs)).await;
        assert_eq!(answered.expect("somebody serves again"), None, "and says that Redis is away");
    });
}
