//! Leases: how they are lost, kept, handed over, and given back.

use std::time::{Duration, Instant};

use shared::queue::{Lease, QueueSettings, Settlement, Verdict};

use super::{id, lane, message, on_a_bare_queue, say, settle, the_next, the_one};

fn lease_of(millis: u64) -> QueueSettings {
    QueueSettings { lease: Duration::from_millis(millis), ..QueueSettings::default() }
}

#[tokio::test]
async fn a_silent_owners_message_goes_to_another_after_the_lease_and_not_before() {
    on_a_bare_queue(lease_of(400), async |bare| {
        say(&bare.queue, &[("alice", "1")]).await;
        let leased = Instant::now();
        assert_eq!(the_one(&bare.queue, "silent").await.attempt, 1);
        let taken_over = the_next(&bare.queue, "other").await;
        assert!(leased.elapsed() >= Duration::from_millis(399), "{:?}", leased.elapsed());
        assert_eq!((taken_over.attempt, taken_over.lost), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_slow_owner_keeps_its_message_by_renewing() {
    on_a_bare_queue(lease_of(1_000), async |bare| {
        say(&bare.queue, &[("alice", "1")]).await;
        let leased = the_one(&bare.queue, "slow").await;
        let began = Instant::now();
        let mut turns = tokio::time::interval(Duration::from_millis(50));
        while began.elapsed() < Duration::from_millis(2_200) {
            turns.tick().await;
            assert_eq!(bare.queue.renew(std::slice::from_ref(&leased.lease)).await.unwrap(), [true]);
            assert!(bare.queue.fetch("other", 1).await.unwrap().leased.is_empty());
        }
        assert!(settle(&bare.queue, &leased, Verdict::Done).await);
    })
    .await;
}

#[tokio::test]
async fn a_stale_lease_changes_nothing() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        say(&bare.queue, &[("alice", "1"), ("alice", "2")]).await;
        let stale = the_one(&bare.queue, "zombie").await;
        bare.expire(&lane("alice")).await;
        let current = the_one(&bare.queue, "living").await;
        assert_eq!(id(&current.payload), "1");

        let while_another_holds_it = bare.contents().await;
        let verdicts = [
            Verdict::Done,
            Verdict::Dead("no".to_owned()),
            Verdict::Retry(Duration::ZERO),
            Verdict::Wait(Duration::ZERO),
        ];
        for verdict in &verdicts {
            assert!(!settle(&bare.queue, &stale, verdict.clone()).await);
        }
        assert_eq!(bare.queue.renew(std::slice::from_ref(&stale.lease)).await.unwrap(), [false]);
        assert_eq!(bare.contents().await, while_another_holds_it);

        assert!(settle(&bare.queue, &current, Verdict::Done).await);
        // The head is now another message: neither the zombie nor the one that has settled may touch it.
        let afterwards = bare.contents().await;
        for verdict in &verdicts {
            assert!(!settle(&bare.queue, &stale, verdict.clone()).await);
            assert!(!settle(&bare.queue, &current, verdict.clone()).await);
        }
        assert_eq!(bare.queue.renew(&[stale.lease, current.lease]).await.unwrap(), [false, false]);
        assert_eq!(bare.contents().await, afterwards);
        assert_eq!(id(&the_one(&bare.queue, "living").await.payload), "2");
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_stands_twice_in_one_call_ends_once() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        say(&bare.queue, &[("alice", "1"), ("alice", "2"), ("bob", "3")]).await;
        let leased = bare.queue.fetch("one", 10).await.unwrap().leased;
        let done = |lease: &Lease| Settlement { lease: lease.clone(), verdict: Verdict::Done };
        let (alice, bob) = (&leased[0].lease, &leased[1].lease);
        let forged = Lease { fence: bob.fence.clone(), ..alice.clone() };
        let call = [done(&forged), done(alice), done(bob), done(alice), done(bob)];
        assert_eq!(bare.queue.settle(&call).await.unwrap(), [false, true, true, false, false]);
        assert_eq!(bare.contents().await.depth, 1);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_outlives_its_workers_is_quarantined_and_its_lane_goes_on() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        say(&bare.queue, &[("alice", "poison"), ("alice", "next")]).await;
        // Other ends in between count as attempts or not, but never as lost leases.
        for verdict in [Verdict::Retry(Duration::ZERO), Verdict::Wait(Duration::ZERO)] {
            let leased = the_one(&bare.queue, "living").await;
            assert!(settle(&bare.queue, &leased, verdict).await);
        }
        for lost in 0..10 {
            let leased = the_one(&bare.queue, "dying").await;
            assert_eq!(
                (id(&leased.payload).as_str(), leased.lost, leased.attempt),
                ("poison", lost, lost + 2)
            );
            bare.expire(&lane("alice")).await;
        }
        let next = the_one(&bare.queue, "living").await;
        assert_eq!((id(&next.payload).as_str(), next.attempt, next.lost), ("next", 1, 0));
        let dead = bare.contents().await.dead;
        assert_eq!(dead.len(), 1);
        assert_eq!((dead[0].lane.as_str(), dead[0].attempts), (lane("alice").as_str(), 11));
        assert_eq!(
            (dead[0].reason.as_str(), id(&dead[0].job).as_str()),
            ("its workers kept dying", "poison")
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_loses_a_lease_to_a_gap_in_which_nobody_could_renew() {
    on_a_bare_queue(lease_of(600), async |bare| {
        say(&bare.queue, &[("alice", "1"), ("bob", "2")]).await;
        let leased = bare.queue.fetch("living", 10).await.unwrap().leased;
        // As after an outage: nobody was heard of for longer than a lease.
        bare.time_passes(Duration::from_millis(700)).await;
        assert!(bare.queue.fetch("other", 1).await.unwrap().leased.is_empty(), "there is grace first");
        assert_eq!(bare.queue.renew(&[leased[0].lease.clone()]).await.unwrap(), [true]);
        let taken_over = the_next(&bare.queue, "other").await;
        assert_eq!(taken_over.lease.lane, leased[1].lease.lane, "who did not renew has lost it");
    })
    .await;
}

#[tokio::test]
async fn the_first_renewal_after_a_gap_gives_the_others_their_grace_too() {
    on_a_bare_queue(lease_of(600), async |bare| {
        say(&bare.queue, &[("alice", "1"), ("bob", "2")]).await;
        let leased = bare.queue.fetch("living", 10).await.unwrap().leased;
        bare.time_passes(Duration::from_millis(700)).await;
        assert_eq!(bare.queue.renew(&[leased[0].lease.clone()]).await.unwrap(), [true]);
        assert!(bare.queue.fetch("other", 1).await.unwrap().leased.is_empty());
        assert_eq!(bare.queue.renew(&[leased[1].lease.clone()]).await.unwrap(), [true]);
    })
    .await;
}

#[tokio::test]
async fn busy_owners_do_not_keep_a_dead_ones_leases_alive() {
    on_a_bare_queue(lease_of(2_000), async |bare| {
        say(&bare.queue, &[("alice", "1"), ("bob", "2")]).await;
        let dead = bare.queue.fetch("dead", 1).await.unwrap().leased.remove(0);
        let busy = the_one(&bare.queue, "busy").await;
        // Every slot is taken: it renews, and has no reason to fetch.
        let began = Instant::now();
        let mut turns = tokio::time::interval(Duration::from_millis(50));
        while began.elapsed() < Duration::from_millis(2_100) {
            turns.tick().await;
            assert_eq!(bare.queue.renew(std::slice::from_ref(&busy.lease)).await.unwrap(), [true]);
        }
        assert_eq!(the_one(&bare.queue, "busy").await.lease.lane, dead.lease.lane);
    })
    .await;
}

#[tokio::test]
async fn an_owner_gets_back_what_it_does_not_know_of_and_only_that() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let jobs: Vec<_> = (0..500).map(|n| message(&format!("{n}"), &format!("{n}"))).collect();
        let _answers = bare.queue.enqueue(&jobs).await.unwrap();
        let mut known = Vec::new();
        for _ in 0..2 {
            known.extend(
                bare.queue.fetch("one", 25).await.unwrap().leased.into_iter().map(|leased| leased.lease),
            );
        }
        // A name that begins like the other's is not the other.
        let others = bare.queue.fetch("one-1", 50).await.unwrap().leased.len();
        let mut unheard = 0;
        while unheard < 400 {
            unheard += bare.queue.fetch("one", 200).await.unwrap().leased.len();
        }
        assert_eq!((others, bare.contents().await.leased.len()), (50, 500));
        assert_eq!(bare.queue.recover("one", &known).await.unwrap(), 400);
        assert_eq!(bare.queue.recover("one", &known).await.unwrap(), 0);
        let contents = bare.is_sound().await;
        assert_eq!((contents.leased.len(), contents.ready.len()), (100, 400));
        assert!(known.iter().all(|lease| contents.fences[lease.lane.as_str()] == lease.fence));
        let again = bare.queue.fetch("two", 200).await.unwrap().leased;
        assert!(
            again.iter().all(|leased| (leased.attempt, leased.lost) == (1, 0)),
            "nobody had started them"
        );
    })
    .await;
}
