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
async fn a_head_is_left_alone_while_it_is_worked_on_and_keeps_its_counters_when_an_earlier_one_goes_first() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        queued(bare, &[("2", 2), ("4", 4)]).await;
        let head = the_one(&bare.queue, "one").await;
        // The one after it in the same call must not go before it either.
        assert_eq!(restored(bare, &[("1", 1), ("3", 3)]).await, [Restored::Later, Restored::Later]);
        assert_eq!(stands(bare, "alice").await, ["2", "4"]);
        assert!(settle(&bare.queue, &head, Verdict::Retry(Duration::from_mins(1))).await);
        assert_eq!(restored(bare, &[("1", 1), ("3", 3)]).await, [Restored::Settled; 2]);
        assert_eq!(stands(bare, "alice").await, ["1", "2", "3", "4"]);
        let first = the_one(&bare.queue, "one").await;
        assert_eq!((id(&first.payload), first.attempt, first.lost), ("1".to_owned(), 1, 0));
        assert!(settle(&bare.queue, &first, Verdict::Done).await);
        let again = the_one(&bare.queue, "one").await;
        assert_eq!((id(&again.payload), again.attempt), ("2".to_owned(), 2), "its counter stayed with it");
        assert!(settle(&bare.queue, &again, Verdict::Done).await);
        assert_eq!(the_one(&bare.queue, "one").await.attempt, 1);
    })
    .await;
}

/// Its worker died before it could see that an earlier message was still spilled: when that one is back, it goes first.
#[tokio::test]
async fn a_head_whose_workers_died_waits_for_the_earlier_one_and_is_still_counted() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        queued(bare, &[("3", 3)]).await;
        for earlier in ["2", "1"] {
            the_one(&bare.queue, "dies").await;
            bare.expire(&lane("alice")).await;
            // Whoever fetches finds the lease expired; a pause keeps it from being taken again at once.
            bare.queue.pause().await.unwrap();
            assert!(bare.queue.fetch("passes", 1).await.unwrap().leased.is_empty());
            assert_eq!(restored(bare, &[(earlier, earlier.parse().unwrap())]).await, [Restored::Settled]);
            bare.queue.resume().await.unwrap();
            if earlier == "2" {
                // It is displaced twice: by 2, whose turn passes, and by 1.
                let two = the_one(&bare.queue, "one").await;
                assert_eq!((id(&two.payload), two.attempt, two.lost), ("2".to_owned(), 1, 0));
                assert!(settle(&bare.queue, &two, Verdict::Done).await);
            }
        }
        assert_eq!(stands(bare, "alice").await, ["1", "3"]);
        let one = the_one(&bare.queue, "one").await;
        assert_eq!((id(&one.payload), one.attempt, one.lost), ("1".to_owned(), 1, 0));
        assert!(settle(&bare.queue, &one, Verdict::Done).await);
        let three = the_one(&bare.queue, "one").await;
        assert_eq!(
            (id(&three.payload), three.attempt, three.lost),
            ("3".to_owned(), 3, 2),
            "two of its workers died"
        );
        assert!(settle(&bare.queue, &three, Verdict::Dead("poison".to_owned())).await);
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

/// The whole conversation was spilled; its first message was delivered again through Redis, and stands alone there with
/// its later arrival.
#[tokio::test]
async fn a_message_that_was_delivered_again_is_not_overtaken_by_those_that_were_spilled_with_it() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        queued(bare, &[("1", 40)]).await;
        assert_eq!(restored(bare, &[("1", 10), ("2", 20)]).await, [Restored::Settled; 2]);
        assert_eq!(restored(bare, &[("3", 30)]).await, [Restored::Settled]);
        assert_eq!(stands(bare, "alice").await, ["1", "2", "3"]);
        // The same while it is being worked on, and when its worker has died.
        queued(bare, &[("5", 90)]).await;
        for earlier in ["1", "2", "3"] {
            let head = the_one(&bare.queue, "one").await;
            assert_eq!(id(&head.payload), earlier);
            assert!(settle(&bare.queue, &head, Verdict::Done).await);
        }
        the_one(&bare.queue, "dies").await;
        assert_eq!(restored(bare, &[("5", 50), ("6", 60)]).await, [Restored::Settled; 2]);
        bare.expire(&lane("alice")).await;
        assert_eq!(restored(bare, &[("7", 70)]).await, [Restored::Settled]);
        assert_eq!(stands(bare, "alice").await, ["5", "6", "7"]);
        let again = the_one(&bare.queue, "one").await;
        assert_eq!((id(&again.payload), again.attempt, again.lost), ("5".to_owned(), 2, 1));
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
