//! What was deleted goes from Redis' file as well.

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use sandbox::conversation::BareQueue;
use shared::clock::Clock;
use shared::queue::{QueueSettings, Settlement, Verdict};

use super::outage::a_redis;
use super::{say, the_next, until};

/// Whether any file under here has these bytes in it.
fn has(place: &Path, needle: &[u8]) -> bool {
    let Ok(entries) = std::fs::read_dir(place) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return has(&path, needle);
        }
        // One that is replaced at this moment is gone.
        std::fs::read(&path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|part| part == needle))
    })
}

#[tokio::test]
async fn what_is_gone_goes_from_the_file_too_and_not_more_often_than_it_may() {
    let servers = a_redis().await;
    let place = servers.directory.clone().unwrap();
    let bare = BareQueue::open(&servers.redis_url, QueueSettings::default()).await;
    let queue = bare.elsewhere();
    say(&queue, &[("alice-of-the-file", "1"), ("bob-of-the-file", "2")]).await;
    let leased = the_next(&queue, "one").await;
    queue.settle(&[Settlement { lease: leased.lease, verdict: Verdict::Done }]).await.unwrap();
    assert!(has(&place, b"alice-of-the-file") && has(&place, b"bob-of-the-file"));

    let (gone, every) = (Clock::system().now(), Duration::from_mins(10));
    let soon = gone + TimeDelta::seconds(1);
    assert!(queue.rewrite(gone, every, soon).await.unwrap());
    until("the new file", async || !has(&place, b"alice-of-the-file")).await;
    assert!(has(&place, b"bob-of-the-file"), "what waits is still there");
    assert!(!queue.rewrite(gone, every, soon).await.unwrap(), "it is done");

    // Somebody else is forgotten: not at once, but for certain.
    let again = soon + TimeDelta::minutes(1);
    let ask = async |at| queue.rewrite(again, every, at).await.unwrap();
    assert!(!ask(again).await, "too early");
    assert!(ask(soon + TimeDelta::minutes(11)).await);
    servers.stop().await.unwrap();
}
