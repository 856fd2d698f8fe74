//! What Redis says about itself: memory, processor time, its slowest calls, and what stands in it.
//!
//! On a connection of its own, which shares nothing with the queue that is measured.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, Value, cmd};

/// The name that all keys of the queue begin with.
const PREFIX: &str = "{wa:0}";

/// A call that took this long inside Redis stands in the slow log: everybody else waited meanwhile.
const SLOW_MICROS: u32 = 1_000;

/// Number, time, microseconds, words, client and its name.
type SlowCall = (u64, u64, u64, Vec<Vec<u8>>, String, String);

/// A look into one Redis.
pub struct Instrument(MultiplexedConnection);

impl Instrument {
    /// Connects, and lets Redis note what is slow.
    pub async fn open(url: &str) -> Result<Self> {
        // It may be asked for much at once, and the machine may be busy.
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let client = redis::Client::open(url)?;
        let mut instrument =
            Self(client.get_multiplexed_async_connection_with_config(&patient).await.context("Redis")?);
        let mut config = cmd("CONFIG");
        config.arg("SET").arg("slowlog-log-slower-than").arg(SLOW_MICROS).arg("slowlog-max-len").arg(10_000);
        config.arg("latency-monitor-threshold").arg(5);
        instrument.ask::<()>(&config).await?;
        Ok(instrument)
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T> {
        Ok(command.query_async(&mut self.0).await?)
    }

    /// Everything before this moment is no part of what is measured.
    pub async fn reset(&mut self) -> Result<()> {
        for words in [["CONFIG", "RESETSTAT"], ["SLOWLOG", "RESET"], ["LATENCY", "RESET"]] {
            self.ask::<Value>(cmd(words[0]).arg(words[1])).await?;
        }
        Ok(())
    }

    /// Empties the database.
    pub async fn clear(&mut self) -> Result<()> {
        self.ask(&cmd("FLUSHALL")).await
    }

    /// The value of a setting.
    pub async fn setting(&mut self, name: &str) -> Result<String> {
        let found: (String, String) = self.ask(cmd("CONFIG").arg("GET").arg(name)).await?;
        Ok(found.1)
    }

    async fn section(&mut self, section: &str) -> Result<BTreeMap<String, String>> {
        let text: String = self.ask(cmd("INFO").arg(section)).await?;
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        Ok(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// One line of `INFO`.
    pub async fn word(&mut self, section: &str, name: &str) -> Result<String> {
        let mut lines = self.section(section).await?;
        lines.remove(name).with_context(|| format!("INFO {section} has no {name}"))
    }

    /// Bytes that the data takes: what is used, without the buffers of connections and of the append-only file.
    pub async fn memory(&mut self) -> Result<f64> {
        let lines = self.section("memory").await?;
        let bytes =
            |name: &str| lines.get(name).and_then(|bytes| bytes.parse::<f64>().ok()).unwrap_or_default();
        Ok(bytes("used_memory") - bytes("mem_clients_normal") - bytes("mem_aof_buffer"))
    }

    /// Seconds of processor time so far.
    pub async fn processor(&mut self) -> Result<f64> {
        let lines = self.section("cpu").await?;
        let seconds = |name: &str| lines.get(name).and_then(|s| s.parse::<f64>().ok()).unwrap_or_default();
        Ok(seconds("used_cpu_user") + seconds("used_cpu_sys"))
    }

    /// How many keys of each kind there are.
    pub async fn keys(&mut self) -> Result<BTreeMap<String, usize>> {
        let keys: Vec<String> = self.ask(cmd("KEYS").arg("*")).await?;
        let mut kinds = BTreeMap::new();
        for key in keys {
            let name = key.strip_prefix(PREFIX).unwrap_or(&key);
            let kind = name.split(':').next().unwrap_or_default();
            *kinds.entry(kind.to_owned()).or_insert(0) += 1;
        }
        Ok(kinds)
    }

    /// The longest call of each script, and what else took time since [`Instrument::reset`], one line each.
    pub async fn slowness(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        let calls: Vec<SlowCall> = self.ask(cmd("SLOWLOG").arg("GET").arg(-1)).await?;
        let mut longest = BTreeMap::<String, (u64, usize)>::new();
        for (_, _, micros, words, ..) in &calls {
            let (most, times) = longest.entry(name(words)).or_default();
            (*most, *times) = ((*most).max(*micros), *times + 1);
        }
        if longest.is_empty() {
            lines.push("no call took 1 ms inside Redis".to_owned());
        }
        for (script, (micros, times)) in longest {
            let (whole, rest) = (micros / 1_000, micros % 1_000 / 100);
            lines.push(format!(
                "{script}: longest {whole}.{rest} ms inside Redis, {times} calls of 1 ms or more"
            ));
        }
        let percentiles = self.section("latencystats").await?;
        if let Some(micros) = percentiles.get("latency_percentiles_usec_evalsha") {
            lines.push(format!("all scripts, us inside Redis: {micros}"));
        }
        let events: Vec<Vec<Value>> = self.ask(cmd("LATENCY").arg("LATEST")).await?;
        for event in events {
            if let [Value::BulkString(name), _, _, Value::Int(most), ..] = event.as_slice() {
                lines.push(format!("{}: at most {most} ms", String::from_utf8_lossy(name)));
            }
        }
        let rewrites = self.word("persistence", "aof_rewrites").await?;
        lines.push(format!("{rewrites} rewrites of the append-only file since the start of Redis"));
        Ok(lines)
    }
}

/// Which script a call in the slow log was, by its keys; of other calls, the command.
fn name(words: &[Vec<u8>]) -> String {
    let word = |place: usize| words.get(place).map(|word| String::from_utf8_lossy(word)).unwrap_or_default();
    if !word(0).starts_with("EVAL") {
        return word(0).into_owned();
    }
    let script = match (&*word(2), word(4).trim_start_matches(PREFIX)) {
        ("4", "stats") => "enqueue",
        ("4", _) => "figures",
        ("2", _) => "set_aside",
        ("7", _) => "fetch",
        ("8", _) => "settle",
        ("3", _) => "renew",
        ("5", _) => "recover",
        _ => "a script",
    };
    script.to_owned()
}
