//! The switches of a test build, read from the environment of its process.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{
    CHECKOUT_POINTS, CODE_POINTS, DOCUMENT_POINTS, ERASURE_POINTS, GUARDS, INTAKE_POINTS, PAYMENT_POINTS,
    POINTS, RELAY_POINTS, RETENTION_POINTS, SIGNIN_POINTS, SWEEP_POINTS, VOICE_POINTS,
};

/// What stands for a guard in the queue's scripts, and what remains without it.
const IN_SCRIPTS: &[(&str, &str, &str)] = &[
    ("claim", "call('HSETNX', claims, digest, '1') == 0", "not call('HSET', claims, digest, '1')"),
    ("fence", "fences[k] ~= ARGV[i + 1] or taken[lane]", "taken[lane]"),
    ("fence", "redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1]", "true"),
    ("attempt", "redis.call('HINCRBY', KEYS[4], lane, 1)", "1"),
    ("lost", "tonumber(lost[i] or 0)", "0"),
];

struct Switches {
    point: Option<(String, u32)>,
    without: Vec<String>,
    poison: Option<String>,
    stuck: Option<String>,
    hurry: bool,
}

static VISITS: AtomicU32 = AtomicU32::new(0);

fn switches() -> &'static Switches {
    static SWITCHES: OnceLock<Switches> = OnceLock::new();
    SWITCHES.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "switches of the test build, not configuration")]
        let read = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let point = read("POSTLY_FAULT").and_then(|plan| match plan.split_once(':') {
            Some((point, nth)) => Some((point.to_owned(), nth.parse().ok()?)),
            None => Some((plan, 1)),
        });
        let without = read("POSTLY_WITHOUT").unwrap_or_default();
        let without: Vec<String> = without.split(',').filter(|g| !g.is_empty()).map(str::to_owned).collect();
        for guard in &without {
            assert!(GUARDS.iter().any(|(known, _)| known == guard), "{guard} is no guard");
        }
        let (poison, stuck, hurry) =
            (read("POSTLY_POISON"), read("POSTLY_STUCK"), read("POSTLY_HURRY").is_some());
        Switches { point, without, poison, stuck, hurry }
    })
}

pub(super) fn is_stuck(name: &str) -> bool {
    switches().stuck.as_deref() == Some(name)
}

pub(super) fn point(name: &str) {
    let known = [
        POINTS,
        VOICE_POINTS,
        INTAKE_POINTS,
        RELAY_POINTS,
        SWEEP_POINTS,
        ERASURE_POINTS,
        RETENTION_POINTS,
        PAYMENT_POINTS,
        CODE_POINTS,
        DOCUMENT_POINTS,
        CHECKOUT_POINTS,
        SIGNIN_POINTS,
    ]
    .iter()
    .any(|points| points.contains(&name));
    debug_assert!(known, "{name} is in no list of points");
    if let Some((point, nth)) = &switches().point
        && point == name
        && VISITS.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        std::process::abort();
    }
}

pub(super) fn without(guard: &str) -> bool {
    debug_assert!(GUARDS.iter().any(|(known, _)| *known == guard), "{guard} is in no list of guards");
    switches().without.iter().any(|missing| missing == guard)
}

pub(super) fn poison(text: &str) {
    if switches().poison.as_ref().is_some_and(|word| text.contains(word)) {
        std::process::abort();
    }
}

pub(super) fn hurry() -> bool {
    switches().hurry
}

pub(super) fn unguarded(script: &str) -> Cow<'_, str> {
    let mut script = Cow::Borrowed(script);
    for (guard, there, instead) in IN_SCRIPTS {
        if without(guard) && script.contains(there) {
            script = Cow::Owned(script.replace(there, instead));
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::IN_SCRIPTS;

    /// A guard whose text has changed would be "taken away" without any effect.
    #[test]
    fn every_guard_of_the_scripts_stands_in_one_of_them() {
        let scripts = [
            include_str!("../queue/enqueue.lua"),
            include_str!("../queue/fetch.lua"),
            include_str!("../queue/settle.lua"),
            include_str!("../queue/renew.lua"),
        ];
        for (guard, there, _) in IN_SCRIPTS {
            let found = scripts.iter().filter(|script| script.contains(there)).count();
            assert_eq!(found, 1, "{guard}: {there}");
        }
    }
}
