//! A database from when Meta's own ids were the keys of messages: they contain numbers, and words are sealed for them.

use std::path::Path;

use chrono::{DateTime, Utc};
use sandbox::stage::vault;
use secrecy::SecretString;
use shared::feedback::{self, Reaction};
use shared::job::{Job, SendStatus, StatusReport, Work};
use shared::ledger::{self, Entry, Posted};
use shared::message::{Inbound, MessageId, Provider, opaque};
use shared::outbox;
use shared::person::UserId;
use shared::receipt::{self, Changed, Standing, Start};
use shared::step;
use shared::vault::{MasterKey, Place, Vault};
use sqlx::migrate::Migrator;
use sqlx::{PgConnection, PgPool};

use super::{SEED, database};

/// The last migration of that time.
const BEFORE: i64 = 29;

/// The ids of that time, of the number +33639980123: a brief that is being worked on, one that was answered, one that has not come
/// yet and its edit, one that waits for Redis; and what we answered.
const BEGUN: &str = "wamid.HBgLMzM2Mzk5ODAxMjMVAgASGBQwMDAwMDAwMDAwMDAwMDAwMDAwMQA=";
const DONE: &str = "wamid.HBgLMzM2Mzk5ODAxMjMVAgASGBQwMDAwMDAwMDAwMDAwMDAwMDAwMgA=";
const LATER: &str = "wamid.HBgLMzM2Mzk5ODAxMjMVAgASGBQwMDAwMDAwMDAwMDAwMDAwMDAwMwA=";
const EDIT: &str = "wamid.HBgLMzM2Mzk5ODAxMjMVAgASGBQwMDAwMDAwMDAwMDAwMDAwMDAwNAA=";
const SPILLED: &str = "wamid.HBgLMzM2Mzk5ODAxMjMVAgASGBQwMDAwMDAwMDAwMDAwMDAwMDAwNQA=";
const ANSWER: &str = "wamid.HBgLMzM2Mzk5ODAxMjMVAgARGBIwMDAwMDAwMDAwMDAwMDAwMDYA";

const MENU: &str = r#"{"choices":[{"id":"again:g1","title":"Encore"}]}"#;

/// The key of that time.
fn key(id: &str) -> String {
    format!("meta:1098:{id}")
}

/// A job of that time.
fn job(id: &str) -> String {
    format!(
        r#"{{"v":1,"id":"{key}","lane":"meta:1098:FR.1","received_at":"2026-11-28T08:00:00Z","work":{{"message":{{"id":"{key}","provider":"meta","business":"1098","sender":{{"address":{{"phone":"+33639980123"}},"phone":"+33639980123","bsuid":"FR.1"}},"sent_at":"2026-11-28T08:00:00Z","content":{{"text":"Un post"}}}}}}}}"#,
        key = key(id)
    )
}

fn inbound(id: &str) -> Inbound {
    match serde_json::from_str::<Job>(&job(id)).unwrap().work {
        Work::Message(inbound) => inbound,
        other => panic!("{other:?}"),
    }
}

fn id(id: &str) -> MessageId {
    MessageId::new(Provider::Meta, "1098", id)
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_860_000, 0).unwrap()
}

fn user() -> UserId {
    UserId::from_stored("u1".to_owned())
}

/// Tables as they were.
async fn from_before() -> PgPool {
    let pool = database(SEED).await;
    sqlx::raw_sql("create schema wa").execute(&pool).await.unwrap();
    let mut migrator = Migrator::new(Path::new("../migrations")).await.unwrap();
    migrator.migrations.to_mut().retain(|migration| migration.version <= BEFORE);
    migrator.dangerous_set_table_name("wa._sqlx_migrations");
    migrator.run(&pool).await.unwrap();
    pool
}

/// What a worker of that time had written.
async fn writes(db: &mut PgConnection) {
    sqlx::raw_sql(
        r#"insert into "User" ("id", "credits", "waPhoneE164", "updatedAt") values ('u1', 4, '+33639980123', now());
           insert into "CreditLedger" ("id", "userId", "delta", "reason")
             values ('l0', 'u1', 6, 'purchase'), ('l1', 'u1', -1, 'whatsapp_generation'), ('l2', 'u1', -1, 'whatsapp_generation');"#,
    )
    .execute(&mut *db)
    .await
    .unwrap();
    let hers = vault().key(&mut *db, &user()).await.unwrap();
    let seal = |place, row: &str, words| hers.seal(place, row, words);
    let (begun, done, later, edit) = (key(BEGUN), key(DONE), key(LATER), key(EDIT));
    for (message, state, outcome, brief, changes) in [
        (&begun, "started", None, Some("Un post, et son titre"), None),
        (&done, "finished", Some("posts"), None, None),
        (&edit, "finished", Some("recorded"), Some("Un autre post"), Some(&later)),
    ] {
        sqlx::query(
            "insert into wa.receipt (message_id, provider, business, lane, user_id, kind, state, outcome, attempts, sent_at,
               received_at, started_at, finished_at, brief, changes)
             values ($1, 'meta', '1098', 'meta:1098:FR.1', 'u1', 'text', $2, $3, 1, now(), now(), now(),
               case when $3 is not null then now() end, $4, $5)",
        )
        .bind(message)
        .bind(state)
        .bind(outcome)
        .bind(brief.map(|words| seal(Place::Brief, message, words)))
        .bind(changes)
        .execute(&mut *db)
        .await
        .unwrap();
    }
    sqlx::query("insert into wa.receipt (message_id, provider, business, lane, user_id, kind, state, outcome, joined_to, detail, attempts, received_at, started_at, finished_at)
                 values ($1 || 'B', 'meta', '1098', 'meta:1098:FR.1', 'u1', 'text', 'finished', 'joined', $1, 'of ' || $1, 1, now(), now(), now())")
        .bind(&begun)
        .execute(&mut *db)
        .await
        .unwrap();
    for message in [&begun, &done] {
        sqlx::query(
            "insert into wa.step (message_id, name, output, finish_reason, model, prompt_tokens, completion_tokens, took_ms, finished_at)
             values ($1, 'intent', $2, 'stop', 'm', 1, 1, 1, now())",
        )
        .bind(message)
        .bind(seal(Place::Output, &format!("{message} intent"), "ce qu'elle veut"))
        .execute(&mut *db)
        .await
        .unwrap();
        sqlx::query(
            "insert into wa.attempt (message_id, number, worker, began_at, reason) values ($1, 1, 'w', now(), 'about ' || $1)",
        )
        .bind(message)
        .execute(&mut *db)
        .await
        .unwrap();
    }
    for (part, told) in [(1, "Premier"), (2, "Second")] {
        sqlx::query(
            "insert into wa.outbox (cause, part, provider, business, address, body, state, provider_message_id, created_at, lane, menu)
             values ($1, $2, 'meta', '1098', '{\"phone\":\"+33639980123\"}', $3, 'accepted', case when $2 = 2 then $4 end, now(),
               'meta:1098:FR.1', case when $2 = 2 then to_jsonb($5::text) end)",
        )
        .bind(&done)
        .bind(part)
        .bind(seal(Place::Body, &done, told))
        .bind(ANSWER)
        .bind(seal(Place::Menu, &done, MENU))
        .execute(&mut *db)
        .await
        .unwrap();
    }
    for (message, line) in [(&begun, "l1"), (&done, "l2")] {
        sqlx::query("insert into wa.credit_op (key, ledger_id, user_id, message_id, created_at) values ('generation:' || $1, $2, 'u1', $1, now())")
            .bind(message)
            .bind(line)
            .execute(&mut *db)
            .await
            .unwrap();
    }
    for statement in [
        "insert into wa.kept_brief (user_id, brief, kept_at, taken_by) values ('u1', 'x', now(), $1)",
        "insert into wa.audit (at, actor, action, about, subject, key, note)
         values (now(), 'operator:x', 'queue.replay', 'message', '#' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 12), 'k', 'for ' || $1)",
        "insert into wa.erasure (receipt, account, via, asked_at, forgot_at, reach)
         values ('EF-1', 'u1', 'chat', now(), now(), jsonb_build_object('messages', array[$1::text]))",
    ] {
        sqlx::query(statement).bind(&begun).execute(&mut *db).await.unwrap();
    }
    spills(db).await;
}

/// What an ingest of that time had spilled: a message, and a report on the answer.
async fn spills(db: &mut PgConnection) {
    for (id, job, lane) in [
        (key(SPILLED), job(SPILLED), "meta:1098:FR.1".to_owned()),
        (
            format!("meta:status:{ANSWER}:sent"),
            format!(
                r#"{{"v":1,"id":"meta:status:{ANSWER}:sent","lane":"status:{ANSWER}","received_at":"2026-11-28T08:00:00Z","work":{{"status":{{"provider":"meta","provider_message_id":"{ANSWER}","status":"sent","at":"2026-11-28T08:00:00Z"}}}}}}"#
            ),
            format!("status:{ANSWER}"),
        ),
    ] {
        sqlx::query("insert into wa.spill (message_id, job, lane, received_at, spilled_at) values ($1, $2, $3, now(), now())")
            .bind(id)
            .bind(job)
            .bind(lane)
            .execute(&mut *db)
            .await
            .unwrap();
    }
}

/// Where something still tells a number: columns, and in how many rows.
async fn telling(pool: &PgPool) -> Vec<String> {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text from information_schema.columns
         where table_schema = 'wa' and table_name <> '_sqlx_migrations' order by 1, 2",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert!(columns.len() > 100, "{columns:?}");
    let mut telling = Vec::new();
    for (table, column) in columns {
        let query = format!(r#"select count(*) from wa."{table}" where "{column}"::text like '%wamid.%'"#);
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(pool).await.unwrap();
        if count > 0 {
            telling.push(format!("{table}.{column}: {count}"));
        }
    }
    telling
}

async fn renamed(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from wa.renamed").fetch_one(pool).await.unwrap()
}

/// Everything that was written is found under the ids of today, with its words.
async fn is_whole(pool: &PgPool) {
    let (vault, now) = (vault(), now());
    let mut db = pool.begin().await.unwrap();
    let start = Start { number: 2, worker: "w", received_at: DateTime::UNIX_EPOCH };
    let begun = receipt::start(&mut db, &vault, &inbound(BEGUN), start, now).await.unwrap();
    assert_eq!(begun, Standing::Begun(Some("Un post, et son titre".to_owned())), "and nothing is charged");
    let done = receipt::start(&mut db, &vault, &inbound(DONE), start, now).await.unwrap();
    assert_eq!(done, Standing::Ended);
    let later = receipt::start(&mut db, &vault, &inbound(LATER), start, now).await.unwrap();
    let text = Some("Un autre post".to_owned());
    assert_eq!(later, Standing::Open(Changed { text, withdrawn: false }));
    for message in [BEGUN, DONE] {
        let step = step::find(&mut db, &vault, &id(message), "intent").await.unwrap().unwrap();
        assert_eq!(step.output, "ce qu'elle veut");
        let posted = ledger::post(&mut db, &user(), Entry::Generation(&id(message)), now).await.unwrap();
        assert!(matches!(posted, Posted::AlreadyApplied(_)), "{posted:?}");
    }
    let back = ledger::post(&mut db, &user(), Entry::Refund(&id(BEGUN)), now).await.unwrap();
    assert!(matches!(back, Posted::Applied(_)), "{back:?}");
    let told = outbox::caused_by(&mut db, &vault, &id(DONE)).await.unwrap();
    assert_eq!(told.iter().map(|part| part.body.as_str()).collect::<Vec<_>>(), ["Premier", "Second"]);
    assert_eq!(told[1].menu.as_ref().unwrap().choices[0].title, "Encore");
    // What a provider says of our answer, in its own words.
    let report = StatusReport {
        provider: Provider::Meta,
        provider_message_id: ANSWER.to_owned(),
        outbox_id: None,
        status: SendStatus::Read,
        at: now,
        error_code: None,
        pricing: None,
    };
    assert_eq!(outbox::report(&mut db, &vault, &report).await.unwrap().unwrap().cause, id(DONE));
    let reaction = Reaction { provider: Provider::Meta, to: ANSWER, emoji: Some("👍"), at: now };
    assert!(feedback::keep(&mut db, &vault, &user(), reaction).await.unwrap());
    // Whoever reads it all, and what waits for Redis.
    let words: Vec<_> = receipt::diary(&mut db, &vault, &user()).await.unwrap();
    assert_eq!(words.iter().filter(|entry| entry.brief.is_some()).count(), 2);
    let spilled = shared::spill::take(&mut db, 0, 10).await.unwrap();
    let jobs: Vec<Job> =
        spilled.iter().map(|row| Job::unpack(row.job.as_bytes(), Some(&vault)).unwrap()).collect();
    assert_eq!(jobs[0], serde_json::from_str(&job(SPILLED)).unwrap());
    assert_eq!(jobs[1].lane.as_str(), format!("status:{}", opaque(ANSWER)));
    assert!(spilled.iter().all(|row| row.job.contains("sealed")), "{spilled:?}");
    let subject: String =
        sqlx::query_scalar("select subject from wa.audit").fetch_one(&mut *db).await.unwrap();
    assert_eq!(subject, format!("#{}", id(BEGUN).fingerprint()));
    db.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_keep_their_words_and_their_cost_when_their_ids_become_digests() {
    let pool = from_before().await;
    writes(&mut pool.acquire().await.unwrap()).await;
    let before = telling(&pool).await;
    assert_eq!(before.len(), 17, "{before:?}");
    shared::db::migrate(&pool, &vault()).await.unwrap();
    assert_eq!((telling(&pool).await, renamed(&pool).await), (Vec::<String>::new(), 0));
    is_whole(&pool).await;
    shared::db::migrate(&pool, &vault()).await.unwrap();
    is_whole(&pool).await;
}

/// Somebody migrates without the key: the ids are digests all the same, and the words wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_wait_for_their_master_key_and_what_is_written_meanwhile_stays() {
    let pool = from_before().await;
    writes(&mut pool.acquire().await.unwrap()).await;
    let other = SecretString::from("b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Q=");
    let other = Vault::new(MasterKey::read(&other).into_iter().collect());
    let refused = shared::db::migrate(&pool, &other).await.unwrap_err();
    assert!(refused.to_string().contains("MASTER_KEY"), "{refused:#}");
    let left = telling(&pool).await;
    // What waits in the spill is of an older version that sealed nothing: the other key seals it.
    assert_eq!((left, renamed(&pool).await), (vec!["renamed.was: 3".to_owned()], 3));
    let key = vault().key(&mut pool.acquire().await.unwrap(), &user()).await.unwrap();
    let cause = id(DONE);
    sqlx::query("update wa.outbox set body = $1 where cause = $2 and part = 1")
        .bind(key.seal(Place::Body, cause.as_str(), "Premier"))
        .bind(cause.as_str())
        .execute(&pool)
        .await
        .unwrap();
    shared::db::migrate(&pool, &vault()).await.unwrap();
    assert_eq!((telling(&pool).await, renamed(&pool).await), (Vec::<String>::new(), 0));
    let told = outbox::caused_by(&mut pool.acquire().await.unwrap(), &vault(), &cause).await.unwrap();
    assert_eq!(told.iter().map(|part| part.body.as_str()).collect::<Vec<_>>(), ["Premier", "Second"]);
}

/// A worker of that time that goes on writes nothing under the old ids: what it had begun is begun anew by others, and found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_from_before_cannot_give_a_message_a_second_id() {
    let pool = from_before().await;
    writes(&mut pool.acquire().await.unwrap()).await;
    shared::db::migrate(&pool, &vault()).await.unwrap();
    for (statement, constraint) in [
        ("insert into wa.receipt (message_id, provider, business, lane, kind, state, attempts, received_at, started_at)
          values ($1, 'meta', '1', 'l', 'text', 'started', 1, now(), now())", "receipt_ids_tell_no_number"),
        ("insert into wa.outbox (cause, part, provider, business, address, body, created_at)
          values ($1, 1, 'meta', '1', '{}', '', now())", "outbox_ids_tell_no_number"),
        ("update wa.outbox set provider_message_id = $1", "outbox_ids_tell_no_number"),
        ("update wa.credit_op set key = 'refund:' || $1", "credit_op_ids_tell_no_number"),
        ("update wa.kept_brief set taken_by = $1", "kept_brief_ids_tell_no_number"),
        ("update wa.spill set lane = 'status:' || $1", "spill_ids_tell_no_number"),
    ] {
        let refused = sqlx::query(statement).bind(key(BEGUN)).execute(&pool).await.unwrap_err();
        assert_eq!(refused.as_database_error().and_then(|error| error.constraint()), Some(constraint));
    }
}

/// The tables and the program make the same of an id, whatever stands around it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_make_the_same_of_an_id_as_the_program() {
    let pool = database(SEED).await;
    shared::db::migrate(&pool, &vault()).await.unwrap();
    let escaped = BEGUN.replace('A', "\\/");
    for text in [
        "",
        "SM1",
        BEGUN,
        &key(BEGUN),
        "wamid.",
        "wamid.wamid.A",
        "wamid.A wamid.AB wamid.A",
        "x\\wamid.A\\b",
        &escaped,
        r#"{"id":"wamid.A\/b","é":"wamid.É"}"#,
        "meta:status:wamid.A+/=-_:sent",
    ] {
        let concealed: String =
            sqlx::query_scalar("select wa.conceal($1)").bind(text).fetch_one(&pool).await.unwrap();
        assert_eq!(concealed, shared::message::conceal(text), "{text}");
    }
}
