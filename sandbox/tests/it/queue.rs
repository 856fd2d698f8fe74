//! The queue's promises, on a real Redis. Every test ends with a look at the raw keys, which must agree.

mod claims;
mod cluster;
mod dead;
mod figures;
mod grouped;
mod hands;
mod leases;
mod load;
mod model;
mod order;
pub(crate) mod outage;
mod pace;
mod restore;
mod rewrite;
mod sequences;
mod verdicts;

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use sandbox::conversation::BareQueue;
use shared::job::Job;
use shared::message::{Address, Content, Inbound, MessageId, Provider, Sender};
use shared::queue::{Enqueued, Figures, Leased, Queue, QueueSettings, Settlement, Verdict};

/// Runs a test on a bare queue.
async fn on_a_bare_queue(settings: QueueSettings, test: impl AsyncFnOnce(&mut BareQueue)) {
    sandbox::conversation::queue(&crate::GROUND, settings, test).await;
}

/// A message with this id of somebody.
fn message(who: &str, id: &str) -> Job {
    let inbound = Inbound {
        lane: None,
        id: MessageId::new(Provider::Meta, "1098", id),
        provider_id: None,
        provider: Provider::Meta,
        business: "1098".to_owned(),
        sender: Sender { address: Address::Bsuid(who.to_owned()), phone: None, bsuid: Some(who.to_owned()) },
        sent_at: DateTime::UNIX_EPOCH,
        content: Content::Text("Crée un post".to_owned()),
    };
    Job::message(inbound, DateTime::UNIX_EPOCH)
}

/// The same, received so many milliseconds after the others.
fn message_at(who: &str, id: &str, millis: i64) -> Job {
    let mut job = message(who, id);
    job.received_at += TimeDelta::milliseconds(millis);
    job
}

/// The name of somebody's lane.
fn lane(who: &str) -> String {
    format!("meta:1098:{who}")
}

/// The id of a queued message.
fn id(payload: &[u8]) -> String {
    let job: Job = serde_json::from_slice(payload).unwrap();
    job.id.provider_part().to_owned()
}

/// Queues these, all of them new: `(who, id)`.
async fn say(queue: &Queue, messages: &[(&str, &str)]) {
    let jobs: Vec<Job> = messages.iter().map(|(who, id)| message(who, id)).collect();
    let answers = queue.enqueue(&jobs).await.unwrap();
    assert!(answers.iter().all(|answer| *answer == Enqueued::Queued), "{answers:?}");
}

/// The one message that this owner gets when it asks for several.
async fn the_one(queue: &Queue, owner: &str) -> Leased {
    let mut fetched = queue.fetch(owner, 10).await.unwrap().leased;
    assert_eq!(fetched.len(), 1, "{fetched:?}");
    fetched.remove(0)
}

/// Ends one lease.
async fn settle(queue: &Queue, leased: &Leased, verdict: Verdict) -> bool {
    queue.settle(&[Settlement { lease: leased.lease.clone(), verdict }]).await.unwrap()[0]
}

/// How often a test looks whether something has happened.
const TURN: Duration = Duration::from_millis(10);

/// Longer than anything here should take.
const LONG: Duration = Duration::from_secs(30);

/// Waits until something is so, and panics when it never is.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        let mut turns = tokio::time::interval(TURN);
        while !holds().await {
            turns.tick().await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Waits until the queue looks like this. It may be away meanwhile.
async fn until_figures(queue: &Queue, what: &str, hold: impl Fn(Figures) -> bool) {
    until(what, async || queue.figures().await.is_ok_and(&hold)).await;
}

/// Waits until nothing is queued.
async fn until_idle(queue: &Queue) {
    until_figures(queue, "everything ended", |figures| figures.lanes == 0).await;
}

/// Fetches until a message comes.
async fn the_next(queue: &Queue, owner: &str) -> Leased {
    let mut next = None;
    until("a message to fetch", async || {
        next = queue.fetch(owner, 1).await.unwrap().leased.pop();
        next.is_some()
    })
    .await;
    next.unwrap()
}
