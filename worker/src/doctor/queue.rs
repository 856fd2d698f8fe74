//! Asks Redis what it is and how it is set. Where CONFIG is forbidden, as managed servers do, INFO is believed as
//! far as it goes and the rest is told as unseen. The judging is in [`server`], which talks to nobody.

mod server;

use std::collections::BTreeMap;

use chrono::DateTime;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use secrecy::{ExposeSecret, SecretString};
use shared::clock::Clock;

use super::clocks::Reading;
use super::finding::Finding;
use super::{ANSWER, Examined};
use server::Server;

/// What is asked of CONFIG.
const SETTINGS: [&str; 5] =
    ["appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory", "maxmemory-policy"];

/// Examines the queue's server.
pub(super) async fn examine(url: &SecretString, clock: &Clock) -> Examined {
    let options =
        AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER)).set_response_timeout(Some(ANSWER));
    let connected = match Client::open(url.expose_secret()) {
        Ok(client) => client.get_multiplexed_async_connection_with_config(&options).await,
        Err(error) => Err(error),
    };
    let mut redis = match connected {
        Ok(redis) => redis,
        Err(error) => return away(&error).into(),
    };
    let info = match redis::cmd("INFO").query_async::<String>(&mut redis).await {
        Ok(info) => Some(lines(&info)),
        // Forbidden: something may still be seen by CONFIG.
        Err(error) if error.code() == Some("NOPERM") => None,
        Err(error) => return away(&error).into(),
    };
    let mut ask = redis::cmd("CONFIG");
    ask.arg("GET").arg(&SETTINGS);
    let config = ask.query_async::<BTreeMap<String, String>>(&mut redis).await.ok();
    let server = Server { info, config: config.filter(|config| !config.is_empty()) };
    Examined { findings: server.findings(), clock: time(&mut redis, clock).await }
}

async fn time(redis: &mut MultiplexedConnection, clock: &Clock) -> Option<Reading> {
    let before = clock.now();
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(redis).await.ok()?;
    let after = clock.now();
    let server = DateTime::from_timestamp_micros(seconds.checked_mul(1_000_000)?.checked_add(micros)?)?;
    Some(Reading::new(server, before, after))
}

fn lines(info: &str) -> BTreeMap<String, String> {
    let pairs = info.lines().filter_map(|line| line.trim_end().split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn away(error: &RedisError) -> Finding {
    let told = error.code().map(|code| format!(" ({code})")).unwrap_or_default();
    let (found, advice) = if error.code() == Some("LOADING") {
        ("is loading its data from disk".to_owned(), "wait: it answers when it has read its append-only file")
    } else if matches!(error.code(), Some("WRONGPASS" | "NOAUTH" | "NOPERM"))
        || error.to_string().contains("uthentication")
    {
        let advice = "compare user and password of REDIS_URL with the server's ACL";
        (format!("refuses us{told}"), advice)
    } else if error.is_timeout() {
        let advice = "it takes connections but does not answer: look at its machine (swap, disk) and its log";
        ("did not answer in time".to_owned(), advice)
    } else {
        let advice =
            "start Redis, or correct REDIS_URL; until then ingest spills into Postgres and workers wait";
        (format!("cannot be reached{told}"), advice)
    };
    Finding::failed("redis", found, advice)
}
