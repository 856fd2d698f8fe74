//! An id is taken once, whoever offers it, and the claim on it is worth exactly as much as its message.

use std::time::Duration;

use futures_util::future::join_all;
use shared::message::{MessageId, Provider};
use shared::queue::{Enqueued, QueueSettings, Verdict};

use super::{TURN, lane, message, on_a_bare_queue, say, settle, the_one, until};

#[tokio::test]
async fn an_id_that_is_offered_fifty_times_at_once_is_queued_once() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let queues: Vec<_> = (0..10).map(|_| bare.elsewhere()).collect();
        let job = message("alice", "said.1");
        let offers = queues.iter().cycle().take(50).map(|queue| queue.enqueue(std::slice::from_ref(&job)));
        let answers: Vec<_> = join_all(offers).await.into_iter().map(|answer| answer.unwrap()[0]).collect();
        assert_eq!(answers.iter().filter(|answer| **answer == Enqueued::Queued).count(), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == Enqueued::Duplicate).count(), 49);
        // Nor twice in one call, nor under another lane, nor after it was finished.
        let jobs = [message("bob", "said.2"), message("bob", "said.2"), message("bob", "said.1")];
        let answers = bare.queue.enqueue(&jobs).await.unwrap();
        assert_eq!(answers, [Enqueued::Queued, Enqueued::Duplicate, Enqueued::Duplicate]);
        for leased in bare.queue.fetch("one", 10).await.unwrap().leased {
            assert!(settle(&bare.queue, &leased, Verdict::Done).await);
        }
        assert_eq!(bare.queue.enqueue(&[job]).await.unwrap(), [Enqueued::Duplicate]);
        assert_eq!(bare.contents().await.depth, 0);
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_claims_nothing_and_still_knows_what_it_holds() {
    let settings = QueueSettings { at_most: 2, ..QueueSettings::default() };
    on_a_bare_queue(settings, async |bare| {
        let (a, b, c) = (message("a", "1"), message("b", "2"), message("c", "3"));
        let queue = bare.elsewhere();
        let offer = async |job| queue.enqueue(std::slice::from_ref(job)).await.unwrap()[0];
        let answers = queue.enqueue(&[a.clone(), b.clone(), c.clone(), a.clone()]).await.unwrap();
        assert_eq!(answers, [Enqueued::Queued, Enqueued::Queued, Enqueued::Full, Enqueued::Duplicate]);
        let unreadable = MessageId::new(Provider::Meta, "1098", "unreadable");
        let aside = async || queue.set_aside(&unreadable, "not a webhook", b"{").await.unwrap();
        assert_eq!(
            (aside().await, offer(&b).await, offer(&c).await),
            (Enqueued::Full, Enqueued::Duplicate, Enqueued::Full)
        );
        // A dead letter takes the place of its message; a finished message makes room, and nothing claims it yet.
        let leased = queue.fetch("one", 2).await.unwrap().leased;
        assert!(settle(&queue, &leased[0], Verdict::Dead("no use".to_owned())).await);
        assert_eq!(offer(&c).await, Enqueued::Full);
        assert!(settle(&queue, &leased[1], Verdict::Done).await);
        assert_eq!((offer(&c).await, offer(&c).await), (Enqueued::Queued, Enqueued::Duplicate));
        assert!(settle(&queue, &the_one(&queue, "one").await, Verdict::Done).await);
        assert_eq!((aside().await, aside().await), (Enqueued::Queued, Enqueued::Duplicate));
        let dead = bare.contents().await.dead;
        assert_eq!(dead.len(), 2);
        assert_eq!((dead[1].reason.as_str(), &dead[1].job[..]), ("not a webhook", &b"{"[..]));
    })
    .await;
}

#[tokio::test]
async fn a_claim_outlives_the_boundary_of_its_window_and_then_goes() {
    const WINDOW: Duration = Duration::from_secs(1);
    let settings = QueueSettings { claim_window: WINDOW, ..QueueSettings::default() };
    on_a_bare_queue(settings, async |bare| {
        let job = message("alice", "said.1");
        let mut turns = tokio::time::interval(TURN);
        let mut taken = Vec::new();
        let mut refused_in = Vec::new();
        while taken.len() < 2 {
            turns.tick().await;
            let before = bare.now().await / 1000;
            let answer = bare.queue.enqueue(std::slice::from_ref(&job)).await.unwrap()[0];
            let after = bare.now().await / 1000;
            match answer {
                Enqueued::Queued => taken.push((before, after)),
                _ => refused_in.push(before),
            }
        }
        let [(first, _), (_, again)] = taken[..] else { unreachable!() };
        assert!(again >= first + 2, "known for less than a window: {first} to {again}");
        assert!(refused_in.contains(&(first + 1)), "the boundary was crossed");
        bare.is_sound().await;
        until("the claims are gone", async || bare.claims().await.is_empty()).await;
    })
    .await;
}

#[tokio::test]
async fn claims_cost_little() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let count = 5_000;
        let jobs: Vec<_> = (0..count).map(|n| message("alice", &format!("said.{n}"))).collect();
        let _answers = bare.queue.enqueue(&jobs).await.unwrap();
        let claims = bare.claims().await;
        assert!(claims.len() < 16_384, "as many keys as buckets, however many ids");
        let mut pipeline = redis::pipe();
        for claim in &claims {
            pipeline.cmd("MEMORY").arg("USAGE").arg(claim).cmd("OBJECT").arg("ENCODING").arg(claim);
        }
        let facts: Vec<redis::Value> = pipeline.query_async(&mut bare.redis).await.unwrap();
        let bytes: u64 =
            facts.iter().step_by(2).map(|fact| redis::from_redis_value_ref::<u64>(fact).unwrap()).sum();
        let encoding: String = redis::from_redis_value_ref(&facts[1]).unwrap();
        eprintln!("{count} claims in {} keys take {} bytes each", claims.len(), bytes / count);
        assert!(bytes / count < 160, "{} bytes a claim", bytes / count);
        assert!(encoding == "listpack" || encoding == "ziplist", "{encoding}");
    })
    .await;
}

#[tokio::test]
async fn the_rest_of_a_flood_is_set_aside_and_other_lanes_do_not_notice() {
    on_a_bare_queue(QueueSettings::default(), async |bare| {
        let flood: Vec<_> = (0..20_002).map(|n| message("flood", &format!("said.{n}"))).collect();
        let answers = bare.queue.enqueue(&flood).await.unwrap();
        assert!(answers[..20_000].iter().all(|answer| *answer == Enqueued::Queued));
        assert_eq!(answers[20_000..], [Enqueued::Overflow, Enqueued::Overflow]);
        assert_eq!(bare.queue.enqueue(&flood[20_001..]).await.unwrap(), [Enqueued::Duplicate]);
        say(&bare.queue, &[("bob", "said.b")]).await;
        let contents = bare.is_sound().await;
        assert_eq!((contents.depth, contents.dead.len()), (20_001, 2));
        let letter = &contents.dead[1];
        assert_eq!((letter.lane.as_str(), letter.attempts), (lane("flood").as_str(), 0));
        assert_eq!(
            (letter.reason.as_str(), super::id(&letter.job).as_str()),
            ("lane overflow", "said.20001")
        );
    })
    .await;
}
