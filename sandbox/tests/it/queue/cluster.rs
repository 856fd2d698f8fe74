//! A Redis cluster refuses a script that reaches beyond the slot of the keys that it was called with: ours stay within.

use std::time::Duration;

use sandbox::conversation::BareQueue;
use sandbox::servers::{Options, Servers};
use shared::queue::{Enqueued, QueueSettings, Restored, Verdict};

use super::outage::only_redis;
use super::{id, lane, message, message_at, say, settle, the_one, until};

#[tokio::test]
async fn every_call_of_the_queue_stays_within_one_slot() {
    let servers = Servers::start(Options { redis_cluster: true, ..only_redis() }).await.unwrap();
    let mut bare = BareQueue::open(&servers.redis_url, QueueSettings::default()).await;
    let mut redis = bare.redis.clone();
    let mut command = redis::cmd("CLUSTER");
    command.arg("ADDSLOTSRANGE").arg(0).arg(16_383).query_async::<()>(&mut redis).await.unwrap();
    until("a cluster that serves", async || {
        let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut redis).await.unwrap();
        info.contains("cluster_state:ok")
    })
    .await;
    // A node that is a cluster says so when a call crosses slots: the check below would be worth nothing otherwise.
    let crossed = redis::cmd("MGET").arg("a").arg("b").query_async::<redis::Value>(&mut redis).await;
    assert!(crossed.unwrap_err().to_string().contains("CrossSlot"));

    let queue = bare.elsewhere();
    say(&queue, &[("alice", "1"), ("alice", "2"), ("bob", "3")]).await;
    assert_eq!(queue.set_aside(&message("a", "x").id, "why", b"?").await.unwrap(), Enqueued::Queued);
    assert_eq!(queue.restore(&[message_at("carol", "4", 5)]).await.unwrap(), [Restored::Settled]);
    let leased = queue.fetch("one", 10).await.unwrap().leased;
    assert_eq!(leased.len(), 3);
    assert_eq!(queue.renew(&[leased[0].lease.clone()]).await.unwrap(), [true]);
    assert_eq!(queue.recover("one", &[leased[0].lease.clone(), leased[1].lease.clone()]).await.unwrap(), 1);
    assert!(settle(&queue, &leased[0], Verdict::Dead("why not".to_owned())).await);
    assert!(settle(&queue, &leased[1], Verdict::Retry(Duration::ZERO)).await);
    let letters = queue.dead_letters(None, 10).await.unwrap();
    assert_eq!((letters.len(), id(&letters[1].job).as_str()), (2, "1"));
    assert!(queue.replay(&letters[1].id).await.unwrap() && queue.discard(&letters[0].id).await.unwrap());
    queue.waker().wait(Duration::from_millis(10)).await.unwrap();
    queue.pause().await.unwrap();
    queue.resume().await.unwrap();
    assert!(queue.knows(&message("alice", "1").id).await.unwrap());
    assert!(queue.search(&message("alice", "1").id).await.unwrap().is_some_and(|place| place.ahead == 1));
    assert_eq!(queue.fetch("dying", 10).await.unwrap().leased.len(), 3);
    bare.expire(&lane("alice")).await;
    let taken_over = the_one(&queue, "living").await;
    assert_eq!((id(&taken_over.payload).as_str(), taken_over.lost), ("2", 1));
    assert!(settle(&queue, &taken_over, Verdict::Done).await);
    assert_eq!(queue.recover("dying", &[]).await.unwrap(), 2);
    while queue.figures().await.unwrap().lanes > 0 {
        for leased in queue.fetch("living", 10).await.unwrap().leased {
            assert!(settle(&queue, &leased, Verdict::Done).await);
        }
    }
    bare.is_sound().await;
    servers.stop().await.unwrap();
}
