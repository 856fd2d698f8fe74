//! Row by row: what belongs to an account is gone, in every table that knows accounts, and nobody who is late brings it back.

use std::collections::BTreeSet;

use sandbox::conversation::run;
use secrecy::SecretString;
use shared::clock::Clock;
use shared::erasure::{self as wishes, AskedBy};
use shared::message::Provider;
use shared::person::{self, UserId};
use shared::vault::{MasterKey, Vault};
use sqlx::{AssertSqlSafe, PgPool};
use worker::erase::carry_out;
use worker::operator::erasure;

use super::{desk, known, lives, nothing_is_left};
use crate::GROUND;

/// What is kept of an account by its id (PRIVACY.md).
const BOOKS: [&str; 4] =
    ["CreditLedger.userId", "merged_account.from_user", "merged_account.into_user", "erasure.account"];

/// What a conversation of a few words does not leave behind by itself. `$1` is the account, `$2` her number.
const SEEDS: &[&str] = &[
    "insert into wa.kept_brief (user_id, brief, kept_at) values ($1, $2 || ' un brief', now())",
    "insert into wa.menu (user_id, choices, opened_at) values ($1, array[$2::text], now()) on conflict do nothing",
    "insert into wa.checkout (key, user_id, pack, language, origin, asked_at) values ('k' || $2, $1, 'p', 'fr', 'https://x', now())",
    "insert into wa.signin (id, token, browser, number, numbers, begun_at, state, asked_by, asked_at, user_id)
     values ('s' || $2, 't' || $2, 'b', 1, array[1, 2, 3]::smallint[], now(), 'confirmed', $1, now(), $1)",
    "insert into wa.passed_number (value, from_user, at) values ($2 || '0', $1, now())",
    "insert into wa.joined (from_user, into_user, shown_by, joined_at, credits, generations, numbers, ids)
     values ($1, $1, 'link', now(), 0, array[]::text[], array[$2::text], array[]::text[])",
    r#"insert into "OtpChallenge" ("id", "userId", "phoneE164", "codeHash", "expiresAt") values ('c' || md5($2), $1, $2, 'seal', now())"#,
    "insert into wa.audit (at, actor, action, subject, key, note) values (now(), 'operator:x', 'a', $1, 'k' || md5($2), 'she wrote from ' || $2)",
    // A notice about her, and somebody else's number beside which her id was seen.
    "insert into wa.receipt (message_id, provider, business, lane, kind, state, outcome, detail, attempts, received_at, started_at, finished_at)
     values ('meta:notice:1', 'meta', '1098', 'notice:meta', 'user_preferences', 'finished', 'recorded',
             '{\"wa_id\":\"' || ltrim($2, '+') || '\",\"of\":\"' || $1 || '\"}', 1, now(), now(), now())",
];

/// Every column that refers to an account, and how many rows of this one it has.
async fn rows(pool: &PgPool, account: &UserId) -> Vec<(String, i64)> {
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        r#"select n.nspname::text, t.relname::text, a.attname::text from pg_constraint c
           join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace
           join pg_attribute a on a.attrelid = t.oid and a.attnum = c.conkey[1]
           where c.contype = 'f' and c.confrelid = 'public."User"'::regclass order by 2, 3"#,
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut rows = Vec::new();
    for (schema, table, column) in columns {
        let query = format!(r#"select count(*) from "{schema}"."{table}" where "{column}" = $1"#);
        let count =
            sqlx::query_scalar(AssertSqlSafe(query)).bind(account.as_str()).fetch_one(pool).await.unwrap();
        rows.push((format!("{table}.{column}"), count));
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_row_of_hers_is_left_but_the_books() {
    run(&GROUND, async |sandbox| {
        let alice = lives(sandbox, Provider::Meta, "mes brioches").await;
        let hers = alice.account().await;
        for seed in SEEDS {
            sqlx::query(*seed).bind(hers.as_str()).bind(alice.number()).execute(&sandbox.pool).await.unwrap();
        }
        let before: BTreeSet<String> = rows(&sandbox.pool, &hers)
            .await
            .into_iter()
            .filter(|(_, count)| *count == 0)
            .map(|(column, _)| column)
            .collect();
        let never: Vec<_> = before.iter().filter(|column| !BOOKS.contains(&column.as_str())).collect();
        assert!(never.is_empty(), "nothing was there to be forgotten: {never:?}");
        let known = known(sandbox, &hers).await;
        erasure::erase(&desk(sandbox), &hers, &crate::author(), Clock::system().now()).await.unwrap();
        let left: Vec<_> = rows(&sandbox.pool, &hers)
            .await
            .into_iter()
            .filter(|(column, count)| *count > 0 && !BOOKS.contains(&column.as_str()))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        nothing_is_left(sandbox, &known).await;
    })
    .await;
}

/// A message of which only the start is written down says by its lane alone whose it is: under whichever master key it was named,
/// or before lanes hid that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_only_begun_is_hers_by_its_lane() {
    const OTHER: &str = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Q=";
    run(&GROUND, async |sandbox| {
        let other = Vault::new(MasterKey::read(&SecretString::from(OTHER)).into_iter().collect());
        let (ours, right) = (sandbox::stage::vault(), sandbox.variables["MASTER_KEY"].clone());
        sandbox.variables.insert("MASTER_KEY".to_owned(), format!("{OTHER},{right}"));
        for provider in Provider::ALL {
            let alice = lives(sandbox, provider, "mes brioches").await;
            let bob = sandbox.person(provider);
            bob.says("aide").await;
            bob.hears().await;
            sandbox.is_quiet().await;
            let hers = alice.account().await;
            let mut db = sandbox.pool.acquire().await.unwrap();
            let names = person::names(&mut db, &ours, &hers).await.unwrap();
            let mut whos: Vec<String> = names.into_iter().map(|name| name.value).collect();
            whos.extend(whos.clone().iter().map(|name| format!("whatsapp:{name}")));
            whos.extend(whos.clone().iter().flat_map(|name| [ours.who(name), other.who(name)]));
            assert!(whos.len() >= 6, "{whos:?}");
            whos.push(ours.who(bob.number()));
            for (number, who) in whos.iter().enumerate() {
                sqlx::query(
                    "insert into wa.receipt (message_id, provider, business, lane, kind, state, outcome, attempts, received_at, started_at, finished_at)
                     values ($1, $2, '1098', $2 || ':1098:' || $3, 'text', 'finished', 'recorded', 1, now(), now(), now())",
                )
                .bind(format!("{provider}:1098:begun.{number}"))
                .bind(provider.as_str())
                .bind(who)
                .execute(&mut *db)
                .await
                .unwrap();
            }
            drop(db);
            erasure::erase(&desk(sandbox), &hers, &crate::author(), Clock::system().now()).await.unwrap();
            let left: Vec<String> =
                sqlx::query_scalar("select lane from wa.receipt where user_id is null and provider = $1")
                    .bind(provider.as_str())
                    .fetch_all(&sandbox.pool)
                    .await
                    .unwrap();
            assert_eq!(left, [format!("{provider}:1098:{}", ours.who(bob.number()))]);
        }
    })
    .await;
}

/// Somebody works on a message whose person they have looked up, and writes it down after the books have forgotten them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_not_over_before_those_who_began_before_it() {
    run(&GROUND, async |sandbox| {
        let alice = lives(sandbox, Provider::Twilio, "mes brioches").await;
        let hers = alice.account().await;
        sandbox.stops_workers().await;
        let desk = desk(sandbox);
        let now = Clock::system().now();
        let mut late = sandbox.pool.begin().await.unwrap();
        sqlx::query(
            "insert into wa.receipt (message_id, provider, business, lane, kind, state, outcome, attempts, received_at, started_at, finished_at)
             values ('twilio:AC1:late', 'twilio', '1', 'l', 'text', 'finished', 'answered', 1, now(), now(), now())",
        )
        .execute(&mut *late)
        .await
        .unwrap();
        let mut db = desk.pool.acquire().await.unwrap();
        wishes::ask(&mut db, &hers, AskedBy::Portal, now).await.unwrap();
        drop(db);
        let open = wishes::open(&desk.pool).await.unwrap();
        assert_eq!(carry_out(&desk.pool, &desk.queue, &desk.vault, &open, now).await.unwrap().done, 0);
        sqlx::query("update wa.receipt set user_id = $1 where message_id = 'twilio:AC1:late'")
            .bind(hers.as_str())
            .execute(&mut *late)
            .await
            .unwrap();
        late.commit().await.unwrap();
        let open = wishes::open(&desk.pool).await.unwrap();
        assert_eq!(carry_out(&desk.pool, &desk.queue, &desk.vault, &open, now).await.unwrap().done, 1);
        let left: i64 = sqlx::query_scalar("select count(*) from wa.receipt where user_id = $1")
            .bind(hers.as_str())
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(left, 0);
    })
    .await;
}
