//! The worker's side, with handlers of our own: what runs, what stops, what panics.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::job::Job;
use shared::message::Provider;
use shared::queue::{Queue, QueueSettings, Verdict};
use tokio::sync::{Barrier, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::error::JobError;
use worker::lanes::{Assignment, Handler, STARTS_AT_MOST, Shift};
use worker::policy;
use worker::pulse::Pulse;

use super::{LONG, id, lane, message, on_a_bare_queue, say, settle, until_figures, until_idle};

/// A worker with a handler of the test.
pub(super) struct Hand {
    pub(super) stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Hand {
    pub(super) fn starts(queue: &Queue, slots: usize, drain: Duration, handler: Handler) -> Self {
        let stop = CancellationToken::new();
        let owner = format!("hand-{:08x}", rand::random::<u32>());
        let shift = Shift { owner, slots, drain, pulse: Pulse::default() };
        let (queue, stopped) = (queue.clone(), stop.clone());
        let running = tokio::spawn(async move { worker::lanes::work(&queue, shift, handler, stopped).await });
        Self { stop, running }
    }

    pub(super) async fn stops(self) {
        self.stop.cancel();
        tokio::time::timeout(LONG, self.running).await.expect("a worker stops").unwrap().unwrap();
    }
}

/// A handler from an async closure.
pub(super) fn handler<F>(handle: impl Fn(Assignment) -> F + Send + Sync + 'static) -> Handler
where
    F: Future<Output = Result<(), JobError>> + Send + 'static,
{
    Arc::new(move |assignment| Box::pin(handle(assignment)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_worker_finishes_what_runs_and_another_takes_the_rest_meanwhile() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let jobs: Vec<Job> = (0..10).map(|n| message(&format!("{n}"), &format!("{n}"))).collect();
        let _answers = bare.queue.enqueue(&jobs).await.unwrap();
        let (says, mut hears) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let first = {
            let (says, gate) = (says.clone(), gate.clone());
            handler(move |assignment| {
                let (says, gate) = (says.clone(), gate.clone());
                async move {
                    says.send(("first", id(&assignment.payload), assignment.attempt)).unwrap();
                    gate.acquire().await.unwrap().forget();
                    Ok(())
                }
            })
        };
        let first = Hand::starts(&bare.queue, 4, LONG, first);
        let mut handled = HashSet::new();
        for _ in 0..4 {
            let (who, id, attempt) = hears.recv().await.unwrap();
            assert_eq!((who, attempt), ("first", 1));
            assert!(handled.insert(id));
        }
        assert_eq!(bare.queue.figures().await.unwrap().leased, 4, "as many as slots");
        first.stop.cancel();
        let second = Hand::starts(
            &bare.elsewhere(),
            4,
            LONG,
            handler(move |assignment| {
                says.send(("second", id(&assignment.payload), assignment.attempt)).unwrap();
                async { Ok(()) }
            }),
        );
        for _ in 0..6 {
            let (who, id, attempt) = hears.recv().await.unwrap();
            assert_eq!((who, attempt), ("second", 1));
            assert!(handled.insert(id));
        }
        gate.add_permits(4);
        first.stops().await;
        second.stops().await;
        assert_eq!((handled.len(), bare.contents().await.depth), (10, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_finish_in_time_goes_back_at_once_without_counting() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        say(&bare.queue, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
        let stuck = handler(|_| std::future::pending());
        let hand = Hand::starts(&bare.queue, 3, Duration::from_millis(20), stuck);
        until_figures(&bare.queue, "three running", |figures| figures.leased == 3).await;
        hand.stops().await;
        let again = bare.queue.fetch("other", 10).await.unwrap().leased;
        assert_eq!(again.len(), 3);
        assert!(again.iter().all(|leased| (leased.attempt, leased.lost) == (1, 0)), "{again:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_fetched_but_not_yet_taken_goes_back_as_soon_as_fetching_stops() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        say(&bare.queue, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
        // Nobody polls these lanes, as apalis does not while it drains.
        let shift =
            Shift { owner: "one".to_owned(), slots: 8, drain: policy::DRAIN, pulse: Pulse::default() };
        let (lanes, engine) = worker::lanes::start(&bare.queue, &shift);
        until_figures(&bare.queue, "three fetched", |figures| figures.leased == 3).await;
        engine.stop_fetching().cancel();
        until_figures(&bare.queue, "all given back", |figures| figures.leased == 0).await;
        let again = bare.queue.fetch("other", 10).await.unwrap().leased;
        assert_eq!(again.len(), 3);
        assert!(again.iter().all(|leased| (leased.attempt, leased.lost) == (1, 0)), "{again:?}");
        drop(lanes);
        engine.close(LONG).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_a_message_hurts_no_other_and_frees_its_slot() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let jobs: Vec<Job> = (0..25).map(|n| message(&format!("{n}"), &format!("{n}"))).collect();
        let _answers = bare.queue.enqueue(&jobs).await.unwrap();
        let starts = Arc::new(Mutex::new(Vec::<(usize, u32)>::new()));
        let all_at_once = Arc::new(Barrier::new(3));
        let (counted, meeting) = (starts.clone(), all_at_once.clone());
        let mixed = handler(move |assignment| {
            let number: usize = id(&assignment.payload).parse().unwrap();
            let earlier = {
                let mut starts = counted.lock().unwrap();
                starts.push((number, assignment.attempt));
                starts.iter().filter(|(other, _)| *other == number).count() - 1
            };
            let meeting = meeting.clone();
            async move {
                match (number % 5, earlier) {
                    (_, _) if number >= 100 => {
                        meeting.wait().await;
                    }
                    (1, 0) => panic!("a handler that was written badly"),
                    (2, 0) => {
                        let cause = anyhow::anyhow!("once more");
                        return Err(JobError::Retry { after: Some(Duration::ZERO), cause });
                    }
                    (3, 0) => return Err(JobError::wait(Duration::ZERO, anyhow::anyhow!("later"))),
                    (4, _) => return Err(JobError::fail("never")),
                    _ => {}
                }
                Ok(())
            }
        });
        let hand = Hand::starts(&bare.queue, 3, LONG, mixed);
        until_idle(&bare.queue).await;
        let mut starts = std::mem::take(&mut *starts.lock().unwrap());
        starts.sort_unstable();
        let expected: Vec<(usize, u32)> = (0..25)
            .flat_map(|number| match number % 5 {
                1 | 2 => vec![(number, 1), (number, 2)],
                3 => vec![(number, 1), (number, 1)],
                _ => vec![(number, 1)],
            })
            .collect();
        assert_eq!(starts, expected);
        assert_eq!(bare.contents().await.dead.len(), 5);
        // These end only when three run at once: no slot has leaked.
        say(&bare.queue, &[("x", "100"), ("y", "101"), ("z", "102")]).await;
        until_idle(&bare.queue).await;
        hand.stops().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_nobody_gives_up_becomes_a_dead_letter_in_the_end() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        say(&bare.queue, &[("alice", "hopeless"), ("alice", "next")]).await;
        let never = handler(|assignment| async move {
            if id(&assignment.payload) == "next" {
                return Ok(());
            }
            Err(JobError::Retry { after: Some(Duration::ZERO), cause: anyhow::anyhow!("refused") })
        });
        let hand = Hand::starts(&bare.queue, 2, LONG, never);
        until_idle(&bare.queue).await;
        hand.stops().await;
        let dead = bare.contents().await.dead;
        assert_eq!(dead.len(), 1);
        assert_eq!((id(&dead[0].job).as_str(), dead[0].attempts), ("hopeless", STARTS_AT_MOST));
        assert_eq!(dead[0].reason, "every start ended badly");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_whose_lease_was_lost_is_dropped_and_its_verdict_is_not_heard() {
    let settings = QueueSettings { lease: Duration::from_millis(600), ..QueueSettings::default() };
    on_a_bare_queue(settings, async |bare| {
        say(&bare.queue, &[("alice", "1")]).await;
        let slow = handler(|assignment| async move {
            if id(&assignment.payload) == "1" {
                std::future::pending::<()>().await;
            }
            Ok(())
        });
        let hand = Hand::starts(&bare.queue, 1, LONG, slow);
        until_figures(&bare.queue, "it runs", |figures| figures.leased == 1).await;
        // It may be renewed between the two.
        let taken_over = loop {
            bare.expire(&lane("alice")).await;
            if let Some(leased) = bare.queue.fetch("other", 1).await.unwrap().leased.pop() {
                break leased;
            }
        };
        // The one slot is free again, while the other still has the message.
        say(&bare.queue, &[("bob", "2")]).await;
        until_figures(&bare.queue, "bob's is done", |figures| figures.lanes == 1).await;
        assert!(settle(&bare.queue, &taken_over, Verdict::Done).await);
        hand.stops().await;
        assert_eq!(bare.contents().await.depth, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undecodable_payload_becomes_a_dead_letter_and_its_lane_goes_on() {
    sandbox::conversation::run_without_worker(&crate::GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        alice.says("AIDE").await;
        let client = redis::Client::open(sandbox.variables["REDIS_URL"].as_str()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let lanes: Vec<String> =
            redis::cmd("KEYS").arg("{wa:0}lane:*").query_async(&mut redis).await.unwrap();
        assert_eq!(lanes.len(), 1);
        let mut meddling = redis::pipe();
        meddling.cmd("LPUSH").arg(&lanes[0]).arg(r#"{"v":99}"#);
        meddling.cmd("HINCRBY").arg("{wa:0}stats").arg("depth").arg(1);
        meddling.query_async::<()>(&mut redis).await.unwrap();
        sandbox.starts_worker();
        alice.hears().await;
        sandbox.has_dead_letters(1).await;
    })
    .await;
}
