//! What a Redis must be so that an acknowledged message is safe: recent enough, writing every command to disk before
//! it answers, never evicting, a master, and not in trouble with its disk.

use std::collections::BTreeMap;

use super::super::finding::Finding;

/// What could be seen of a server.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// INFO, where it is allowed.
    pub(super) info: Option<BTreeMap<String, String>>,
    /// CONFIG GET, where it is allowed.
    pub(super) config: Option<BTreeMap<String, String>>,
}

impl Server {
    /// Everything there is to say about it.
    pub(super) fn findings(&self) -> Vec<Finding> {
        vec![self.version(), self.durability(), self.eviction(), self.memory(), self.disk(), self.role()]
    }

    fn info(&self, name: &str) -> Option<&str> {
        self.info.as_ref()?.get(name).map(String::as_str)
    }

    fn config(&self, name: &str) -> Option<&str> {
        self.config.as_ref()?.get(name).map(String::as_str)
    }

    fn version(&self) -> Finding {
        const NAME: &str = "redis";
        if let Some(version) = self.info("valkey_version") {
            return Finding::ok(NAME, format!("answers, Valkey {version}"));
        }
        let Some(version) = self.info("redis_version") else {
            let advice =
                "allow INFO for this user, or make sure yourself that it is Redis 7.0 or newer, or Valkey";
            return Finding::not_checked(NAME, "answers; its version could not be seen", advice);
        };
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_some_and(|major| major >= 7) {
            Finding::ok(NAME, format!("answers, Redis {version}"))
        } else {
            Finding::failed(
                NAME,
                format!("answers, Redis {version}"),
                "upgrade to Redis 7.0 or newer, or to Valkey",
            )
        }
    }

    fn durability(&self) -> Finding {
        const NAME: &str = "redis durability";
        let on = self.config("appendonly").map(|word| word == "yes");
        let on = on.or_else(|| self.info("aof_enabled").map(|bit| bit == "1"));
        let always = "set appendonly yes and appendfsync always (CONFIG SET, and in redis.conf)";
        match (on, self.config("appendfsync")) {
            (Some(false), _) => {
                let found = "no append-only file: a restart loses every message that is waiting";
                Finding::failed(NAME, found, always)
            }
            (None, _) => {
                let found = "could not be checked: neither CONFIG nor INFO shows the append-only file";
                Finding::not_checked(NAME, found, format!("ask whoever runs the server; {always}"))
            }
            (Some(true), None) => {
                let found = "append-only file; how often it reaches the disk could not be checked (CONFIG is forbidden)";
                let advice = "ask whoever runs the server for appendfsync: with everysec, a power cut loses the last \
                              second of acknowledged messages";
                Finding::not_checked(NAME, found, advice)
            }
            (Some(true), Some("always")) if self.config("no-appendfsync-on-rewrite") == Some("yes") => {
                let found =
                    "appendfsync always, but not while the file is rewritten (no-appendfsync-on-rewrite yes)";
                Finding::warning(NAME, found, "set no-appendfsync-on-rewrite no")
            }
            (Some(true), Some("always")) => Finding::ok(NAME, "appendonly yes, appendfsync always"),
            (Some(true), Some("everysec")) => {
                let found =
                    "appendfsync everysec: a power cut loses the last second of acknowledged messages";
                Finding::warning(NAME, found, format!("{always}, or accept that risk"))
            }
            (Some(true), Some(other)) => {
                let found = format!(
                    "appendfsync {other}: a power cut loses what the kernel had not written, up to half a minute"
                );
                Finding::failed(NAME, found, always)
            }
        }
    }

    fn eviction(&self) -> Finding {
        const NAME: &str = "redis eviction";
        match self.config("maxmemory-policy").or_else(|| self.info("maxmemory_policy")) {
            Some("noeviction") => Finding::ok(NAME, "noeviction"),
            Some(policy) => {
                let found =
                    format!("maxmemory-policy {policy}: when memory is short, Redis throws messages away");
                Finding::failed(
                    NAME,
                    found,
                    "set maxmemory-policy noeviction (CONFIG SET, and in redis.conf)",
                )
            }
            None => {
                let advice = "ask whoever runs the server; anything but noeviction loses messages";
                Finding::not_checked(NAME, "could not be checked: the policy is not shown", advice)
            }
        }
    }

    fn memory(&self) -> Finding {
        const NAME: &str = "redis memory";
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
        let limit = number(self.config("maxmemory")).or_else(|| number(self.info("maxmemory")));
        let used = number(self.info("used_memory"));
        let mib = |bytes: u64| format!("{} MiB", bytes.div_ceil(1024 * 1024));
        let more =
            "give it more memory, or look at what fills it: dead letters stay until an operator decides";
        match (limit, used) {
            (None, _) => Finding::not_checked(NAME, "could not be checked", "allow INFO for this user"),
            (Some(0), used) => {
                let used = used.map(|used| format!(", {} in use", mib(used))).unwrap_or_default();
                let advice = "set maxmemory below the machine's memory: Redis then refuses (and ingest spills) where the \
                              kernel would kill it";
                Finding::warning(NAME, format!("maxmemory is not set{used}"), advice)
            }
            (Some(limit), None) => Finding::ok(NAME, format!("maxmemory {}", mib(limit))),
            (Some(limit), Some(used)) => {
                let found = format!("{} of {} in use", mib(used), mib(limit));
                if used >= limit {
                    Finding::failed(NAME, found, more)
                } else if used / 4 >= limit / 5 {
                    Finding::warning(NAME, found, more)
                } else {
                    Finding::ok(NAME, found)
                }
            }
        }
    }

    fn disk(&self) -> Finding {
        const NAME: &str = "redis disk";
        let troubled = |name: &str| self.info(name).is_some_and(|status| status != "ok");
        let advice = "look at the server's disk (full? read-only?) and at its log";
        if self.info("loading").is_none() {
            let found = "could not be checked: INFO does not show the state of persistence";
            return Finding::not_checked(
                NAME,
                found,
                "allow INFO for this user, or look at the server's log",
            );
        }
        if self.info("loading") != Some("0") {
            let advice = "wait: it answers when it has read its append-only file";
            return Finding::failed(NAME, "Redis is loading its data", advice);
        }
        if troubled("aof_last_write_status") {
            return Finding::failed(
                NAME,
                "the last write to the append-only file failed: Redis refuses messages",
                advice,
            );
        }
        if troubled("rdb_last_bgsave_status") {
            let found =
                "the last snapshot failed: Redis refuses writes unless stop-writes-on-bgsave-error is no";
            return Finding::failed(NAME, found, advice);
        }
        if troubled("aof_last_bgrewrite_status") {
            let found = "the last rewrite of the append-only file failed: it grows until one succeeds";
            return Finding::warning(NAME, found, advice);
        }
        Finding::ok(NAME, "the last writes succeeded")
    }

    fn role(&self) -> Finding {
        const NAME: &str = "redis role";
        match (self.info("role"), self.info("connected_slaves").unwrap_or("0")) {
            (None, _) => {
                let advice = "allow INFO for this user, or make sure that REDIS_URL names the master";
                Finding::not_checked(NAME, "could not be checked: INFO does not show the role", advice)
            }
            (Some("master"), "0") => Finding::ok(NAME, "master, no replica"),
            (Some("master"), replicas) => Finding::ok(NAME, format!("master, {replicas} replica(s)")),
            (Some(_), _) => {
                let advice = "point REDIS_URL at the master, or at an address that follows it";
                Finding::failed(NAME, "a replica: it refuses every message", advice)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Verdict;
    use super::*;

    const GOOD: [(&str, &str); 8] = [
        ("redis_version", "7.2.4"),
        ("loading", "0"),
        ("aof_enabled", "1"),
        ("aof_last_write_status", "ok"),
        ("role", "master"),
        ("maxmemory", "1000"),
        ("used_memory", "100"),
        ("maxmemory_policy", "noeviction"),
    ];

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn with(name: &str, value: &str) -> Server {
        let mut info = map(&GOOD);
        info.insert(name.to_owned(), value.to_owned());
        Server { info: Some(info), config: Some(map(&[("appendonly", "yes"), ("appendfsync", "always")])) }
    }

    fn worst(server: &Server) -> Vec<&'static str> {
        let troubled = |finding: &Finding| finding.verdict != Verdict::Ok;
        server.findings().into_iter().filter(troubled).map(|finding| finding.name).collect()
    }

    #[test]
    fn each_trouble_has_its_own_line() {
        assert_eq!(worst(&with("role", "master")), [""; 0]);
        for (name, value, line) in [
            ("redis_version", "6.2.1", "redis"),
            ("maxmemory_policy", "allkeys-lru", "redis eviction"),
            ("maxmemory", "0", "redis memory"),
            ("used_memory", "999", "redis memory"),
            ("loading", "1", "redis disk"),
            ("aof_last_write_status", "err", "redis disk"),
            ("rdb_last_bgsave_status", "err", "redis disk"),
            ("role", "slave", "redis role"),
        ] {
            assert_eq!(worst(&with(name, value)), [line], "{name} {value}");
        }
    }

    #[test]
    fn what_is_hidden_is_never_called_ok() {
        let hidden = Server { config: None, ..with("role", "master") };
        assert_eq!(worst(&hidden), ["redis durability"]);
        assert!(Server::default().findings().iter().all(|finding| finding.verdict == Verdict::NotChecked));
    }

    /// `postly_queue_durable` and this must not disagree about what keeps messages.
    #[test]
    fn the_doctor_and_the_metric_call_the_same_server_durable() {
        for on in ["yes", "no"] {
            for written in ["always", "everysec", "no"] {
                for rewriting in ["yes", "no"] {
                    for policy in ["noeviction", "allkeys-lru"] {
                        let config = map(&[
                            ("appendonly", on),
                            ("appendfsync", written),
                            ("no-appendfsync-on-rewrite", rewriting),
                            ("maxmemory-policy", policy),
                        ]);
                        let told = shared::queue::durable(&config);
                        let server = Server { info: Some(map(&GOOD)), config: Some(config) };
                        let fine = [server.durability(), server.eviction()]
                            .iter()
                            .all(|finding| finding.verdict == Verdict::Ok);
                        assert_eq!(told, Some(fine), "{on} {written} {rewriting} {policy}");
                    }
                }
            }
        }
    }
}
