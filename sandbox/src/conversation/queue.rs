//! A queue on an empty Redis and nothing else, for tests of the queue's own promises; and a look at its raw keys,
//! which shares no script with the product, to find out whether they still agree with each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use secrecy::SecretString;
use shared::queue::{Queue, QueueSettings};

use super::Ground;

/// The name that all keys of the queue begin with.
const PREFIX: &str = "{wa:0}";

/// A queue, and the Redis below it.
pub struct BareQueue {
    /// The queue, with the settings that the test chose.
    pub queue: Queue,
    /// Redis, for looking and for meddling.
    pub redis: MultiplexedConnection,
    url: String,
    settings: QueueSettings,
}

/// Runs a test on an empty logical database of the shared Redis. Whatever the test leaves must be sound.
pub async fn queue(ground: &'static Ground, settings: QueueSettings, test: impl AsyncFnOnce(&mut BareQueue)) {
    let place = ground.place().await;
    let mut bare = BareQueue::open(&place.redis_url().await, settings).await;
    test(&mut bare).await;
    bare.is_sound().await;
    redis::cmd("FLUSHDB").query_async::<()>(&mut bare.redis).await.expect("an empty database");
}

impl BareQueue {
    /// A queue on this server, which must be empty.
    pub async fn open(url: &str, settings: QueueSettings) -> Self {
        let mut redis = connect(url).await;
        let size: u64 = redis::cmd("DBSIZE").query_async(&mut redis).await.expect("a size");
        assert_eq!(size, 0, "the queue of a test must be empty: is it another's?");
        let queue = Queue::open(&SecretString::from(url), settings.clone()).expect("an address of Redis");
        Self { queue, redis, url: url.to_owned(), settings }
    }

    /// The same queue over a connection of its own, as another process has it.
    #[must_use]
    pub fn elsewhere(&self) -> Queue {
        self.with(self.settings.clone())
    }

    /// The same queue as a process with other settings has it.
    #[must_use]
    pub fn with(&self, settings: QueueSettings) -> Queue {
        Queue::open(&SecretString::from(self.url.as_str()), settings).expect("an address of Redis")
    }

    /// Where Redis listens: `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        let authority =
            self.url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default()
    }

    /// The same queue for a process that reaches Redis by way of this address.
    #[must_use]
    pub fn by_way_of(&self, address: SocketAddr) -> Queue {
        let url = self.url.replacen(self.address(), &address.to_string(), 1);
        Queue::open(&SecretString::from(url), self.settings.clone()).expect("an address of Redis")
    }

    /// Looks and meddles over a new connection, after Redis was away.
    pub async fn reconnects(&mut self) {
        self.redis = connect(&self.url).await;
    }

    /// The time of Redis, in milliseconds.
    pub async fn now(&mut self) -> u64 {
        let (seconds, micros): (u64, u64) =
            redis::cmd("TIME").query_async(&mut self.redis).await.expect("a time");
        seconds * 1000 + micros / 1000
    }

    /// Lets the lease of this lane have expired long ago, as if its worker had been silent.
    pub async fn expire(&mut self, lane: &str) {
        self.score("leased", lane).await;
    }

    /// Lets the moment that this lane waits for have come.
    pub async fn fall_due(&mut self, lane: &str) {
        self.score("ready", lane).await;
    }

    /// Nobody has heard of this worker for ages.
    pub async fn falls_silent(&mut self, owner: &str) {
        self.score("workers", owner).await;
    }

    async fn score(&mut self, key: &str, lane: &str) {
        let mut command = redis::cmd("ZADD");
        let key = format!("{PREFIX}{key}");
        command.arg(&key).arg("XX").arg(1).arg(lane);
        command.query_async::<()>(&mut self.redis).await.expect("a change");
        let mut command = redis::cmd("ZSCORE");
        let score: Option<i64> =
            command.arg(&key).arg(lane).query_async(&mut self.redis).await.expect("a score");
        assert_eq!(score, Some(1), "{lane} is not in {key}");
    }

    /// So much time goes by for the queue in which nobody is heard of: every moment that it remembers moves back.
    pub async fn time_passes(&mut self, by: Duration) {
        let by = i64::try_from(by.as_millis()).expect("no test lets ages pass");
        for name in ["ready", "leased"] {
            let key = format!("{PREFIX}{name}");
            let lanes: Vec<String> = redis::cmd("ZRANGE")
                .arg(&key)
                .arg(0)
                .arg(-1)
                .query_async(&mut self.redis)
                .await
                .expect("lanes");
            for lane in lanes {
                let mut command = redis::cmd("ZINCRBY");
                command.arg(&key).arg(-by).arg(lane);
                command.query_async::<f64>(&mut self.redis).await.expect("an earlier moment");
            }
        }
        let mut command = redis::cmd("HINCRBY");
        command.arg(format!("{PREFIX}stats")).arg("seen").arg(-by);
        command.query_async::<i64>(&mut self.redis).await.expect("an earlier sign of life");
    }

    /// Everything that stands in Redis, except the claims.
    pub async fn contents(&mut self) -> Contents {
        Contents::read(&mut self.redis).await
    }

    /// The keys that claims are kept in.
    pub async fn claims(&mut self) -> Vec<String> {
        let mut command = redis::cmd("KEYS");
        command.arg(format!("{PREFIX}seen:*"));
        command.query_async(&mut self.redis).await.expect("keys")
    }

    /// Panics when the keys contradict each other, when a claim would stay for ever, or when there is a key that no
    /// queue knows.
    pub async fn is_sound(&mut self) -> Contents {
        const KEYS: [&str; 10] =
            ["ready", "leased", "fence", "tries", "lost", "stats", "wake", "dead", "paused", "workers"];
        let contents = self.contents().await;
        let breaches = contents.breaches();
        assert!(breaches.is_empty(), "the queue is not sound: {breaches:#?}");
        let mut keys: Vec<String> =
            redis::cmd("KEYS").arg("*").query_async(&mut self.redis).await.expect("keys");
        keys.retain(|key| {
            let name = key.strip_prefix(PREFIX).unwrap_or_default();
            !KEYS.contains(&name) && !["lane:", "seen:", "pace:"].iter().any(|kind| name.starts_with(kind))
        });
        assert!(keys.is_empty(), "unknown keys: {keys:?}");
        let claims = self.claims().await;
        let mut pipeline = redis::pipe();
        for claim in &claims {
            pipeline.cmd("PTTL").arg(claim);
        }
        let most = 2 * i64::try_from(self.settings.claim_window.as_millis()).expect("days");
        if !claims.is_empty() {
            let left: Vec<i64> = pipeline.query_async(&mut self.redis).await.expect("times to live");
            // -2: it has expired in this moment.
            let odd: Vec<_> =
                left.iter().filter(|left| **left != -2 && !(0..=most).contains(*left)).collect();
            assert!(odd.is_empty(), "claims that never expire, or too late: {odd:?}");
        }
        contents
    }
}

/// A connection that waits as long as it takes: a test may ask for very much at once.
async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("an address of Redis");
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await.expect("Redis")
}

/// What stands in the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The messages of each lane, head first.
    pub lanes: BTreeMap<String, Vec<Vec<u8>>>,
    /// Lanes that may run, and from when.
    pub ready: BTreeMap<String, i64>,
    /// Lanes whose head is being worked on, and until when.
    pub leased: BTreeMap<String, i64>,
    /// The fences of those.
    pub fences: BTreeMap<String, String>,
    /// Starts of heads.
    pub tries: BTreeMap<String, u32>,
    /// Lost leases of heads.
    pub lost: BTreeMap<String, u32>,
    /// What the queue believes to hold.
    pub depth: i64,
    /// Wake tokens.
    pub tokens: u64,
    /// Dead letters, oldest first.
    pub dead: Vec<DeadLetter>,
}

/// One dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The conversation; empty for bytes that nobody could read.
    pub lane: String,
    /// Starts.
    pub attempts: u32,
    /// Why.
    pub reason: String,
    /// What.
    pub job: Vec<u8>,
}

impl Contents {
    async fn read(redis: &mut MultiplexedConnection) -> Self {
        let one = |name: &str| format!("{PREFIX}{name}");
        let lane = one("lane:");
        let keys: Vec<String> =
            redis::cmd("KEYS").arg(format!("{lane}*")).query_async(redis).await.expect("keys");
        let names: Vec<&str> = keys.iter().filter_map(|key| key.strip_prefix(&lane)).collect();
        let mut lists = redis::pipe();
        for name in &names {
            lists.cmd("LRANGE").arg(format!("{lane}{name}")).arg(0).arg(-1);
        }
        let lists: Vec<Vec<Vec<u8>>> = match names.len() {
            0 => Vec::new(),
            _ => lists.query_async(redis).await.expect("lists"),
        };
        let mut rest = redis::pipe();
        for set in ["ready", "leased"] {
            rest.cmd("ZRANGE").arg(one(set)).arg(0).arg(-1).arg("WITHSCORES");
        }
        for hash in ["fence", "tries", "lost"] {
            rest.cmd("HGETALL").arg(one(hash));
        }
        rest.cmd("HGET").arg(one("stats")).arg("depth");
        rest.cmd("LLEN").arg(one("wake"));
        rest.cmd("XRANGE").arg(one("dead")).arg("-").arg("+");
        let answers: [redis::Value; 8] =
            rest.query_async::<Vec<_>>(redis).await.expect("keys").try_into().expect("an answer each");
        let [ready, leased, fences, tries, lost, depth, tokens, dead] = answers;
        let dead: Vec<(String, Vec<Vec<u8>>)> = typed(dead);
        let lanes = names.into_iter().map(str::to_owned).zip(lists).collect();
        Self {
            lanes,
            ready: typed(ready),
            leased: typed(leased),
            fences: typed(fences),
            tries: typed(tries),
            lost: typed(lost),
            depth: typed::<Option<i64>>(depth).unwrap_or_default(),
            tokens: typed(tokens),
            dead: dead.iter().map(|(_, fields)| DeadLetter::read(fields)).collect(),
        }
    }

    /// Everything that should not be.
    #[must_use]
    pub fn breaches(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        let mut must = |holds: bool, breach: String| {
            if !holds {
                breaches.push(breach);
            }
        };
        for lane in self.lanes.keys() {
            let places = u8::from(self.ready.contains_key(lane)) + u8::from(self.leased.contains_key(lane));
            must(places == 1, format!("{lane} has messages and stands in {places} places"));
        }
        for lane in self.ready.keys().chain(self.leased.keys()) {
            must(self.lanes.contains_key(lane), format!("{lane} is a ghost"));
        }
        must(self.leased.keys().eq(self.fences.keys()), "leases and fences differ".to_owned());
        let held: usize = self.lanes.values().map(Vec::len).sum();
        must(
            i64::try_from(held) == Ok(self.depth),
            format!("{held} messages are held, {} believed", self.depth),
        );
        for lane in self.tries.keys().chain(self.lost.keys()) {
            must(self.lanes.contains_key(lane), format!("{lane} has counters and no message"));
        }
        for count in self.tries.values().chain(self.lost.values()) {
            must(*count > 0, "a counter of nothing".to_owned());
        }
        must(self.tokens <= 64, format!("{} wake tokens", self.tokens));
        breaches
    }
}

fn typed<T: redis::FromRedisValue>(value: redis::Value) -> T {
    redis::from_redis_value(value).expect("the type that this key has")
}

impl DeadLetter {
    fn read(fields: &[Vec<u8>]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let mut fields: BTreeMap<String, Vec<u8>> =
            fields.as_chunks::<2>().0.iter().map(|[name, value]| (text(name), value.clone())).collect();
        let mut field =
            |name: &str| fields.remove(name).unwrap_or_else(|| panic!("a dead letter without {name}"));
        Self {
            lane: text(&field("lane")),
            attempts: text(&field("attempts")).parse().expect("a number of attempts"),
            reason: text(&field("reason")),
            job: field("job"),
        }
    }
}
