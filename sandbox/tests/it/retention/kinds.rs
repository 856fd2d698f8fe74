//! Each kind at the edge of its time, beside what looks like it and must stay.

use chrono::{DateTime, TimeDelta, Utc};
use sandbox::conversation::{Sandbox, run_without_worker};
use shared::clock::Clock;
use shared::job::Job;
use shared::message::opaque;
use shared::retention::{self, Kind, Periods, Until, replayable};

use super::{count, days};
use crate::GROUND;

/// What goes, and what stays: rows that are a day older than their kind is kept. `$1` is the moment.
struct Edge {
    kind: Kind,
    /// `$1`: when they were over. One of them goes.
    seeds: &'static [&'static str],
    /// What counts those that are left.
    left: &'static str,
    stay: i64,
}

const USER: &str =
    r#"insert into "User" ("id", "updatedAt") values ('u1', now()), ('u2', now()), ('u3', now())"#;

const RECEIPT: &str = "insert into wa.receipt (message_id, provider, business, lane, kind, state, outcome, brief, detail, attempts, received_at, started_at, finished_at) values ";

const OUTBOX: &str =
    "insert into wa.outbox (cause, part, provider, business, address, body, state, created_at) values ";

const EDGES: &[Edge] = &[
    Edge {
        kind: Kind::Texts,
        seeds: &[
            // What waits, is being sent, or may have been; what belongs to a message that has not ended.
            "o ('meta:1:a', 1, 'meta', '1', '{}', 'told', 'read', $1)",
            "o ('meta:1:a', 2, 'meta', '1', '{}', 'waits', 'pending', $1)",
            "o ('meta:1:a', 3, 'meta', '1', '{}', 'leaves', 'sending', $1)",
            "o ('meta:1:a', 4, 'meta', '1', '{}', 'perhaps', 'unknown', $1)",
            "r ('meta:1:b', 'meta', '1', 'l', 'text', 'started', null, 'a brief', null, 1, $1, $1, null)",
            "o ('meta:1:b', 1, 'meta', '1', '{}', 'told before', 'read', $1)",
        ],
        left: "wa.outbox where body <> ''",
        stay: 4,
    },
    Edge {
        kind: Kind::Texts,
        seeds: &[
            "r ('meta:1:a', 'meta', '1', 'l', 'text', 'finished', 'recorded', 'words', null, 1, $1, $1, $1)",
            "r ('meta:1:b', 'meta', '1', 'l', 'text', 'started', null, 'words', null, 1, $1, $1, null)",
            "r ('meta:1:c', 'meta', '', '', 'unreadable', 'finished', 'recorded', null, 'bytes', 1, $1, $1, $1)",
            "r ('meta:1:d', 'meta', '', '', 'account_update', 'finished', 'recorded', null, 'a notice', 1, $1, $1, $1)",
        ],
        left: "wa.receipt where brief is not null or detail is not null",
        stay: 2,
    },
    Edge {
        kind: Kind::Receipts,
        seeds: &[
            "r ('meta:1:a', 'meta', '1', 'l', 'text', 'finished', 'posts', null, null, 1, $1, $1, $1)",
            "r ('meta:1:b', 'meta', '1', 'l', 'text', 'started', null, null, null, 1, $1, $1, null)",
            // Its answer is still there, by which an erasure finds it; its start; what a model answered.
            "r ('meta:1:c', 'meta', '1', 'l', 'text', 'finished', 'posts', null, null, 1, $1, $1, $1)",
            "o ('meta:1:c', 1, 'meta', '1', '{}', '', 'read', now())",
            "r ('meta:1:d', 'meta', '1', 'l', 'text', 'finished', 'posts', null, null, 1, $1, $1, $1)",
            "insert into wa.attempt (message_id, number, worker, began_at) values ('meta:1:d', 1, 'w', $1)",
            "r ('meta:1:e', 'meta', '1', 'l', 'text', 'finished', 'posts', null, null, 1, $1, $1, $1)",
            "insert into wa.step (message_id, name, output, finish_reason, model, prompt_tokens, completion_tokens, took_ms, finished_at)
             values ('meta:1:e', 'intent', '{}', 'stop', 'm', 1, 1, 1, $1)",
        ],
        left: "wa.receipt",
        stay: 4,
    },
    Edge {
        kind: Kind::Steps,
        seeds: &[
            "r ('meta:1:a', 'meta', '1', 'l', 'text', 'finished', 'posts', null, null, 1, $1, $1, $1)",
            "r ('meta:1:b', 'meta', '1', 'l', 'text', 'started', null, null, null, 1, $1, $1, null)",
            "insert into wa.step (message_id, name, output, finish_reason, model, prompt_tokens, completion_tokens, took_ms, finished_at)
             select id, 'intent', '{}', 'stop', 'm', 1, 1, 1, $1 from unnest(array['meta:1:a', 'meta:1:b']) id",
        ],
        left: "wa.step",
        stay: 1,
    },
    Edge {
        kind: Kind::Codes,
        seeds: &[
            // Ours that is over; ours that somebody asked for early and again lately; the web app's own.
            r#"insert into "OtpChallenge" ("id", "phoneE164", "codeHash", "expiresAt") values
               ('c1', '+33639980001', 'x', $1), ('c2', '+33639980002', 'x', $1 + interval '2 days'), ('c3', '+33639980003', 'x', $1)"#,
            "insert into wa.otp_attempt (challenge_id, language) values ('c1', 'fr'), ('c2', 'fr')",
            "insert into wa.otp_asking (cause, challenge_id, number, asked_at, phone, prefix) values
             ('code:c1:1', 'c1', 1, $1, 'd', 'd'), ('code:c2:1', 'c2', 1, $1, 'd', 'd'), ('code:c2:2', 'c2', 2, $1 + interval '2 days', 'd', 'd')",
        ],
        left: r#""OtpChallenge""#,
        stay: 2,
    },
    Edge {
        kind: Kind::Sessions,
        seeds: &[
            "insert into wa.session (id, user_id, begun_at, seen_at) values ('a', 'u1', $1, $1), ('b', 'u1', $1, $1 + interval '2 days')",
        ],
        left: "wa.session",
        stay: 1,
    },
    Edge {
        kind: Kind::KeptBriefs,
        seeds: &[
            "r ('meta:1:b', 'meta', '1', 'l', 'text', 'started', null, null, null, 1, $1, $1, null)",
            "insert into wa.kept_brief (user_id, brief, kept_at, taken_by) values
             ('u1', 'old', $1, null), ('u2', 'taken', $1, 'meta:1:b'), ('u3', 'young', $1 + interval '2 days', null)",
        ],
        left: "wa.kept_brief",
        stay: 2,
    },
    Edge {
        kind: Kind::Checkouts,
        seeds: &[
            "insert into wa.checkout (key, user_id, pack, language, origin, asked_at) values
             ('a', 'u1', 'p', 'fr', 'https://x', $1), ('b', 'u1', 'p', 'fr', 'https://x', $1 + interval '2 days')",
        ],
        left: "wa.checkout",
        stay: 1,
    },
    Edge {
        kind: Kind::Menus,
        seeds: &[
            "insert into wa.menu (user_id, choices, opened_at) values ('u1', array['start'], $1), ('u2', array['start'], $1 + interval '2 days')",
        ],
        left: "wa.menu",
        stay: 1,
    },
    Edge {
        kind: Kind::Audit,
        seeds: &[
            // The reason of a line of the money is a part of the books.
            r#"insert into "CreditLedger" ("id", "userId", "delta", "reason") values ('l1', 'u1', 0, 'adjustment')"#,
            "insert into wa.credit_op (key, ledger_id, user_id, created_at) values ('adjustment:a', 'l1', 'u1', $1)",
            "insert into wa.audit (at, actor, action, subject, key, note) values
             ($1, 'operator:x', 'credits.adjust', 'u1', 'adjustment:a', 'why'), ($1, 'operator:x', 'queue.pause', 'q', 'b', 'why')",
        ],
        left: "wa.audit",
        stay: 1,
    },
    Edge {
        kind: Kind::Joins,
        seeds: &[
            "insert into wa.joined (from_user, into_user, shown_by, joined_at, credits, generations, numbers, ids) values
             ('u1', 'u2', 'link', $1, 0, '{}', '{}', '{}'), ('u3', 'u2', 'link', $1 + interval '2 days', 0, '{}', '{}', '{}')",
        ],
        left: "wa.joined",
        stay: 1,
    },
    Edge {
        kind: Kind::PassedNumbers,
        seeds: &["insert into wa.passed_number (value, from_user, at) values ('+33639980001', 'u1', $1), ('+33639980002', 'u1', $1 + interval '2 days')"],
        left: "wa.passed_number",
        stay: 1,
    },
];

/// Everything that these tests have written.
const ALL: &str = r#"truncate wa.receipt, wa.renamed, wa.outbox, wa.step, wa.attempt, wa.feedback, wa.session, wa.kept_brief, wa.checkout,
  wa.menu, wa.audit, wa.joined, wa.passed_number, wa.credit_op, "CreditLedger", "OtpChallenge", wa.spill, wa.signin cascade"#;

pub(super) async fn does(sandbox: &Sandbox, statement: &str, at: DateTime<Utc>) {
    let statement = match statement.split_at(2) {
        ("o ", rest) => format!("{OUTBOX}{rest}"),
        ("r ", rest) => format!("{RECEIPT}{rest}"),
        _ => statement.to_owned(),
    };
    let query = sqlx::query(sqlx::AssertSqlSafe(statement.clone()));
    let query = if statement.contains("$1") { query.bind(at) } else { query };
    query.execute(&sandbox.pool).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

pub(super) fn until(kind: Kind, now: DateTime<Utc>) -> Until {
    Until { before: now - Periods::default().of(kind), failed_before: replayable(None, now) }
}

/// Batches until there are no more.
pub(super) async fn goes(sandbox: &Sandbox, kind: Kind, now: DateTime<Utc>) -> u64 {
    let mut gone = 0;
    loop {
        let batch =
            retention::batch(&sandbox.pool, &sandbox::stage::vault(), kind, until(kind, now), 100, now)
                .await
                .unwrap();
        gone += batch.gone;
        if !batch.more {
            return gone;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_goes_and_what_only_looks_like_it_stays() {
    run_without_worker(&GROUND, async |sandbox| {
        does(sandbox, USER, Clock::system().now()).await;
        let now = sandbox.clock.now();
        for edge in EDGES {
            let over = until(edge.kind, now).before - TimeDelta::hours(24);
            for seed in edge.seeds {
                does(sandbox, seed, over).await;
            }
            let kind = edge.kind.as_str();
            // A moment earlier all of it was young enough.
            let early = now - TimeDelta::hours(25);
            assert_eq!(goes(sandbox, edge.kind, early).await, 0, "{kind}: too early");
            assert!(goes(sandbox, edge.kind, now).await > 0, "{kind}: nothing went");
            assert_eq!(count(sandbox, edge.left).await, edge.stay, "{kind}: {}", edge.left);
            assert_eq!(goes(sandbox, edge.kind, now).await, 0, "{kind}: the rest is young");
            does(sandbox, ALL, now).await;
        }
    })
    .await;
}

fn waiting(id: &str) -> String {
    let pinned = r#"{"v":1,"id":"meta:1098:wamid.A","lane":"meta:1098:FR.1","received_at":"1970-01-01T00:00:00Z","work":{"message":{"id":"meta:1098:wamid.A","provider":"meta","business":"1098","sender":{"address":{"phone":"+33639980123"},"phone":"+33639980123","bsuid":"FR.1"},"sent_at":"1970-01-01T00:00:00Z","content":{"text":"Crée un post"}}}}"#;
    pinned.replace("wamid.A", &format!("wamid.{id}"))
}

/// Nobody can be answered a month later; it stays written down that they were not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_for_redis_too_long_ends_as_failed() {
    run_without_worker(&GROUND, async |sandbox| {
        let now = sandbox.clock.now();
        for (id, age) in [("OLD", days(31)), ("YOUNG", days(29))] {
            let job: Job = serde_json::from_str(&waiting(id)).unwrap();
            shared::spill::put(&sandbox.pool, Some(&sandbox::stage::vault()), &[job], now - age).await.unwrap();
        }
        // A relay is at it: what it can bring into its lane is not for anybody else.
        let mut relay = sandbox.pool.begin().await.unwrap();
        shared::spill::take(&mut relay, 0, 10).await.unwrap();
        assert_eq!(goes(sandbox, Kind::Spill, now).await, 0);
        relay.rollback().await.unwrap();
        assert_eq!(goes(sandbox, Kind::Spill, now).await, 1);
        let (left, told): (String, String) = sqlx::query_as(
            "select (select message_id from wa.spill), message_id || ' ' || outcome || ': ' || detail from wa.receipt",
        )
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
        assert_eq!(left, format!("meta:1098:{}", opaque("wamid.YOUNG")));
        assert!(told.contains("failed: it waited for the queue"), "{told}");
        does(sandbox, ALL, now).await;
    })
    .await;
}
