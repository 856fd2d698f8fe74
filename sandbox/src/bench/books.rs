//! The reference for the worker, the *books limit*: the statements and the calls of the queue that one message costs, in
//! the same transactions, by a bare loop. Nothing is parsed, nobody is waited for, no other program is asked.
//!
//! What it does is written down here a second time, by hand; that both send as many statements is compared by the caller.

use anyhow::{Context, Result, ensure};
use shared::clock::Clock;
use shared::generation::Generation;
use shared::job::{Job, Work};
use shared::ledger::{self, Entry, Posted};
use shared::message::{Inbound, MessageId};
use shared::person::Person;
use shared::queue::{Leased, Pace, Queue, Route, Settlement, Verdict};
use shared::receipt::{self, Outcome, Standing, Start};
use shared::step::{self, Step};
use shared::texts::Text;
use shared::vault::Vault;
use shared::{generation, menu, outbox, person, preference};
use sqlx::PgPool;
use tokio::task::JoinSet;
use worker::allowance::Allowance;
use worker::window;

/// Messages at which it works at once: as many as it has connections.
const HANDS: usize = 20;

/// Takes everything that waits and handles it. Returns how many that were.
pub async fn handle_all(queue: &Queue, pool: &PgPool) -> Result<usize> {
    let mut hands = JoinSet::new();
    for hand in 0..HANDS {
        let (queue, pool) = (queue.clone(), pool.clone());
        hands.spawn(async move {
            let (owner, mut handled) = (format!("bare-{hand}"), 0);
            loop {
                let Some(leased) = queue.fetch(&owner, 1).await?.leased.pop() else {
                    return anyhow::Ok(handled);
                };
                handle(&queue, &pool, &leased).await?;
                queue.settle(&[Settlement { lease: leased.lease, verdict: Verdict::Done }]).await?;
                handled += 1;
            }
        });
    }
    let mut handled = 0;
    while let Some(hand) = hands.join_next().await {
        handled += hand??;
    }
    Ok(handled)
}

/// The books of one message.
async fn handle(queue: &Queue, pool: &PgPool, leased: &Leased) -> Result<()> {
    let job: Job = queue.read(&leased.payload)?;
    let vault = queue.vault().context("a vault")?;
    let Work::Message(inbound) = &job.work else { anyhow::bail!("a message") };
    queue.behind(&job.id, &job.lane, 50).await?;
    let person = hold(pool, vault, &job, inbound).await?;
    write(pool, vault, &inbound.id, &person).await?;
    queue.behind(&job.id, &job.lane, 50).await?;
    finish(pool, vault, inbound, &person).await?;
    send(queue, pool, &inbound.id).await
}

/// The first transaction.
async fn hold(pool: &PgPool, vault: &Vault, job: &Job, inbound: &Inbound) -> Result<Person> {
    let now = Clock::system().now();
    let mut tx = pool.begin().await?;
    let start = Start { number: 1, worker: "bare", received_at: job.received_at };
    let standing = receipt::start(&mut tx, vault, inbound, start, now).await?;
    ensure!(matches!(standing, Standing::Open(_)), "a message twice");
    let person = person::resolve(&mut tx, vault, &inbound.sender, inbound.sent_at, now).await?;
    receipt::belongs_to(&mut tx, &inbound.id, &person.id).await?;
    vault.key(&mut tx, &person.id).await?;
    Allowance::default().brief(&mut tx, &person.id, &inbound.id, now).await?;
    let posted = ledger::post(&mut tx, &person.id, Entry::Generation(&inbound.id), now).await?;
    ensure!(matches!(posted, Posted::Applied(_)), "no credit");
    tx.commit().await?;
    Ok(person)
}

/// What the model answers is recorded, step by step.
async fn write(pool: &PgPool, vault: &Vault, message: &MessageId, person: &Person) -> Result<()> {
    let answer = Step {
        output: "Trois posts pour l’ouverture d’un salon de thé.".repeat(6),
        finish_reason: "stop".to_owned(),
        model: "gpt-4o-mini-2024-07-18".to_owned(),
        prompt_tokens: 320,
        completion_tokens: 180,
        took_ms: 0,
        cost_micros: None,
    };
    let mut db = pool.acquire().await?;
    ensure!(step::all(&mut db, vault, message).await?.is_empty(), "a step twice");
    let key = vault.theirs(&mut db, &person.id).await?;
    for name in ["intent", "prompt", "posts"] {
        step::record(&mut *db, &key, message, name, &answer, Clock::system().now()).await?;
    }
    Ok(())
}

/// The second transaction.
async fn finish(pool: &PgPool, vault: &Vault, inbound: &Inbound, person: &Person) -> Result<()> {
    let now = Clock::system().now();
    let mut tx = pool.begin().await?;
    ensure!(receipt::end(&mut tx, &inbound.id, Outcome::Posts, None, now).await?, "an end twice");
    let (user, left) = ledger::lock(&mut tx, &person.id).await?;
    let posts =
        ["Samedi, notre salon de thé ouvre ses portes !", "Une tasse chaude.", "Trente thés pour vous."];
    let generation = Generation {
        brief: "Un post pour l’ouverture de notre salon de thé",
        platform: Some("instagram"),
        industry: Some("salon de thé"),
        objective: Some("ouverture"),
        tone: Some("chaleureux"),
        language: Some("fr"),
        prompt: "Trois posts Instagram pour l’ouverture d’un salon de thé.",
        posts,
        tokens: step::tokens(&mut *tx, &inbound.id).await?,
    };
    let generation = &generation::add(&mut tx, &user, &generation, now).await?;
    preference::wrote(&mut *tx, &user, person.language).await?;
    let text = Text::Posts { generation, posts, left, low: false, translation: person.language.other() };
    let reply = worker::reply::write(None, text, person.language, inbound.provider);
    let key = vault.key(&mut tx, &user).await?;
    let keys = (vault, Some(&key));
    outbox::put(&mut tx, keys, inbound.into(), &reply.parts, reply.shown.as_ref(), now).await?;
    if let Some(menu) = &reply.menu {
        menu::open(&mut tx, &user, menu, now).await?;
    }
    Ok(tx.commit().await?)
}

/// What is read and written around the sending.
async fn send(queue: &Queue, pool: &PgPool, cause: &MessageId) -> Result<()> {
    let vault = queue.vault().context("a vault")?;
    let messages = outbox::caused_by(&mut *pool.acquire().await?, vault, cause).await?;
    preference::silences(pool, cause).await?;
    window::is_open_for(pool, cause, Clock::system().now()).await?;
    for message in messages {
        let route =
            Route { provider: message.provider, business: &message.business, address: &message.address };
        let _now = queue.turn(route, message.id.get(), &pace()).await?;
        ensure!(outbox::mark_sending(pool, message.id, Clock::system().now()).await?, "a part twice");
        let id = format!("wamid.BARE{}", message.id.get());
        outbox::accepted(pool, message.id, &id, Clock::system().now()).await.context("the outbox")?;
    }
    Ok(())
}

fn pace() -> Pace {
    let patience = worker::policy::Patience::default();
    Pace {
        pair_every: patience.pair_every,
        pair_burst: patience.pair_burst,
        number_every: std::time::Duration::from_micros(1),
        number_burst: 100_000,
        worth: worker::policy::TURN_WORTH,
        probe: patience.send_timeout,
    }
}
