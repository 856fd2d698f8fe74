//! A code is on one phone, and nowhere else: not in the books, not in the queue, not in a log.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sandbox::conversation::Sandbox;
use sandbox::process::{Process, Role};
use shared::message::Provider;

use super::browser::{Browser, leaves_by};
use crate::for_each_provider;

/// Every word of every row of every table.
async fn books(sandbox: &Sandbox) -> String {
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select table_schema::text, table_name::text from information_schema.tables where table_schema in ('public', 'wa')",
    )
    .fetch_all(&sandbox.pool)
    .await
    .unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    let mut all = String::new();
    for (schema, table) in tables {
        let query = format!(r#"select coalesce(string_agg(t::text, E'\n'), '') from "{schema}"."{table}" t"#);
        let rows: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&sandbox.pool).await.unwrap();
        all.push_str(&rows);
        all.push('\n');
    }
    all
}

/// Every key and every value of the queue, as Redis would dump them.
async fn queue(sandbox: &Sandbox) -> String {
    let client = redis::Client::open(sandbox.variables["REDIS_URL"].as_str()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    let mut all = keys.join("\n");
    for key in keys {
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.unwrap();
        all.push_str(&String::from_utf8_lossy(&dump));
    }
    all
}

/// Whether these digits stand somewhere by themselves. Inside a longer number or a digest they are an accident.
pub(crate) fn holds(text: &str, code: &str) -> bool {
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    text.match_indices(code)
        .any(|(at, _)| apart(text[..at].chars().next_back()) && apart(text[at + code.len()..].chars().next()))
}

async fn nowhere(sandbox: &mut Sandbox, provider: Provider) {
    leaves_by(sandbox, provider);
    let log = std::env::temp_dir().join(format!("postly-codes-{}-{provider}.log", std::process::id()));
    let mut variables: BTreeMap<String, String> = sandbox.variables.clone();
    variables.insert("RUST_LOG".to_owned(), "trace".to_owned());
    let address = sandbox::port::free_address().unwrap();
    variables.insert("INGEST_ADDR".to_owned(), address.clone());
    let exe = PathBuf::from(env!("CARGO_BIN_EXE_sandbox"));
    let mut processes =
        [Role::Ingest, Role::Worker].map(|role| Process::start(&exe, role, &variables, &log).unwrap());
    for process in &mut processes {
        process.ready(sandbox::person::PATIENCE).await.unwrap();
    }
    let alice = sandbox.person(provider);
    let browser = Browser::at(&format!("http://{address}"));
    assert_eq!(browser.asks(alice.number()).await.status, 200);
    let code = alice.hears_code().await;
    let before = (books(sandbox).await, queue(sandbox).await);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(browser.types(alice.number(), wrong).await.status, 401);
    let entered = browser.types(alice.number(), &code).await;
    assert_eq!(entered.status, 200);
    let again = browser.types(alice.number(), &code).await;
    sandbox.is_quiet().await;
    let after = (books(sandbox).await, queue(sandbox).await);
    let logs = std::fs::read_to_string(&log).unwrap();
    // What is looked at is there at all.
    assert!(before.0.contains(alice.number()) && logs.contains("postly-ingest is listening"));
    let answers = format!("{} {}", entered.body, again.body);
    let places = [
        ("the books", &before.0),
        ("the books, afterwards", &after.0),
        ("the queue", &before.1),
        ("the queue, afterwards", &after.1),
        ("the answers", &answers),
    ];
    for (place, text) in places {
        assert!(!holds(text, &code), "the code stands in {place}");
    }
    let ours = logs.lines().filter(|line| !foreign(line)).collect::<Vec<_>>().join("\n");
    assert!(!holds(&ours, &code), "the code stands in a log");
    let _ = std::fs::remove_file(&log);
}

/// What libraries trace of the bytes on their wires, which nobody turns on.
fn foreign(line: &str) -> bool {
    ["hyper", "h2::", "rustls", "reqwest", "mio", "tungstenite"].iter().any(|library| line.contains(library))
}

for_each_provider! { in run_without_worker
    nowhere_else => super::nowhere;
}
