//! `PRIVACY.md` lists every place where something of a person can be. Here the places are taken from a running system: one that
//! is not in the list has come without anybody deciding how long it is kept.

use std::collections::{BTreeMap, BTreeSet};

use sandbox::conversation::run_without_worker;
use shared::message::Provider;

use crate::GROUND;

const LIST: &str = include_str!("../../../PRIVACY.md");

/// The names in backticks of a cell.
fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the list's tables whose first cell names something that begins like this: that, and the names in the second.
fn rows(beginning: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut rows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in LIST.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').collect();
        let [_, what, which, .., _] = cells[..] else { panic!("a row without cells: {line}") };
        for what in names(what).into_iter().filter(|what| what.starts_with(beginning)) {
            rows.entry(what).or_default().extend(names(which));
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_is_in_the_list_and_no_other() {
    run_without_worker(&GROUND, async |sandbox| {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "select table_schema || '.' || table_name, column_name::text from information_schema.columns
             where table_schema in ('public', 'wa') and table_name <> '_sqlx_migrations'",
        )
        .fetch_all(&sandbox.pool)
        .await
        .unwrap();
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (table, column) in columns {
            found.entry(table).or_default().insert(column);
        }
        let mut listed = rows("wa.");
        listed.extend(rows("public."));
        let differ: Vec<_> =
            found.iter().filter(|(table, columns)| listed.get(*table) != Some(columns)).collect();
        assert!(differ.is_empty(), "not as the list has it: {differ:#?}");
        assert_eq!(listed.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    })
    .await;
}

/// A key without what tells one from another of its kind.
fn kind(key: &str) -> String {
    let mut parts = key.strip_prefix("{wa:0}").unwrap_or(key).split(':');
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("pace", Some(which)) => format!("pace:{which}"),
        (first, _) => first.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_of_redis_is_in_the_list() {
    run_without_worker(&GROUND, async |sandbox| {
        let mut found = BTreeSet::new();
        let mut look = async || {
            let seen = std::sync::Mutex::new(BTreeSet::new());
            let note = |key: &str, _: &[u8]| {
                seen.lock().unwrap().insert(kind(key));
            };
            sandbox.queue.reads_all(note).await.unwrap();
            found.extend(seen.into_inner().unwrap());
        };
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        // Waiting, paused, worked on by somebody who dies, given up, and sent.
        alice.says("Crée un post promo pour mes brioches").await;
        sandbox.queue.pause().await.unwrap();
        look().await;
        sandbox.queue.resume().await.unwrap();
        let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", "hold.done")]);
        doomed.ended(sandbox::person::PATIENCE).await.unwrap();
        look().await;
        let mut worker = sandbox.worker_process(&[("POSTLY_HURRY", "on")]);
        worker.ready(sandbox::person::PATIENCE).await.unwrap();
        alice.hears().await;
        look().await;
        sandbox.stage.openai.fails_next(12, sandbox::simulators::openai::OpenAiFault::Overloaded503);
        alice.says("Crée un post promo pour mon vin").await;
        alice.hears().await;
        sandbox.has_dead_letters(1).await;
        // The number is paused, until its operator has been.
        sandbox.stage.meta.fails_next(3, sandbox::simulators::meta::MetaFault::TokenExpired190);
        alice.says("solde").await;
        crate::until("the pause", async || {
            sqlx::query_scalar("select exists (select from wa.outbox where error_code = '190')")
                .fetch_one(&sandbox.pool)
                .await
                .unwrap()
        })
        .await;
        look().await;
        alice.hears().await;
        let listed: BTreeSet<String> = rows("redis").into_values().flatten().collect();
        let missing: Vec<_> = found.difference(&listed).collect();
        assert!(missing.is_empty(), "not in the list: {missing:?}");
        assert!(found.len() >= 8, "hardly anything was there: {found:?}");
    })
    .await;
}
