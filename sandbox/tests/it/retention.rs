//! What was kept long enough goes, kind by kind; what is not over, what is young, the money and the history stay.

mod batches;
mod kinds;

use std::time::Duration;

use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::{PATIENCE, Person};
use sandbox::simulators::openai::OpenAiFault;
use shared::env::Env;
use shared::message::Provider;
use sqlx::AssertSqlSafe;
use worker::operator::Desk;
use worker::operator::dead::{self, Filter};
use worker::operator::deed::{self, Replayed};
use worker::operator::explain::explain;

use crate::{GROUND, for_each_provider, until};

const BRIEF: &str = "Crée un post promo pour mes brioches";

/// How often retention comes round in these worlds.
const SOON: Duration = Duration::from_millis(150);

fn days(days: u64) -> Duration {
    Duration::from_hours(days * 24)
}

async fn count(sandbox: &Sandbox, of: &str) -> i64 {
    let statement = format!("select count(*) from {of}");
    sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&sandbox.pool).await.unwrap()
}

async fn is_gone(sandbox: &Sandbox, what: &str) {
    until(&format!("the end of {what}"), async || count(sandbox, what).await == 0).await;
}

/// Waits until every kind was looked at once more, from now on.
async fn is_looked_at(sandbox: &Sandbox) {
    let now = sandbox.clock.now();
    until("a turn of retention", async || {
        let standing = shared::retention::standing(&sandbox.pool).await.unwrap();
        standing.len() == shared::retention::Kind::ALL.len() && standing.iter().all(|(_, at)| *at > now)
    })
    .await;
}

/// A worker that lets go soon.
fn begins(sandbox: &mut Sandbox) {
    sandbox.patience.retain_period = SOON;
    sandbox.starts_worker();
}

/// Posts, a voice note, and a reaction where there are reactions.
async fn lives(sandbox: &Sandbox, provider: Provider) -> Person {
    let person = sandbox.person(provider).with_credits(5).await;
    person.says(BRIEF).await;
    person.hears().await;
    if let Some(posts) = person.screen().pop() {
        person.reacts(&posts.id, Some("👍")).await;
    }
    person.speaks("Un post sur mes tartes, pour les enfants").await;
    person.hears().await;
    sandbox.is_quiet().await;
    person
}

/// The words go first, then what was said, then that anything was; the money and the history stay.
async fn a_message_grows_old(sandbox: &mut Sandbox, provider: Provider) {
    begins(sandbox);
    let alice = lives(sandbox, provider).await;
    let money = (alice.credits().await, alice.charges().await, count(sandbox, r#""CreditLedger""#).await);
    let (said, told) = (count(sandbox, "wa.receipt").await, count(sandbox, "wa.outbox").await);
    sandbox.advances(days(29));
    let bob = sandbox.person(provider).with_credits(2).await;
    bob.says("Un post pour mon garage à vélos").await;
    bob.hears().await;
    sandbox.is_quiet().await;
    is_looked_at(sandbox).await;
    let (steps, his_steps) = (count(sandbox, "wa.step").await, 3);
    assert!(steps > his_steps, "young steps stay: {steps}");

    sandbox.advances(days(2));
    until("the end of her steps", async || count(sandbox, "wa.step").await == his_steps).await;
    let worded = "wa.outbox where body <> '' or menu is not null";
    until("the end of her words", async || count(sandbox, worded).await == 1).await;
    is_looked_at(sandbox).await;
    assert_eq!((count(sandbox, "wa.receipt").await, count(sandbox, "wa.outbox").await), (said + 1, told + 1));

    sandbox.advances(days(60));
    until("the end of her receipts", async || count(sandbox, "wa.receipt").await == 1).await;
    is_looked_at(sandbox).await;
    for (what, left) in [("wa.outbox", 1), ("wa.attempt", 1), ("wa.feedback", 0), ("wa.step", 0)] {
        assert_eq!(count(sandbox, what).await, left, "{what}");
    }
    assert_eq!(alice.generations().await, 2, "the history is hers");
    let now = (alice.credits().await, alice.charges().await);
    assert_eq!(now, (money.0, money.1), "the money is the money");
    assert_eq!(
        count(sandbox, r#""CreditLedger""#).await,
        money.2 + 2,
        "his credits and his debit, and all of hers"
    );
    alice.says("historique").await;
    let history = alice.hears().await;
    assert!(history.contains("Crée un post promo"), "{history}");

    // Operators, and she herself, can still ask.
    let desk = Desk::open(Env::from_values(sandbox.variables.clone())).unwrap();
    let account = alice.account().await;
    let lines = shared::ledger::statement(&sandbox.pool, &account).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.delta).sum::<i32>(), alice.credits().await);
    let export = worker::operator::person::export(&desk, &account, sandbox.clock.now()).await.unwrap();
    assert!(serde_json::to_string(&export).unwrap().contains("brioches"));
}

for_each_provider! { in run_without_worker
    an_old_message => super::a_message_grows_old;
}

/// Nobody tells an old message from a new one but by its receipt: without it, the money knows.
async fn what_was_charged_once_is_not_begun_anew(sandbox: &mut Sandbox, provider: Provider) {
    begins(sandbox);
    let alice = sandbox.person(provider).with_credits(5).await;
    let written = alice.says(BRIEF).await;
    alice.hears().await;
    let spoken = alice.speaks("Un post sur mes tartes, pour les enfants").await;
    alice.hears().await;
    sandbox.is_quiet().await;
    sandbox.advances(days(91));
    is_gone(sandbox, "wa.receipt").await;
    let calls = sandbox.stage.openai.calls().len();
    // Nor does the queue know it any more.
    let client = redis::Client::open(sandbox.variables["REDIS_URL"].as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let claims: Vec<String> = redis::cmd("KEYS").arg("{wa:0}seen:*").query_async(&mut redis).await.unwrap();
    redis::cmd("DEL").arg(claims).query_async::<()>(&mut redis).await.unwrap();
    for said in [&written, &spoken] {
        alice.redeliver(said, 2, true).await;
    }
    sandbox.is_quiet().await;
    let taken = sandbox.queue.figures().await.unwrap().taken;
    assert!(taken >= 4, "both were handled again: {taken}");
    assert_eq!((alice.credits().await, alice.charges().await), (3, (2, 0)));
    assert_eq!(alice.has_heard().len(), 2, "and nobody was answered twice");
    assert_eq!(sandbox.stage.openai.calls().len(), calls, "nor was a model paid");
    assert_eq!(count(sandbox, "wa.receipt").await, 0);
}

for_each_provider! { in run_without_worker
    a_redelivery_after_its_receipt => super::what_was_charged_once_is_not_begun_anew;
}

/// What failed can be replayed for as long as its letter is there, with everything that was done before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_may_replay_stays_whole() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.variables.insert("RETAIN_STEPS_DAYS".to_owned(), "7".to_owned());
        begins(sandbox);
        let bob = sandbox.person(Provider::Twilio).with_credits(5).await;
        bob.says(BRIEF).await;
        bob.hears().await;
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        sandbox.stage.openai.fails_next(3, OpenAiFault::Overloaded503);
        let hers = alice.says(BRIEF).await;
        assert!(alice.hears().await.starts_with("😕"));
        sandbox.has_dead_letters(1).await;
        sqlx::query(
            "insert into wa.step (message_id, name, output, finish_reason, model, prompt_tokens, completion_tokens, took_ms, finished_at)
             values ($1, 'transcription', '{}', 'stop', 'm', 1, 1, 1, $2)",
        )
        .bind(hers.id.as_str())
        .bind(sandbox.clock.now())
        .execute(&sandbox.pool)
        .await
        .unwrap();
        sandbox.advances(days(8));
        until("the end of his steps", async || count(sandbox, "wa.step").await == 1).await;
        is_looked_at(sandbox).await;
        assert_eq!(count(sandbox, "wa.step").await, 1, "hers may be asked for again");
        let desk = Desk::open(Env::from_values(sandbox.variables.clone())).unwrap();
        let now = sandbox.clock.now();
        // Somebody writes, so that a late answer may leave.
        alice.says("solde").await;
        alice.hears().await;
        let letters = dead::find(&desk, &Filter::default(), 10, now).await.unwrap();
        let replayed = deed::replay(&desk, &letters[0], &crate::author(), now).await.unwrap();
        assert_eq!(replayed, Replayed::Queued);
        assert!(alice.hears().await.contains("*3.* "));
        sandbox.is_quiet().await;
        assert_eq!((alice.credits().await, alice.charges().await), (5, (1, 1)));
        sandbox.advances(days(8));
        is_gone(sandbox, "wa.step").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_goes_and_its_receipt_says_what_became_of_it() {
    run_without_worker(&GROUND, async |sandbox| {
        begins(sandbox);
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        sandbox.stage.openai.fails_next(3, OpenAiFault::Overloaded503);
        let hers = alice.says(BRIEF).await;
        assert!(alice.hears().await.starts_with("😕"));
        sandbox.has_dead_letters(1).await;
        sandbox.advances(days(29));
        is_looked_at(sandbox).await;
        assert_eq!(sandbox.dead_letters().await.len(), 1);
        sandbox.advances(days(2));
        until("the letter's end", async || sandbox.dead_letters().await.is_empty()).await;
        let desk = Desk::open(Env::from_values(sandbox.variables.clone())).unwrap();
        let story = explain(&desk, hers.id.as_str(), false).await.unwrap().to_string();
        assert!(story.contains("ended: failed") && story.contains("credit refunded"), "{story}");
        assert_eq!((alice.credits().await, alice.charges().await), (5, (1, 1)));
    })
    .await;
}

/// Whoever is forgotten is forgotten wholly, however much of them has gone before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_finds_what_is_left() {
    run(&GROUND, async |sandbox| {
        sandbox.stops_workers().await;
        begins(sandbox);
        let alice = lives(sandbox, Provider::Meta).await;
        sandbox.advances(days(89));
        alice.says("historique").await;
        alice.hears().await;
        sandbox.is_quiet().await;
        let desk = Desk::open(Env::from_values(sandbox.variables.clone())).unwrap();
        let account = alice.account().await;
        let known = worker::operator::erasure::known(&desk, &account, sandbox.clock.now()).await.unwrap();
        sandbox.advances(days(3));
        until("her first receipts' end", async || count(sandbox, "wa.receipt").await == 1).await;
        worker::operator::erasure::erase(&desk, &account, &crate::author(), sandbox.clock.now())
            .await
            .unwrap();
        let findings = worker::operator::erasure::scan(&desk, &known, &[]).await.unwrap();
        assert!(findings.found.is_empty(), "{findings}");
    })
    .await;
}

/// What Prometheus is told: what went, and that somebody goes round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_is_counted_and_who_stands_still_is_seen() {
    run_without_worker(&GROUND, async |sandbox| {
        sqlx::query(
            "insert into wa.signin (id, token, browser, number, numbers, begun_at)
             select 's' || n, 't' || n, 'b' || n, 1, array[1, 2, 3]::smallint[], now() - interval '2 days' from generate_series(1, 7) n",
        )
        .execute(&sandbox.pool)
        .await
        .unwrap();
        let mut worker = sandbox.worker_process(&[("POSTLY_HURRY", "on")]);
        worker.ready(PATIENCE).await.unwrap();
        is_gone(sandbox, "wa.signin").await;
        let told = async |line: &str| {
            let url = format!("{}/metrics", worker.admin_url());
            let text = reqwest::get(url).await.unwrap().text().await.unwrap();
            let value = text.lines().find_map(|found| found.strip_prefix(line)).unwrap_or_else(|| panic!("{line}: {text}"));
            value.trim().to_owned()
        };
        let deleted = async |kind: &str| told(&format!("postly_retention_deleted_total{{kind=\"{kind}\"}}")).await;
        until("the count", async || deleted("sign_ins").await == "7").await;
        assert_eq!(deleted("texts").await, "0");
        let behind: f64 = told(r#"postly_retention_behind_seconds{kind="audit"}"#).await.parse().unwrap();
        assert!(behind < 60.0, "{behind}");
        assert_eq!(told("postly_erasure_oldest_age_seconds").await, "0");
        worker.signal(nix::sys::signal::Signal::SIGTERM);
        worker.ended(PATIENCE).await.unwrap();
    })
    .await;
}

/// Nobody takes a wish for one that is carried out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_that_waits_is_seen_to_wait() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let account = alice.account().await;
        let asked = sandbox.clock.now();
        let mut db = sandbox.pool.acquire().await.unwrap();
        shared::erasure::ask(&mut db, &account, shared::erasure::AskedBy::Portal, asked).await.unwrap();
        let since = shared::erasure::waits_since(&mut *db).await.unwrap().unwrap();
        drop(db);
        assert!((since - asked).num_seconds().abs() < 1);
        sandbox.starts_worker();
        until("the erasure", async || shared::erasure::waits_since(&sandbox.pool).await.unwrap().is_none())
            .await;
    })
    .await;
}
