//! How a message ends, or does not end yet; and what the queue does with what others left in its keys.

use std::time::{Duration, Instant};

use shared::message::{MessageId, Provider};
use shared::queue::{Enqueued, QueueSettings, Verdict};

use super::{id, lane, on_a_bare_queue, say, settle, the_next, the_one};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn an_attempt_counts_when_it_starts_and_waiting_is_none() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        say(&bare.queue, &[("alice", "1"), ("alice", "2")]).await;
        let now = Duration::ZERO;
        let story = [
            (1, Verdict::Wait(now)),
            (1, Verdict::Retry(now)),
            (2, Verdict::Wait(now)),
            (2, Verdict::Retry(now)),
            (3, Verdict::Done),
            (1, Verdict::Done),
        ];
        for (attempt, verdict) in story {
            let leased = the_one(&bare.queue, "one").await;
            assert_eq!((leased.attempt, leased.lost), (attempt, 0), "before {verdict:?}");
            assert!(settle(&bare.queue, &leased, verdict).await);
        }
        assert!(bare.contents().await.tries.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_delayed_message_waits_with_its_lane_and_delays_nobody_else() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        say(&bare.queue, &[("alice", "1"), ("alice", "2")]).await;
        for verdict in [Verdict::Retry(HOUR), Verdict::Wait(HOUR)] {
            let leased = the_one(&bare.queue, "one").await;
            assert!(settle(&bare.queue, &leased, verdict).await);
            let fetched = bare.queue.fetch("one", 10).await.unwrap();
            assert!(fetched.leased.is_empty());
            let due = fetched.next_due.unwrap();
            assert!(due <= HOUR && due > HOUR.mul_f64(0.9), "{due:?}");
            bare.fall_due(&lane("alice")).await;
        }
        let leased = the_one(&bare.queue, "one").await;
        assert_eq!(id(&leased.payload), "1", "a retry keeps its place in its lane");
        let began = Instant::now();
        assert!(settle(&bare.queue, &leased, Verdict::Retry(Duration::from_millis(150))).await);
        say(&bare.queue, &[("bob", "3")]).await;
        let bob = the_one(&bare.queue, "one").await;
        assert!(settle(&bare.queue, &bob, Verdict::Done).await);
        assert_eq!(id(&the_next(&bare.queue, "one").await.payload), "1");
        assert!(began.elapsed() >= Duration::from_millis(149), "{:?}", began.elapsed());
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_says_who_what_why_and_how_often_and_its_lane_goes_on() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        say(&bare.queue, &[("alice", "1"), ("alice", "2")]).await;
        let leased = the_one(&bare.queue, "one").await;
        assert!(settle(&bare.queue, &leased, Verdict::Retry(Duration::ZERO)).await);
        let leased = the_one(&bare.queue, "one").await;
        assert!(settle(&bare.queue, &leased, Verdict::Dead("refused by the model".to_owned())).await);
        let letter = bare.contents().await.dead.remove(0);
        assert_eq!((letter.lane, letter.attempts), (lane("alice"), 2));
        assert_eq!((letter.reason.as_str(), letter.job), ("refused by the model", leased.payload));
        let next = the_one(&bare.queue, "one").await;
        assert_eq!((id(&next.payload).as_str(), next.attempt), ("2", 1));
    })
    .await;
}

#[tokio::test]
async fn what_nobody_could_read_is_set_aside_once() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let unreadable = MessageId::new(Provider::Twilio, "AC1", "SM1");
        let bytes = [0xff, 0x00, b'{'];
        for expected in [Enqueued::Queued, Enqueued::Duplicate] {
            assert_eq!(bare.queue.set_aside(&unreadable, "not a form", &bytes).await.unwrap(), expected);
        }
        let dead = bare.contents().await.dead;
        assert_eq!(dead.len(), 1);
        assert_eq!((dead[0].lane.as_str(), dead[0].attempts, &dead[0].job[..]), ("", 0, &bytes[..]));
    })
    .await;
}

#[tokio::test]
async fn a_lane_whose_messages_were_deleted_is_skipped_and_leaves_nothing_behind() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        say(&bare.queue, &[("waiting", "1"), ("leased", "2"), ("retried", "3"), ("alice", "4")]).await;
        let leased = bare.queue.fetch("one", 10).await.unwrap().leased;
        for who in &leased {
            if who.lease.lane.as_str() != lane("leased") {
                assert!(settle(&bare.queue, who, Verdict::Retry(Duration::ZERO)).await);
            }
        }
        let retried = bare.queue.fetch("one", 10).await.unwrap().leased;
        for who in ["waiting", "leased", "retried"] {
            let mut command = redis::cmd("DEL");
            command.arg(format!("{{wa:0}}lane:{}", lane(who)));
            command.query_async::<()>(&mut bare.redis).await.unwrap();
        }
        for who in &retried {
            let verdict = match who.lease.lane.as_str().rsplit(':').next().unwrap() {
                "waiting" => Verdict::Wait(Duration::ZERO),
                "retried" => Verdict::Dead("gone".to_owned()),
                _ => Verdict::Retry(Duration::ZERO),
            };
            assert!(settle(&bare.queue, who, verdict).await);
        }
        bare.expire(&lane("leased")).await;
        let alice = the_one(&bare.queue, "one").await;
        assert_eq!((id(&alice.payload).as_str(), alice.attempt), ("4", 3));
        // Of the ghosts only their count is left, which goes when the queue is empty.
        let contents = bare.contents().await;
        assert_eq!(contents.lanes.len(), 1);
        assert!(
            contents.ready.is_empty() && contents.lost.is_empty() && contents.dead.is_empty(),
            "{contents:?}"
        );
        assert_eq!(contents.tries.into_keys().collect::<Vec<_>>(), [lane("alice")]);
        assert!(settle(&bare.queue, &alice, Verdict::Done).await);
        assert!(bare.queue.fetch("one", 10).await.unwrap().leased.is_empty());
        assert_eq!(bare.contents().await.depth, 0);
        say(&bare.queue, &[("leased", "5")]).await;
        let leased = the_one(&bare.queue, "one").await;
        assert_eq!((leased.attempt, leased.lost), (1, 0), "a new message does not inherit from a ghost");
    })
    .await;
}
