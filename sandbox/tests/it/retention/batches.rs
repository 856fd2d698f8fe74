//! How it goes: in bounded batches that find their rows by an index, around whatever somebody holds, once however many are at
//! it, and on from where somebody died.

use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::PATIENCE;
use shared::retention::{self, Kind};

use super::kinds::{does, goes, until};
use super::{begins, count, is_gone};
use crate::GROUND;

/// So many messages that ended a year ago, each answered.
async fn grew_old(sandbox: &Sandbox, messages: u32) {
    for statement in [
        format!(
            "insert into wa.receipt (message_id, provider, business, lane, kind, state, outcome, attempts, received_at, started_at, finished_at)
             select 'meta:1:' || n, 'meta', '1', 'l', 'text', 'finished', 'answered', 1, at, at, at
             from generate_series(1, {messages}) n, lateral (select now() - interval '1 year' + n * interval '1 second' as at) old"
        ),
        format!(
            "insert into wa.outbox (cause, part, provider, business, address, body, state, created_at)
             select 'meta:1:' || n, 1, 'meta', '1', '{{}}', 'words', 'read', now() - interval '1 year' + n * interval '1 second'
             from generate_series(1, {messages}) n"
        ),
    ] {
        does(sandbox, &statement, sandbox.clock.now()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_takes_so_many_and_of_two_at_once_each_takes_others() {
    run_without_worker(&GROUND, async |sandbox| {
        grew_old(sandbox, 1_000).await;
        let now = sandbox.clock.now();
        let (pool, until) = (&sandbox.pool, until(Kind::Outbox, now));
        let batch =
            retention::batch(pool, &sandbox::stage::vault(), Kind::Outbox, until, 10, now).await.unwrap();
        assert_eq!((batch.gone, batch.more), (10, true));
        let all = async || {
            let mut gone = 0;
            for _ in 0..200 {
                gone += retention::batch(pool, &sandbox::stage::vault(), Kind::Outbox, until, 10, now)
                    .await
                    .unwrap()
                    .gone;
            }
            gone
        };
        let (one, other) = tokio::join!(all(), all());
        assert_eq!(one + other, 990, "each row went once");
        assert!(one > 0 && other > 0, "nobody waited for the other: {one}, {other}");
        assert_eq!(count(sandbox, "wa.outbox").await, 0);
    })
    .await;
}

/// What somebody holds is left out, and what refers to it does not make anybody wait either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_somebody_holds_delays_only_itself() {
    run_without_worker(&GROUND, async |sandbox| {
        grew_old(sandbox, 20).await;
        let now = sandbox.clock.now();
        let at = now - chrono::TimeDelta::days(300);
        does(sandbox, r#"insert into "User" ("id", "updatedAt") values ('u1', now())"#, at).await;
        does(
            sandbox,
            "insert into wa.feedback (user_id, outbox_id, emoji, kind, reacted_at)
                       select 'u1', id, '👍', 'positive', $1 from wa.outbox where cause = 'meta:1:2'",
            at,
        )
        .await;
        does(
            sandbox,
            "insert into wa.attempt (message_id, number, worker, began_at) values ('meta:1:3', 1, 'w', $1)",
            at,
        )
        .await;
        let mut held = sandbox.pool.begin().await.unwrap();
        for row in [
            "select from wa.outbox where cause = 'meta:1:1' for update",
            "select from wa.feedback for update",
            "select from wa.attempt for update",
            "select from wa.receipt where message_id = 'meta:1:4' for update",
        ] {
            sqlx::query(row).execute(&mut *held).await.unwrap();
        }
        for kind in [Kind::Outbox, Kind::Attempts, Kind::Receipts] {
            goes(sandbox, kind, now).await;
        }
        // The answer that is held with its receipt, that with the reaction and its receipt, and the other two receipts.
        assert_eq!((count(sandbox, "wa.outbox").await, count(sandbox, "wa.receipt").await), (2, 4));
        held.rollback().await.unwrap();
        for kind in [Kind::Outbox, Kind::Attempts, Kind::Receipts] {
            goes(sandbox, kind, now).await;
        }
        assert_eq!((count(sandbox, "wa.outbox").await, count(sandbox, "wa.receipt").await), (0, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dies_over_it_is_followed_by_another() {
    run_without_worker(&GROUND, async |sandbox| {
        grew_old(sandbox, 1_200).await;
        let point = shared::fault::RETENTION_POINTS[0];
        let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point), ("POSTLY_HURRY", "on")]);
        doomed.ended(PATIENCE).await.unwrap();
        let words = "wa.outbox where body <> ''";
        assert_eq!(count(sandbox, words).await, 700, "one batch had gone");
        begins(sandbox);
        begins(sandbox);
        is_gone(sandbox, "wa.receipt").await;
        assert_eq!(count(sandbox, "wa.outbox").await, 0);
    })
    .await;
}

/// A look at a large table costs about as much as it takes away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_finds_its_rows_by_an_index() {
    run_without_worker(&GROUND, async |sandbox| {
        grew_old(sandbox, 20_000).await;
        let now = sandbox.clock.now();
        for statement in [
            "insert into wa.step (message_id, name, output, finish_reason, model, prompt_tokens, completion_tokens, took_ms, finished_at)
             select message_id, 'intent', '{}', 'stop', 'm', 1, 1, 1, finished_at from wa.receipt",
            "analyze wa.receipt",
            "analyze wa.outbox",
            "analyze wa.step",
        ] {
            does(sandbox, statement, now).await;
        }
        for (kind, indexes) in [
            (Kind::Texts, &["outbox_worded", "receipt_worded"][..]),
            (Kind::Steps, &["step_finished"]),
            (Kind::Outbox, &["outbox_over"]),
            (Kind::Receipts, &["receipt_over"]),
        ] {
            let plans = retention::plans(&sandbox.pool, kind, until(kind, now), 100).await.unwrap();
            for (plan, index) in plans.iter().zip(indexes) {
                assert!(plan.contains(index), "{}: {plan}", kind.as_str());
                assert!(!plan.contains("Seq Scan on receipt r"), "{}: {plan}", kind.as_str());
                assert!(!plan.contains("Seq Scan on outbox o"), "{}: {plan}", kind.as_str());
            }
        }
        does(sandbox, "truncate wa.receipt, wa.renamed, wa.outbox, wa.step, wa.attempt, wa.feedback", now).await;
    })
    .await;
}
