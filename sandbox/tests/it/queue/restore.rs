//! What was spilled comes back into its lane: once, and before whatever came to that lane later.

use std::time::Duration;

use sandbox::conversation::BareQueue;
use shared::queue::{Enqueued, QueueSettings, Restored, Verdict};

use super::{id, lane, message_at, on_a_bare_queue, settle, the_one};

/// The messages of somebody's lane, head first.
async fn stands(bare: &mut BareQueue, who: &str) -> Vec<String> {
    let contents = bare.is_sound().await;
    contents.lanes.get(&lane(who)).map(|jobs| jobs.iter().map(|job| id(job)).collect()).unwrap_or_default()
}

/// Queues messages of Alice: `(id, milliseconds)`.
async fn queued(bare: &BareQueue, messages: &[(&str, i64)]) {
    for (id, at) in messages {
        let answers = bare.queue.enqueue(&[message_at("alice", id, *at)]).await.unwrap();
        assert_eq!(answers, [Enqueued::Queued]);
    }
}

/// Restores messages of Alice.
async fn restored(bare: &BareQueue, messages: &[(&str, i64)]) -> Vec<Restored> {
    let jobs: Vec<_> = messages.iter().map(|(id, at)| message_at("alice", id, *at)).collect();
    bare.elsewhere().restore(&jobs).await.unwrap()
}

#[tokio::test]
async fn the_lane_is_in_the_order_of_arrival_whichever_way_each_message_took() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        queued(bare, &[("2", 200), ("4", 4_000), ("6", 6_000)]).await;
        // With and without a fraction of a second; in one call and in several.
        assert_eq!(restored(bare, &[("1", 0), ("3", 3_000), ("5", 4_001)]).await, [Restored::Settled; 3]);
        assert_eq!(restored(bare, &[("7", 7_000)]).await, [Restored::Settled]);
        assert_eq!(stands(bare, "alice").await, ["1", "2", "3", "4", "5", "6", "7"]);
        assert_eq!(id(&the_one(&bare.queue, "one").await.payload), "1");
    })
    .await;
}

#[tokio::test]
async fn a_delayed_head_that_came_later_lets_the_earlier_one_run_at_once() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        queued(bare, &[("2", 2)]).await;
        let head = the_one(&bare.queue, "one").await;
        assert!(settle(&bare.queue, &head, Verdict::Wait(Duration::from_mins(1))).await);
        assert_eq!(restored(bare, &[("1", 1)]).await, [Restored::Settled]);
        let next = the_one(&bare.queue, "one").await;
        assert_eq!((id(&next.payload), next.attempt), ("1".to_owned(), 1));
    })
    .await;
}

#[tokio::test]
async fn nothing_overtakes_a_head_that_is_being_worked_on_or_has_begun() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        queued(bare, &[("2", 2), ("4", 4)]).await;
        let head = the_one(&bare.queue, "one").await;
        // The one after it in the same call must not go before it either.
        assert_eq!(restored(bare, &[("1", 1), ("3", 3)]).await, [Restored::Later, Restored::Later]);
        assert_eq!(stands(bare, "alice").await, ["2", "4"]);
        assert!(settle(&bare.queue, &head, Verdict::Retry(Duration::from_mins(1))).await);
        assert_eq!(restored(bare, &[("1", 1), ("3", 3)]).await, [Restored::Settled; 2]);
        assert_eq!(stands(bare, "alice").await, ["2", "1", "3", "4"]);
        bare.fall_due(&lane("alice")).await;
        let again = the_one(&bare.queue, "one").await;
        assert_eq!((id(&again.payload), again.attempt), ("2".to_owned(), 2), "its counter stayed with it");
        assert!(settle(&bare.queue, &again, Verdict::Done).await);
        assert_eq!(the_one(&bare.queue, "one").await.attempt, 1);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_delivered_again_meanwhile_moves_to_its_place() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        // 1 was spilled; 2 came through Redis, and then 1 a second time.
        queued(bare, &[("2", 20), ("1", 30)]).await;
        assert_eq!(restored(bare, &[("1", 10)]).await, [Restored::Settled]);
        assert_eq!(stands(bare, "alice").await, ["1", "2"]);
        // Once more changes nothing, and neither does one that was handled long ago.
        assert_eq!(restored(bare, &[("1", 10)]).await, [Restored::Settled]);
        assert_eq!(stands(bare, "alice").await, ["1", "2"]);
        let head = the_one(&bare.queue, "one").await;
        assert!(settle(&bare.queue, &head, Verdict::Done).await);
        assert_eq!(restored(bare, &[("1", 10)]).await, [Restored::Settled]);
        assert_eq!(stands(bare, "alice").await, ["2"]);
        assert_eq!(bare.queue.figures().await.unwrap().taken, 2);
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_takes_only_those_that_others_wait_for() {
    let settings = QueueSettings { at_most: 2, ..QueueSettings::default() };
    on_a_bare_queue(settings, async |bare| {
        queued(bare, &[("1", 10), ("3", 30)]).await;
        assert_eq!(
            restored(bare, &[("2", 20), ("4", 40), ("0", 0)]).await,
            [Restored::Settled, Restored::Later, Restored::Later],
            "after one that has to wait, the lane's others wait as well"
        );
        assert_eq!(stands(bare, "alice").await, ["1", "2", "3"]);
        assert_eq!(restored(bare, &[("2", 20)]).await, [Restored::Settled], "nothing was claimed in vain");
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_finds_no_room_does_not_go_on_when_room_appears() {
    let settings = QueueSettings { at_most: 100, ..QueueSettings::default() };
    on_a_bare_queue(settings, async |bare| {
        let jobs: Vec<_> = (0..450).map(|n| message_at("alice", &n.to_string(), n)).collect();
        let answers = bare.queue.enqueue(&jobs).await.unwrap();
        assert!(answers[..100].iter().all(|answer| *answer == Enqueued::Queued));
        assert!(answers[100..].iter().all(|answer| *answer == Enqueued::Full));
        assert_eq!(answers.len(), 450);
    })
    .await;
}

/// Redis serves nobody else meanwhile, so one call looks at so many and leaves the rest to the next.
#[tokio::test]
async fn a_long_lane_is_gone_through_in_bounded_steps_and_in_the_end_in_order() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let later: Vec<_> =
            (0..400).map(|n| message_at("alice", &format!("later-{n}"), 10_000 + n)).collect();
        assert!(bare.queue.enqueue(&later).await.unwrap().iter().all(|answer| *answer == Enqueued::Queued));
        let earlier: Vec<_> = (0..6).map(|n| message_at("alice", &format!("{n}"), n)).collect();
        let queue = bare.elsewhere();
        let (mut left, mut calls) = (earlier, 0);
        while !left.is_empty() {
            let answers = queue.restore(&left).await.unwrap();
            assert_eq!(answers[0], Restored::Settled, "every call gets on");
            let mut answers = answers.into_iter();
            left.retain(|_| answers.next() == Some(Restored::Later));
            calls += 1;
        }
        assert!(calls > 1, "one call looked at everything");
        assert_eq!(stands(bare, "alice").await[..7], ["0", "1", "2", "3", "4", "5", "later-0"]);
    })
    .await;
}
