//! What Redis says about itself: memory, processor time, its slowest calls, and what stands in it.
//!
//! On a connection of its own, which shares nothing with the queue that is measured.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, Value, cmd};

use super::sample::Sample;

/// The name that all keys of the queue begin with.
const PREFIX: &str = "{wa:0}";

/// A call that took this long inside Redis stands in the slow log: everybody else waited meanwhile.
const SLOW_MICROS: u32 = 1_000;

/// What the slow log has besides scripts: commands of constant cost, most of them steps of scripts. None of them
/// works for a millisecond, so they measure how long Redis was kept from running.
const ALONE: &str = "single commands (Redis had no processor)";

/// Number, time, microseconds, words, client and its name.
type SlowCall = (u64, u64, u64, Vec<Vec<u8>>, String, String);

/// A look into one Redis.
pub struct Instrument {
    connection: MultiplexedConnection,
    /// Rewrites of the append-only file that Redis has forgotten because its counters were reset.
    rewrites: u64,
}

impl Instrument {
    /// Connects, and lets Redis note what is slow.
    pub async fn open(url: &str) -> Result<Self> {
        // It may be asked for much at once, and the machine may be busy.
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let client = redis::Client::open(url)?;
        let connection =
            client.get_multiplexed_async_connection_with_config(&patient).await.context("Redis")?;
        let mut instrument = Self { connection, rewrites: 0 };
        instrument.set("slowlog-log-slower-than", &SLOW_MICROS.to_string()).await?;
        instrument.set("slowlog-max-len", "10000").await?;
        instrument.set("latency-monitor-threshold", "5").await?;
        Ok(instrument)
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T> {
        Ok(command.query_async(&mut self.connection).await?)
    }

    /// Everything before this moment is no part of what is measured.
    pub async fn reset(&mut self) -> Result<()> {
        self.reset_counters().await?;
        self.rewrites = 0;
        for log in ["SLOWLOG", "LATENCY"] {
            self.ask::<Value>(cmd(log).arg("RESET")).await?;
        }
        Ok(())
    }

    async fn reset_counters(&mut self) -> Result<()> {
        self.rewrites = self.rewrites().await?;
        self.ask(cmd("CONFIG").arg("RESETSTAT")).await
    }

    /// How often the append-only file was rewritten since [`Instrument::reset`].
    async fn rewrites(&mut self) -> Result<u64> {
        let counted: u64 = self.word("persistence", "aof_rewrites").await?.parse()?;
        Ok(self.rewrites + counted)
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

    /// Changes a setting.
    pub async fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.ask(cmd("CONFIG").arg("SET").arg(name).arg(value)).await
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

    /// Microseconds that the middle script call since the last question took inside Redis. What keeps Redis from
    /// running now and then does not touch a median.
    pub async fn script_micros(&mut self) -> Result<f64> {
        let percentiles = self.word("latencystats", "latency_percentiles_usec_evalsha").await?;
        let median = percentiles.split(',').find_map(|part| part.strip_prefix("p50="));
        let median = median.context("a median of script calls")?.parse()?;
        self.reset_counters().await?;
        Ok(median)
    }

    /// How often this command was called since [`Instrument::reset`].
    pub async fn calls(&mut self, command: &str) -> Result<usize> {
        let lines = self.section("commandstats").await?;
        let Some(line) = lines.get(&format!("cmdstat_{command}")) else { return Ok(0) };
        let calls = line.split(',').find_map(|part| part.strip_prefix("calls="));
        Ok(calls.context("a number of calls")?.parse()?)
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

    /// The slow calls of each script, and what else took time since [`Instrument::reset`], one line each.
    pub async fn slowness(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        let calls: Vec<SlowCall> = self.ask(cmd("SLOWLOG").arg("GET").arg(-1)).await?;
        let mut slow = BTreeMap::<&str, Vec<f64>>::new();
        for (_, _, micros, words, ..) in &calls {
            let millis = Duration::from_micros(*micros).as_secs_f64() * 1e3;
            slow.entry(script(words).unwrap_or(ALONE)).or_default().push(millis);
        }
        if slow.is_empty() {
            lines.push("no call took 1 ms inside Redis".to_owned());
        }
        for (name, millis) in slow {
            let calls = millis.len();
            let millis: Sample = millis.into_iter().collect();
            lines.push(format!("{name}: {calls} times 1 ms or more inside Redis, ms {}", millis.spread()));
        }
        let events: Vec<Vec<Value>> = self.ask(cmd("LATENCY").arg("LATEST")).await?;
        for event in events {
            if let [Value::BulkString(name), _, _, Value::Int(most), ..] = event.as_slice() {
                lines.push(format!("{}: at most {most} ms", String::from_utf8_lossy(name)));
            }
        }
        lines.push(format!("{} rewrites of the append-only file", self.rewrites().await?));
        Ok(lines)
    }
}

/// Which script a call in the slow log was, by its keys.
fn script(words: &[Vec<u8>]) -> Option<&'static str> {
    let word = |place: usize| words.get(place).map(|word| String::from_utf8_lossy(word)).unwrap_or_default();
    if !word(0).starts_with("EVAL") {
        return None;
    }
    Some(match (&*word(2), word(4).trim_start_matches(PREFIX)) {
        ("4", "stats") => "enqueue",
        ("4", _) => "figures",
        ("2", _) => "set_aside",
        ("7", _) => "fetch",
        ("8", _) => "settle",
        ("3", _) => "renew",
        ("5", _) => "recover",
        _ => "another script",
    })
}
