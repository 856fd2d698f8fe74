//! Databases as they are found: empty, made by Prisma, migrated before, lacking something.

mod ids;

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use sandbox::stage::vault;
use shared::generation::{self, Generation};
use shared::person::UserId;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Row};

use crate::GROUND;

/// What Prisma makes of the web app's schema.
pub(super) const SEED: &str = include_str!("../../../fixtures/prisma-seed.sql");

/// The variant in which the web app keeps the posts as JSON.
fn json_seed() -> String {
    let json = SEED.replace(r#""variants" TEXT[],"#, r#""variants" JSONB NOT NULL,"#);
    assert_ne!(json, SEED);
    json
}

/// The seed without these columns.
pub(super) fn seed_without(columns: &[&str]) -> String {
    let kept: Vec<&str> = SEED
        .lines()
        .filter(|line| !columns.iter().any(|column| line.trim_start().starts_with(&format!("\"{column}\" "))))
        .collect();
    assert_eq!(kept.len() + columns.len(), SEED.lines().count());
    kept.join("\n")
}

/// A database of its own in which this was run.
pub(super) async fn database(sql: &str) -> PgPool {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let url = &GROUND.servers().await.database_url;
    let name = format!("postly_migration_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
    let mut admin = PgConnection::connect(url).await.unwrap();
    let create = AssertSqlSafe(format!("create database {name} template template0"));
    sqlx::raw_sql(create).execute(&mut admin).await.unwrap();
    let (base, _) = url.rsplit_once('/').unwrap();
    let pool = PgPool::connect(&format!("{base}/{name}")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&pool).await.unwrap();
    pool
}

/// Everything that Prisma looks at, one line each.
async fn as_prisma_sees_it(pool: &PgPool) -> Vec<String> {
    let sql = r"
        select 'column ' || concat_ws(' ', table_name, ordinal_position, column_name, data_type, udt_name, is_nullable,
                 column_default, datetime_precision, character_maximum_length, is_identity, is_generated) as line
          from information_schema.columns where table_schema = 'public'
        union all select 'index ' || indexdef from pg_indexes where schemaname = 'public'
        union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
          from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'c'
        union all select 'enum ' || t.typname || ' ' || e.enumsortorder || ' ' || e.enumlabel
          from pg_enum e join pg_type t on t.oid = e.enumtypid where t.typnamespace = 'public'::regnamespace
        union all select 'relation ' || relkind::text || ' ' || relname from pg_class where relnamespace = 'public'::regnamespace
        union all select 'function ' || proname from pg_proc where pronamespace = 'public'::regnamespace
        order by line";
    sqlx::query(sql).fetch_all(pool).await.unwrap().iter().map(|row| row.get("line")).collect()
}

async fn ours(pool: &PgPool) -> Vec<String> {
    let sql = "select table_name || '.' || column_name from information_schema.columns where table_schema = 'wa' order by 1";
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

/// Stores a generation and reads its posts back, however they are kept.
async fn a_generation_comes_back(pool: &PgPool, user: &str) -> String {
    let posts = ["Un \"post\" 🍋", "Deux\nlignes", "Trois, {virgules}"];
    let generation = Generation {
        brief: "Un post",
        platform: None,
        industry: None,
        objective: Some("vendre"),
        tone: None,
        language: Some("fr"),
        prompt: "…",
        posts,
        tokens: 42,
    };
    let mut db = pool.acquire().await.unwrap();
    let now = shared::clock::Clock::system().now();
    generation::add(&mut db, &UserId::from_stored(user.to_owned()), &generation, now).await.unwrap();
    let read: Vec<String> = sqlx::query_scalar(
        r#"select jsonb_array_elements_text(to_jsonb("variants")) from "Generation" where "userId" = $1"#,
    )
    .bind(user)
    .fetch_all(&mut *db)
    .await
    .unwrap();
    assert_eq!(read, posts);
    sqlx::query_scalar(r#"select pg_typeof("variants")::text from "Generation""#)
        .fetch_one(&mut *db)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_database_becomes_what_prisma_would_have_made() {
    let (empty, prismas) = (database("").await, database(SEED).await);
    let made_by_prisma = as_prisma_sees_it(&prismas).await;
    for pool in [&empty, &prismas] {
        shared::db::migrate(pool, &vault()).await.unwrap();
        shared::db::verify(pool).await.unwrap();
        assert_eq!(as_prisma_sees_it(pool).await, made_by_prisma);
        let checks: Vec<String> = sqlx::query_scalar(
            "select conname::text from pg_constraint where connamespace = 'public'::regnamespace and contype = 'c'
             union all select tgname::text from pg_trigger t join pg_class c on c.oid = t.tgrelid
               where c.relnamespace = 'public'::regnamespace and not tgisinternal order by 1",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        assert_eq!(checks, ["User_credits_not_negative", "wa_ledger_is_append_only"]);
    }
    assert!(made_by_prisma.len() > 60, "{}", made_by_prisma.len());
    assert_eq!(ours(&empty).await, ours(&prismas).await);
    assert!(ours(&empty).await.contains(&"_sqlx_migrations.version".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_were_there_before_stay_as_they_were() {
    for (seed, kept_as) in [(SEED.to_owned(), "text[]"), (json_seed(), "jsonb")] {
        let pool = database(&seed).await;
        // One of them owes a credit: an accident of the web app's that is not ours to judge.
        sqlx::raw_sql(
            r#"insert into "User" ("id", "credits", "waPhoneE164", "updatedAt") values ('one', 5, '+33639980001', now()), ('two', -1, null, now());
               insert into "CreditLedger" ("id", "userId", "delta", "reason") values ('l1', 'one', 5, 'purchase'), ('l2', 'two', -1, 'web_generation')"#,
        )
        .execute(&pool)
        .await
        .unwrap();
        let rows = r#"select string_agg(u::text || l::text, ';' order by l."id") from "User" u join "CreditLedger" l on l."userId" = u."id""#;
        let before: String = sqlx::query_scalar(rows).fetch_one(&pool).await.unwrap();
        shared::db::migrate(&pool, &vault()).await.unwrap();
        let after: String = sqlx::query_scalar(rows).fetch_one(&pool).await.unwrap();
        assert_eq!(before, after);
        assert_eq!(a_generation_comes_back(&pool, "one").await, kept_as);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_may_migrate_at_once_and_again() {
    for seed in ["", SEED] {
        let pool = database(seed).await;
        let options = pool.connect_options();
        let processes = (0..4).map(|_| {
            let pool = shared::db::pool((*options).clone(), 2, shared::db::PATIENCE);
            async move {
                let migrated = shared::db::migrate(&pool, &vault()).await;
                pool.close().await;
                migrated
            }
        });
        for migrated in join_all(processes).await {
            migrated.unwrap();
        }
        let applied = "select string_agg(version || ' ' || success || ' ' || installed_on, ';' order by version) from wa._sqlx_migrations";
        let once: String = sqlx::query_scalar(applied).fetch_one(&pool).await.unwrap();
        shared::db::migrate(&pool, &vault()).await.unwrap();
        let twice: String = sqlx::query_scalar(applied).fetch_one(&pool).await.unwrap();
        assert_eq!(once, twice);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_is_missing_is_named_and_nothing_is_changed() {
    for (columns, named) in [
        (vec!["usageTokens"], vec![r#""Generation"."usageTokens""#]),
        // Our own tables lean on this one: without a look before, Postgres would be the one to complain.
        (vec!["credits"], vec![r#""User"."credits""#]),
        (
            vec!["delta", "waLinkedAt", "brief"],
            vec![r#""CreditLedger"."delta""#, r#""User"."waLinkedAt""#, r#""Generation"."brief""#],
        ),
    ] {
        let pool = database(&seed_without(&columns)).await;
        let before = as_prisma_sees_it(&pool).await;
        let error = format!("{:#}", shared::db::migrate(&pool, &vault()).await.unwrap_err());
        for name in named {
            assert!(error.contains(name), "{name}: {error}");
        }
        assert!(error.contains("Prisma"), "{error}");
        assert_eq!(as_prisma_sees_it(&pool).await, before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_prisma_takes_away_later_is_noticed_at_the_next_start() {
    let pool = database(SEED).await;
    shared::db::migrate(&pool, &vault()).await.unwrap();
    sqlx::raw_sql(r#"alter table "User" drop column "waPreferredLang"; drop table "Generation""#)
        .execute(&pool)
        .await
        .unwrap();
    let error = format!("{:#}", shared::db::migrate(&pool, &vault()).await.unwrap_err());
    assert!(error.contains(r#""User"."waPreferredLang""#), "{error}");
}

/// What an account leaves behind when it goes: the books of its money name it, and nothing else does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_names_an_account_goes_with_it_but_for_the_books_of_its_money() {
    let pool = database(SEED).await;
    shared::db::migrate(&pool, &vault()).await.unwrap();
    let stays: Vec<String> = sqlx::query_scalar(
        r#"select format('%s.%s', t.relname, a.attname) from pg_attribute a join pg_class t on t.oid = a.attrelid
           where t.relnamespace = 'wa'::regnamespace and t.relkind = 'r'
             and (a.attname in ('asked_by', 'subject') or a.attname like '%user' or a.attname like '%user\_id')
             and not exists (select from pg_constraint c where c.conrelid = t.oid and c.contype = 'f'
                               and c.confrelid = '"User"'::regclass and a.attnum = any (c.conkey)
                               and c.confdeltype in ('c', 'n'))
           order by 1"#,
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let money =
        ["credit_op.user_id", "merged_account.from_user", "merged_account.into_user", "payment.user_id"];
    let sums = ["spend.user_id"];
    let deeds = ["audit.subject"];
    assert_eq!(stays, [&deeds[..], &money[..], &sums[..]].concat());
}
