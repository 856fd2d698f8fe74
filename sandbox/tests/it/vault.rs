//! What people write stands in our tables sealed, each person's under a key of their own; who is forgotten takes the key with them.

mod addresses;
mod ids;
mod masters;
mod names;

use std::fmt::Write as _;

use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::PATIENCE;
use shared::audit::Author;
use shared::clock::Clock;
use shared::env::Env;
use shared::message::Provider;
use shared::queue::Enqueued;
use shared::vault::Place;
use worker::operator::person as operators;
use worker::operator::{Desk, erasure, keys};

use crate::{GROUND, until};

const TEA: &str = "Crée un post promo pour mon salon de thé du Marais";

fn desk(sandbox: &Sandbox) -> Desk {
    Desk::open(Env::from_values(sandbox.variables.clone())).unwrap()
}

/// Every row of our own tables, as a dump has it.
pub(crate) async fn dump(sandbox: &Sandbox) -> String {
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'wa' and table_type = 'BASE TABLE'",
    )
    .fetch_all(&sandbox.pool)
    .await
    .unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    let mut all = String::new();
    for table in tables {
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select to_jsonb(t)::text from wa.\"{table}\" t"
        )))
        .fetch_all(&sandbox.pool)
        .await
        .unwrap();
        all.extend(rows.into_iter().map(|row| format!("{table}: {row}\n")));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_word_that_somebody_writes_or_is_written_can_be_read_in_our_tables() {
    run(&GROUND, async |sandbox| {
        for provider in Provider::ALL {
            let alice = sandbox.person(provider).with_credits(2).await;
            alice.says(TEA).await;
            let posts = alice.hears().await;
            alice.speaks("Un post sur les madeleines au citron, pour les enfants").await;
            let heard = alice.hears().await;
            // No credit is left: the brief is kept, and the shop answers.
            alice.says("Crée un post sur les scones du dimanche").await;
            alice.hears().await;
            alice.says("historique").await;
            let history = alice.hears().await;
            assert!(history.contains("madelei"), "{history}");
            sandbox.is_quiet().await;
            let dump = dump(sandbox).await;
            for words in ["salon de thé", "madeleines", "scones", "Marais", "crédits restants"] {
                assert!(!dump.contains(words), "{words} stands in {dump}");
            }
            let line = posts.lines().find(|line| line.chars().count() > 20).unwrap();
            assert!(!dump.contains(line) && !dump.contains(heard.lines().next().unwrap()), "{line}");
            // Their own words are theirs to have, all the same.
            let desk = desk(sandbox);
            let account = alice.account().await;
            let export = operators::export(&desk, &account, Clock::system().now()).await.unwrap().to_string();
            for words in ["salon de thé", "madeleines", "scones"] {
                assert!(export.contains(words), "{words} is not in {export}");
            }
        }
        let sealed: i64 = sqlx::query_scalar(
            "select count(*) from (select body as words from wa.outbox union all select output from wa.step
               union all select brief from wa.receipt where brief is not null
               union all select brief from wa.kept_brief union all select menu #>> '{}' from wa.outbox where menu is not null) w
             where words like 'sealed:1:%'",
        )
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
        assert!(sealed > 20, "{sealed}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_person_has_a_key_of_their_own_and_takes_it_with_them() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let bob = sandbox.person(Provider::Twilio).with_credits(1).await;
        for person in [&alice, &bob] {
            person.says(TEA).await;
            person.hears().await;
        }
        sandbox.is_quiet().await;
        // What a backup of the tables has, all but the keys.
        let backup: Vec<(String, String, String)> = sqlx::query_as(
            "select r.user_id, r.message_id, s.output from wa.step s join wa.receipt r using (message_id) where s.name = 'intent'",
        )
        .fetch_all(&sandbox.pool)
        .await
        .unwrap();
        assert_eq!(backup.len(), 2);
        let (hers, his) = (alice.account().await, bob.account().await);
        let keys: i64 = sqlx::query_scalar("select count(distinct id) from wa.data_key where user_id in ($1, $2)")
            .bind(hers.as_str())
            .bind(his.as_str())
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(keys, 2);

        let desk = desk(sandbox);
        erasure::erase(&desk, &hers, &Author::operator("nora", "a letter").unwrap(), Clock::system().now())
            .await
            .unwrap();
        let vault = sandbox::stage::vault();
        for (account, message, stored) in backup {
            let keys = vault.keys(&sandbox.pool, &[&stored]).await.unwrap();
            let read = keys.open(Place::Output, &format!("{message} intent"), stored).unwrap();
            assert_eq!(read.is_some(), account == his.as_str(), "{read:?}");
        }
    })
    .await;
}

/// Whatever else may want to make one at the same moment, what was paid for must not be lost over it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_made_before_anything_is_paid_for() {
    for point in ["hold.done", "voice.opened"] {
        run_without_worker(&GROUND, async |sandbox| {
            let alice = sandbox.person(Provider::Meta).with_credits(1).await;
            let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point)]);
            if point == "voice.opened" {
                alice.speaks("Un post sur mon salon de thé").await;
            } else {
                alice.says(TEA).await;
            }
            doomed.ended(PATIENCE).await.unwrap();
            let asked = (sandbox.stage.openai.calls().len(), sandbox.stage.openai.transcriptions().len());
            assert_eq!(asked, (0, 0), "{point}");
            let keys: i64 = sqlx::query_scalar("select count(*) from wa.data_key where user_id = $1")
                .bind(alice.account().await.as_str())
                .fetch_one(&sandbox.pool)
                .await
                .unwrap();
            assert_eq!(keys, 1, "{point}");
            sandbox.starts_worker();
            alice.hears().await;
        })
        .await;
    }
}

/// A backup from before an erasure is restored, with an answer that had not left yet: nobody gets an empty message, and nobody pays
/// for what nobody can read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_whose_key_is_gone_are_not_sent_and_cost_nothing() {
    run_without_worker(&GROUND, async |sandbox| {
        for provider in Provider::ALL {
            let alice = sandbox.person(provider).with_credits(1).await;
            let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", "reply.stored")]);
            alice.says(TEA).await;
            doomed.ended(PATIENCE).await.unwrap();
            sqlx::query("delete from wa.data_key where user_id = $1")
                .bind(alice.account().await.as_str())
                .execute(&sandbox.pool)
                .await
                .unwrap();
            sandbox.starts_worker();
            sandbox.is_quiet().await;
            assert_eq!(alice.has_heard(), Vec::<String>::new());
            assert_eq!((alice.credits().await, alice.charges().await), (1, (1, 1)));
            sandbox.stops_workers().await;
        }
        // Not even tried: what the provider would make of nothing is not asked.
        let ends: Vec<(String, bool)> =
            sqlx::query_as("select distinct state, sending_at is not null from wa.outbox")
                .fetch_all(&sandbox.pool)
                .await
                .unwrap();
        assert_eq!(ends, [("failed".to_owned(), false)]);
    })
    .await;
}

/// Two conversations of one person begin at once: one of them holds the account and comes to need a key, while the other is
/// making one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_need_a_first_key_at_once_have_the_same_and_do_not_wait_for_each_other() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let (account, vault) = (alice.account().await, sandbox::stage::vault());
        let mut holder = sandbox.pool.begin().await.unwrap();
        // As whoever learns that a number and an id are hers.
        sqlx::query(r#"select from "User" where "id" = $1 for update"#)
            .bind(account.as_str())
            .execute(&mut *holder)
            .await
            .unwrap();
        let other = tokio::spawn({
            let (pool, vault, account) = (sandbox.pool.clone(), vault.clone(), account.clone());
            async move {
                let mut tx = pool.begin().await?;
                let key = vault.key(&mut tx, &account).await?;
                tx.commit().await?;
                Ok::<_, sqlx::Error>(format!("{key:?}"))
            }
        });
        until("the other waits for her account", async || {
            sqlx::query_scalar(
                "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')",
            )
            .fetch_one(&sandbox.pool)
            .await
            .unwrap()
        })
        .await;
        let key = vault.key(&mut holder, &account).await.unwrap();
        holder.commit().await.unwrap();
        assert_eq!(other.await.unwrap().unwrap(), format!("{key:?}"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_waits_in_redis_or_in_the_spill_can_be_read() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let bob = sandbox.person(Provider::Twilio).with_credits(1).await;
        alice.says(TEA).await;
        bob.says(TEA).await;
        let id = alice.key("unreadable");
        let aside = sandbox.queue.set_aside(&id, "no message", TEA.as_bytes());
        assert_eq!(aside.await.unwrap(), Enqueued::Queued);
        let mut away = sandbox.variables.clone();
        away.insert("REDIS_URL".to_owned(), "redis://127.0.0.1:1/0".to_owned());
        let config = ingest::config::Config::from_env(Env::from_values(away)).unwrap();
        let door = sandbox.starts_ingest(ingest::App::new(&config, sandbox.clock.clone()).unwrap()).await;
        sandbox.stage.calls(&door);
        let carol = sandbox.person(Provider::Meta).with_credits(1).await;
        carol.says(TEA).await;
        until("the spill", async || shared::spill::depth(&sandbox.pool).await.unwrap() == 1).await;
        let mut found = dump(sandbox).await;
        let keys = sandbox.queue.reads_all(|key, value| {
            let _ = writeln!(found, "{key}: {}", String::from_utf8_lossy(value));
        });
        assert!(keys.await.unwrap() > 3);
        assert!(found.contains("dead") && found.contains("spill"), "{found}");
        for words in ["salon de thé", "salon de th", "Marais"] {
            assert!(!found.contains(words), "{words} is in {found}");
        }
        // Those who may look can.
        let letter = sandbox.queue.last_dead_letters(1).await.unwrap().pop().unwrap();
        assert_eq!(letter.job, TEA.as_bytes());
        let masters = keys::show(&desk(sandbox)).await.unwrap();
        assert_eq!(masters.masters[0].waiting, 4, "{masters}");
        sandbox.queue.discard(&letter.id).await.unwrap();
        sandbox.stage.calls(&sandbox.ingest);
        sandbox.starts_worker();
        for person in [&alice, &bob, &carol] {
            assert!(person.hears().await.starts_with("✨"));
        }
    })
    .await;
}

/// Neither the relay nor retention knows whose message it is that they cannot read: it stays until somebody can.
/// Somebody starts a worker with the wrong key, after a message came or before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_before_there_was_a_vault_is_still_sent() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", "reply.stored")]);
        alice.says(TEA).await;
        doomed.ended(PATIENCE).await.unwrap();
        // As an older worker left it: readable, and its menu an object.
        let menu = serde_json::json!({ "choices": [{ "id": "buy", "title": "Acheter" }] });
        sqlx::query("update wa.outbox set body = 'Trois posts de naguère', menu = $1 where menu is not null")
            .bind(menu)
            .execute(&sandbox.pool)
            .await
            .unwrap();
        sandbox.starts_worker();
        assert_eq!(alice.hears().await, "Trois posts de naguère\n[Acheter]");
    })
    .await;
}
