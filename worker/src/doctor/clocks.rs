//! Three clocks that must agree: this host's, Redis' (leases, delays) and Postgres' (what the books say happened).
//!
//! A reading knows how long it took; half of that is the doubt it is given, so that a slow network is never
//! mistaken for a wrong clock.

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::Finding;

/// Beyond, reports and expiries begin to look odd.
const WARNING: TimeDelta = TimeDelta::seconds(1);
/// Beyond, leases and one-time limits are wrong.
const FAILURE: TimeDelta = TimeDelta::seconds(30);

/// How far a server's clock is ahead of this host's, give or take `doubt`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    ahead: TimeDelta,
    doubt: TimeDelta,
}

impl Reading {
    /// `server` was read at some moment between `before` and `after` of this host.
    pub(super) fn new(server: DateTime<Utc>, before: DateTime<Utc>, after: DateTime<Utc>) -> Self {
        let doubt = (after - before) / 2;
        Self { ahead: server - (before + doubt), doubt }
    }
}

/// Judges the largest difference between any two clocks.
pub(super) fn compare(redis: Option<&Reading>, postgres: Option<&Reading>) -> Finding {
    const NAME: &str = "clocks";
    let host = Reading { ahead: TimeDelta::zero(), doubt: TimeDelta::zero() };
    let read: Vec<(&str, &Reading)> =
        [("Redis", redis), ("Postgres", postgres)].into_iter().filter_map(|(n, r)| Some((n, r?))).collect();
    if read.is_empty() {
        let found = "neither Redis nor Postgres told its time";
        return Finding::not_checked(NAME, found, "repair the connections first, then ask again");
    }
    let told: Vec<String> = read
        .iter()
        .map(|(name, reading)| {
            let ms = reading.ahead.num_milliseconds();
            let sign = if ms < 0 { '-' } else { '+' };
            format!("{name} {sign}{}.{} s", ms.abs() / 1000, ms.abs() % 1000 / 100)
        })
        .collect();
    let found = format!("{} against this host", told.join(", "));
    let all: Vec<&Reading> = read.iter().map(|(_, reading)| *reading).chain([&host]).collect();
    let apart = |one: &Reading, other: &Reading| (one.ahead - other.ahead).abs() - one.doubt - other.doubt;
    let skew = all.iter().flat_map(|one| all.iter().map(|other| apart(one, other))).max().unwrap_or_default();
    let advice = "synchronise the machines' clocks (chrony or systemd-timesyncd), this host's included";
    if skew > FAILURE {
        Finding::failed(NAME, found, advice)
    } else if skew > WARNING {
        Finding::warning(NAME, found, advice)
    } else {
        Finding::ok(NAME, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn reading(ahead_ms: i64, took_ms: i64) -> Reading {
        let before = DateTime::UNIX_EPOCH;
        let took = TimeDelta::milliseconds(took_ms);
        Reading::new(before + took / 2 + TimeDelta::milliseconds(ahead_ms), before, before + took)
    }

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        assert_eq!(compare(Some(&reading(1_400, 1_000)), None).verdict, Verdict::Ok);
        assert_eq!(compare(Some(&reading(1_400, 10)), None).verdict, Verdict::Warning);
    }

    #[test]
    fn two_servers_may_be_apart_although_each_is_near_the_host() {
        let (early, late) = (reading(-800, 2), reading(800, 2));
        let finding = compare(Some(&early), Some(&late));
        assert_eq!(finding.verdict, Verdict::Warning);
        assert_eq!(finding.found, "Redis -0.8 s, Postgres +0.8 s against this host");
        assert_eq!(compare(None, Some(&reading(-31_000, 2))).verdict, Verdict::Failed);
        assert_eq!(compare(None, None).verdict, Verdict::NotChecked);
    }
}
