//! The verdict: every promise over every message, read from the books, the queue, the phones and the model's calls.

mod books;
mod model;
mod order;
mod queue;
mod replies;

use std::collections::BTreeMap;

use anyhow::Result;
use shared::message::MessageId;
use shared::story;

use super::World;
use super::record::Said;

use books::Books;

/// How many broken promises are told with their whole story.
const TOLD: usize = 5;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    lines: Vec<String>,
    notes: BTreeMap<String, u32>,
    breaches: Vec<(Option<MessageId>, String)>,
    /// Messages that a breach is about as well.
    besides: Vec<MessageId>,
}

/// Looks at everything.
pub(super) async fn over(world: &World) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let said = world.record.all();
    let books = Books::read(&world.pool).await?;
    let acknowledged = said.iter().filter(|said| said.acknowledged_at.is_some()).count();
    verdict.lines.push(format!("{} messages said, {acknowledged} acknowledged", said.len()));
    verdict.judge("exactly one end each", |verdict| books.ends(&said, verdict));
    verdict.judge("one debit when posts were sent, a refund when it failed after one", |verdict| {
        books.debits(verdict)
    });
    verdict.judge("entries sum to balances, one generation for each message with posts", |verdict| {
        books.sums(verdict)
    });
    verdict.judge("one visible reply each", |verdict| {
        replies::once(&world.stage, &world.cast.absences(), &books, verdict)
    });
    verdict.judge("the order of each conversation", |verdict| order::kept(&said, &books, verdict));
    verdict.judge("no step of the model paid twice", |verdict| {
        model::paid_once(&world.stage, &world.cast.absences(), &said, &books, verdict)
    });
    let left = queue::left(&world.servers.redis_url).await?;
    verdict.judge("nothing left in Redis but what belongs there", |verdict| left.belongs(&books, verdict));
    Ok(verdict)
}

impl Verdict {
    /// Goes through one promise and says how it stands.
    fn judge(&mut self, promise: &str, look: impl FnOnce(&mut Self) -> usize) {
        let before = self.breaches.len();
        let seen = look(self);
        let broken = self.breaches.len() - before;
        let mark = if broken == 0 { "held  " } else { "BROKEN" };
        let count =
            if broken == 0 { format!("{seen} seen") } else { format!("{seen} seen, {broken} broken") };
        self.lines.push(format!("{mark}  {promise}: {count}"));
    }

    /// A promise was broken.
    pub(super) fn breach(&mut self, message: Option<&MessageId>, what: impl Into<String>) {
        self.breaches.push((message.cloned(), what.into()));
    }

    /// This message has its part in a breach: its story is told as well.
    pub(super) fn also_tell(&mut self, message: &MessageId) {
        if !self.besides.contains(message) {
            self.besides.push(message.clone());
        }
    }

    /// An exception that the storm explains.
    fn note(&mut self, what: &str) {
        *self.notes.entry(what.to_owned()).or_default() += 1;
    }

    /// How many promises were broken.
    pub(super) fn breaches(&self) -> usize {
        self.breaches.len()
    }

    /// The table, and the whole story of what was broken.
    pub(super) async fn print(&self, world: &World) {
        println!("\nverdict");
        for line in &self.lines {
            println!("  {line}");
        }
        if !self.notes.is_empty() {
            println!("\nexceptions that the storm explains");
        }
        for (what, count) in &self.notes {
            println!("  {count:>6}  {what}");
        }
        for (message, what) in &self.breaches {
            println!("\nBROKEN: {what}");
            if let Some(message) = message {
                println!("  {}", message.as_str());
            }
        }
        let broken = self.breaches.iter().filter_map(|(message, _)| message.as_ref()).take(TOLD);
        for message in broken.chain(self.besides.iter().take(TOLD)) {
            tell(world, message).await;
        }
        let broken = self.breaches.len();
        println!(
            "\n{}",
            if broken == 0 { "every promise held".to_owned() } else { format!("{broken} BROKEN") }
        );
    }
}

/// The whole story of one message.
async fn tell(world: &World, message: &MessageId) {
    println!("\nthe story of {}", message.as_str());
    if let Some(Said { kind, tag, offered_at, acknowledged_at, .. }) =
        world.record.all().into_iter().find(|said| said.id == *message)
    {
        println!("  {kind:?} {tag}, said {offered_at}, acknowledged {acknowledged_at:?}");
    }
    match story::of(&world.pool, message).await {
        Ok(events) => {
            for event in events {
                println!("  {}  {:?} {}", event.at, event.what, event.detail.unwrap_or_default());
            }
        }
        Err(error) => println!("  {error}"),
    }
    for start in story::attempts(&world.pool, message).await.unwrap_or_default() {
        let story::Attempt { number, worker, began_at, runs, resumed_at, ended_at, verdict, reason } = start;
        println!(
            "  start {number} by {worker} at {began_at}, {runs} run(s), resumed {resumed_at:?}, ended {ended_at:?}: \
             {verdict:?} {reason:?}"
        );
    }
}
