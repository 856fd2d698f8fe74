//! Numbers and ids: found by digests, read under keys, and nowhere as they are.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::Person;
use sandbox::stage::vault;
use shared::clock::Clock;
use shared::message::{Address, Provider, Sender};
use shared::person::{self, Unmerged, UserId};
use sqlx::PgPool;
use worker::operator::person as operators;

use super::{TEA, desk, dump};
use crate::GROUND;
use crate::migrations::{SEED, database};

/// Everything in our own tables and in Redis.
async fn everything(sandbox: &Sandbox) -> String {
    let mut found = dump(sandbox).await;
    let keys = sandbox.queue.reads_all(|key, value| {
        let _ = writeln!(found, "{key}: {}", String::from_utf8_lossy(value));
    });
    keys.await.unwrap();
    found
}

/// What names somebody: their number without what is put before it, and their ids.
async fn named(sandbox: &Sandbox, person: &Person) -> Vec<String> {
    let mut db = sandbox.pool.acquire().await.unwrap();
    let names = person::names(&mut db, &vault(), &person.account().await).await.unwrap();
    let names = names.into_iter().map(|name| name.value.trim_start_matches('+').to_owned());
    names.chain([person.number().trim_start_matches('+').to_owned()]).collect()
}

fn stands_in<'a>(names: &'a [String], found: &str) -> Option<&'a str> {
    names.iter().map(String::as_str).find(|name| found.contains(name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_number_and_no_id_stands_in_our_tables_or_in_redis() {
    run_without_worker(&GROUND, async |sandbox| {
        for provider in Provider::ALL {
            let alice = sandbox.person(provider).with_credits(2).await;
            // While it waits, nobody has met her.
            alice.says(TEA).await;
            let number = [alice.number().trim_start_matches('+').to_owned()];
            let waits = everything(sandbox).await;
            assert!(waits.contains("{wa:0}lane:"), "{waits}");
            assert_eq!(stands_in(&number, &waits), None, "{waits}");
            sandbox.starts_worker();
            alice.hears().await;
            alice.says("code").await;
            alice.says("supprimer mes données").await;
            alice.hears().await;
            sandbox.is_quiet().await;
            let (names, kept) = (named(sandbox, &alice).await, everything(sandbox).await);
            assert!(names.len() >= 2, "{names:?}");
            assert_eq!(stands_in(&names, &kept), None, "{kept}");
            sandbox.stops_workers().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_known_by_a_digest_can_have_their_names_back() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        alice.says("solde").await;
        alice.hears().await;
        let (desk, account) = (desk(sandbox), alice.account().await);
        let export = operators::export(&desk, &account, Clock::system().now()).await.unwrap();
        let names = export["names"].to_string();
        for name in named(sandbox, &alice).await {
            assert!(names.contains(&name), "{name} is not in {names}");
        }
    })
    .await;
}

/// The books as the version before this one has left them.
const BEFORE: &str = r#"
    delete from wa.data_key;
    insert into "User" ("id", "email", "credits", "waPhoneE164", "waUserId", "updatedAt") values
      ('alice', null, 0, '+33639980001', 'FR.10001', now()), ('web', 'web@example.com', 0, '+33639980002', null, now()),
      ('gone', null, 0, null, null, now());
    insert into wa.identity (kind, value, user_id, created_at, seen_at, spelling, beside_meta) values
      ('phone', '+33639980001', 'alice', now() - interval '9 days', now() - interval '9 days', '+33639980001', 'FR.10001'),
      ('bsuid', 'FR.10001', 'alice', now() - interval '9 days', now() - interval '9 days', null, null),
      ('phone', '+33639980002', 'web', now() - interval '9 days', now() - interval '9 days', '+33639980002', 'FR.10002'),
      ('bsuid', 'FR.10002', 'web', now() - interval '9 days', now() - interval '9 days', null, null),
      ('phone', '+5511961234567', 'web', now() - interval '9 days', now() - interval '9 days', '+551161234567', null);
    insert into wa.passed_number (value, from_user, at, beside_meta) values ('+33639980009', 'alice', now(), 'FR.10009');
    insert into wa.merged_account (from_user, into_user, merged_at) values ('gone', 'web', now() - interval '8 days');
    insert into wa.joined (from_user, into_user, shown_by, joined_at, credits, generations, numbers, ids, from_phone, from_bsuid, into_phone)
      values ('gone', 'web', 'link', now() - interval '8 days', 0, '{}', '{+33639980002}', '{FR.10002}', '+33639980002', 'FR.10002', null);
    insert into wa.welcomed (number_digest, welcomed_at) values (sha256('+33639980003'), now());
"#;

async fn before() -> PgPool {
    let pool = database(SEED).await;
    shared::db::migrate(&pool, &vault()).await.unwrap();
    sqlx::raw_sql(BEFORE).execute(&pool).await.unwrap();
    pool
}

async fn count(pool: &PgPool, what: &'static str) -> i64 {
    sqlx::query_scalar(what).fetch_one(pool).await.unwrap()
}

fn now() -> DateTime<Utc> {
    Clock::system().now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_from_before_are_brought_under_keys_and_lead_where_they_led() {
    let pool = before().await;
    // By two at once: it happens once.
    let (one, other) = tokio::join!(async { shared::db::migrate(&pool, &vault()).await }, async {
        shared::db::migrate(&pool, &vault()).await
    });
    one.and(other).unwrap();
    assert_eq!(count(&pool, "select count(*) from wa.data_key where user_id is null").await, 1);
    let rows: Vec<String> = sqlx::query_scalar(
        "select to_jsonb(t)::text from wa.identity t union all select to_jsonb(t)::text from wa.joined t
         union all select to_jsonb(t)::text from wa.passed_number t",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(rows.len(), 7);
    for name in ["3363998", "FR.100", "961234567", "61234567"] {
        assert!(!rows.iter().any(|row| row.contains(name)), "{name} in {rows:#?}");
    }

    let (vault, accounts) = (vault(), r#"select count(*) from "User""#);
    let mut tx = pool.begin().await.unwrap();
    let found = person::find(&mut tx, &vault, "+33639980001").await.unwrap();
    assert_eq!(found, [UserId::from_stored("alice".into())]);
    assert_eq!(person::find(&mut tx, &vault, "FR.10002").await.unwrap()[0].as_str(), "web");
    let sender = Sender {
        address: Address::Phone("+33639980001".parse().unwrap()),
        phone: Some("+33639980001".parse().unwrap()),
        bsuid: Some("FR.10001".into()),
    };
    let known = person::resolve(&mut tx, &vault, &sender, now(), now()).await.unwrap();
    assert_eq!(known.id.as_str(), "alice");
    // Written to as it was spelled.
    let names = person::names(&mut tx, &vault, &UserId::from_stored("web".into())).await.unwrap();
    assert!(names.iter().any(|name| name.value == "+551161234567"), "as it was spelled");
    tx.commit().await.unwrap();
    assert_eq!(count(&pool, accounts).await, 3);

    // A number that has had the gift has had it, and what was joined can be taken apart.
    let mut tx = pool.begin().await.unwrap();
    let entered = person::enter(&mut tx, &vault, &"+33639980003".parse().unwrap(), now()).await.unwrap();
    assert!(entered.opened && !entered.welcomed, "{entered:?}");
    let gone = UserId::from_stored("gone".into());
    let apart = person::unmerge(&mut tx, &vault, &gone, ("operator:test", "a test"), now()).await.unwrap();
    let Unmerged::Apart(apart) = apart else { panic!("{apart:?}") };
    assert_eq!(apart.names, 2);
    let back = person::names(&mut tx, &vault, &gone).await.unwrap();
    let mut values: Vec<&str> = back.iter().map(|name| name.value.as_str()).collect();
    values.sort_unstable();
    assert_eq!(values, ["+33639980002", "FR.10002"]);
    tx.commit().await.unwrap();
    // Under a key of their own: the other may leave, and they still have their names.
    sqlx::query("delete from wa.data_key where user_id = 'web'").execute(&pool).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    assert_eq!(person::names(&mut tx, &vault, &gone).await.unwrap().len(), 2);
    let phone = person::phone(&mut tx, &vault, &gone).await.unwrap();
    assert_eq!(phone.map(String::from).as_deref(), Some("+33639980002"));
    tx.commit().await.unwrap();
    pool.close().await;
}

/// Whoever has the tables and no key cannot try numbers, and two databases do not say who is in both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_digests_of_two_databases_have_nothing_in_common() {
    let mut digests = Vec::new();
    for _ in 0..2 {
        let pool = before().await;
        shared::db::migrate(&pool, &vault()).await.unwrap();
        let found: Vec<String> =
            sqlx::query_scalar("select value from wa.identity order by 1").fetch_all(&pool).await.unwrap();
        digests.extend(found);
        pool.close().await;
    }
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 10);
}

/// A backup was restored without its keys: with a new one everybody would be somebody new, without credits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_whose_key_is_lost_are_not_looked_up_by_another_one() {
    let pool = before().await;
    shared::db::migrate(&pool, &vault()).await.unwrap();
    let kept: Vec<(String, String, Vec<u8>)> =
        sqlx::query_as("select id, master, wrapped from wa.data_key where user_id is null")
            .fetch_all(&pool)
            .await
            .unwrap();
    sqlx::query("delete from wa.data_key where user_id is null").execute(&pool).await.unwrap();
    let refused = shared::db::migrate(&pool, &vault()).await.unwrap_err();
    assert!(format!("{refused:#}").contains("no key for looking names up"), "{refused:#}");
    let mut db = pool.acquire().await.unwrap();
    let refused = person::find(&mut db, &vault(), "+33639980001").await.unwrap_err();
    assert!(refused.to_string().contains("restored without"), "{refused}");
    assert_eq!(count(&pool, "select count(*) from wa.data_key where user_id is null").await, 0);
    for (id, master, wrapped) in kept {
        sqlx::query("insert into wa.data_key (id, master, wrapped) values ($1, $2, $3)")
            .bind(id)
            .bind(master)
            .bind(wrapped)
            .execute(&pool)
            .await
            .unwrap();
    }
    shared::db::migrate(&pool, &vault()).await.unwrap();
    assert_eq!(person::find(&mut db, &vault(), "+33639980001").await.unwrap().len(), 1);
}

/// An answer to a lost message goes where its conversation is, which the lane says by a digest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_from_before_and_one_of_today_both_say_whose_they_are() {
    let pool = before().await;
    shared::db::migrate(&pool, &vault()).await.unwrap();
    let vault = vault();
    let mut db = pool.acquire().await.unwrap();
    let alice = UserId::from_stored("alice".into());
    let lane = |who: &str| shared::message::Lane::from_stored(format!("meta:1098:{who}"));
    for (who, by_id) in [
        ("FR.10001".to_owned(), true),
        (vault.who("FR.10001"), true),
        ("+33639980001".to_owned(), false),
        (vault.who("+33639980001"), false),
    ] {
        let address = person::address(&mut db, &vault, &alice, Provider::Meta, &lane(&who)).await.unwrap();
        assert_eq!(matches!(address, Some(Address::Bsuid(_))), by_id, "{who}");
    }
    // An id that its person has no more is not written to.
    sqlx::query("update wa.identity set retired_at = $1 where kind = 'bsuid'")
        .bind(now() - TimeDelta::days(1))
        .execute(&pool)
        .await
        .unwrap();
    let address = person::address(&mut db, &vault, &alice, Provider::Meta, &lane(&vault.who("FR.10001")))
        .await
        .unwrap();
    assert!(matches!(address, Some(Address::Phone(_))));
}
