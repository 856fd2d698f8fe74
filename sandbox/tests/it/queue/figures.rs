//! What operators see is what is.

use std::time::Duration;

use shared::queue::{Figures, QueueSettings, Verdict};

use super::{lane, on_a_bare_queue, say, settle};

#[tokio::test]
async fn the_figures_are_right_in_every_state() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let queue = bare.elsewhere();
        let sees = async |ready, leased, delayed, dead, lanes| {
            let seen = queue.figures().await.unwrap();
            let expected = Figures { ready, leased, delayed, dead, lanes, ..seen };
            assert_eq!(seen, expected);
            seen.oldest_age
        };
        let long = Duration::from_hours(24);
        assert_eq!(sees(0, 0, 0, 0, 0).await, Duration::ZERO);
        say(&queue, &[("a", "1"), ("a", "2"), ("b", "3"), ("c", "4")]).await;
        assert!(sees(4, 0, 0, 0, 3).await < long);
        bare.fall_due(&lane("c")).await;
        assert!(sees(4, 0, 0, 0, 3).await > long, "a head that has waited since 1970");
        let leased = queue.fetch("one", 10).await.unwrap().leased;
        assert_eq!(sees(1, 3, 0, 0, 3).await, Duration::ZERO, "nothing could run now");
        bare.expire(&lane("a")).await;
        assert!(sees(1, 3, 0, 0, 3).await > long, "an expired lease could run as well");
        assert_eq!(queue.renew(&[leased[1].lease.clone()]).await.unwrap(), [true]);
        for leased in &leased {
            let verdict = match leased.lease.lane.as_str().rsplit(':').next().unwrap() {
                "a" => Verdict::Retry(Duration::from_mins(1)),
                "b" => Verdict::Dead("no".to_owned()),
                _ => Verdict::Done,
            };
            assert!(settle(&queue, leased, verdict).await);
        }
        assert_eq!(sees(1, 0, 1, 1, 1).await, Duration::ZERO, "a delay is no age");
        bare.fall_due(&lane("a")).await;
        assert!(sees(2, 0, 0, 1, 1).await > long);
    })
    .await;
}

#[tokio::test]
async fn a_paused_queue_takes_in_and_hands_out_nothing_and_tells_when_to_look_again() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        bare.queue.pause().await.unwrap();
        assert!(bare.queue.figures().await.unwrap().paused);
        say(&bare.queue, &[("alice", "1")]).await;
        let fetched = bare.queue.fetch("one", 10).await.unwrap();
        assert!(fetched.leased.is_empty());
        assert_eq!(fetched.next_due, Some(Duration::from_secs(1)));
        bare.queue.resume().await.unwrap();
        assert!(!bare.queue.figures().await.unwrap().paused);
        assert_eq!(bare.queue.fetch("one", 10).await.unwrap().leased.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn whoever_fetches_or_renews_counts_as_alive_until_it_leaves_or_falls_silent() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let queue = bare.elsewhere();
        let alive = async || queue.figures().await.unwrap().workers;
        assert_eq!(alive().await, 0);
        say(&queue, &[("a", "1")]).await;
        let leased = queue.fetch("busy", 10).await.unwrap().leased;
        queue.fetch("idle", 10).await.unwrap();
        queue.fetch("gone", 10).await.unwrap();
        assert_eq!(alive().await, 3);
        queue.leave("gone").await.unwrap();
        assert_eq!(alive().await, 2);
        bare.falls_silent("busy").await;
        bare.falls_silent("idle").await;
        assert_eq!(alive().await, 0);
        // One whose slots are all taken fetches nothing, and is heard of by what it keeps.
        assert_eq!(queue.renew(&[leased[0].lease.clone()]).await.unwrap(), [true]);
        assert_eq!(alive().await, 1);
        assert!(settle(&queue, &leased[0], Verdict::Done).await);
        let seen = queue.figures().await.unwrap();
        assert_eq!((seen.taken, seen.done), (1, 1));
    })
    .await;
}
