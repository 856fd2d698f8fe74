//! The ledger alone, under more hands than a system has: nothing but its statements keeps these sums right.

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use sandbox::conversation::run_without_worker;
use shared::ledger::{self, Entry, Posted};
use shared::message::{MessageId, Provider};
use shared::person::UserId;

use super::{message, only_account, pool, post};
use crate::{GROUND, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_hands_at_one_purse_take_what_is_in_it() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(25).await;
        let (user, pool, now) = (only_account(sandbox).await, pool(sandbox, 40).await, sandbox.clock.now());
        let hands = (0..40).map(|hand| {
            let (pool, user) = (pool.clone(), user.clone());
            tokio::spawn(async move {
                let mut applied = Vec::new();
                // Every message is offered by eight hands; there are twice as many as credits.
                for step in 0..10 {
                    let number = (hand * 10 + step) % 50;
                    if let Posted::Applied(_) =
                        post(&pool, &user, Entry::Generation(&message(number)), now).await
                    {
                        applied.push(number);
                    }
                }
                applied
            })
        });
        let mut applied: Vec<usize> = join_all(hands).await.into_iter().flat_map(Result::unwrap).collect();
        applied.sort_unstable();
        let before = applied.len();
        applied.dedup();
        assert_eq!((applied.len(), before), (25, 25));
        assert_eq!((alice.credits().await, alice.charges().await), (0, (25, 0)));
        for number in applied {
            let again = post(&pool, &user, Entry::Generation(&message(number)), now).await;
            assert!(matches!(again, Posted::AlreadyApplied(left) if left.get() == 0), "{again:?}");
        }
        pool.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debit_that_waited_for_a_purchase_is_paid_from_it() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        let user = only_account(sandbox).await;
        let mut purchase = sandbox.pool.begin().await.unwrap();
        sqlx::raw_sql(
            r#"update "User" set "credits" = "credits" + 20;
               insert into "CreditLedger" ("id", "userId", "delta", "reason") select 'bought', "id", 20, 'purchase' from "User""#,
        )
        .execute(&mut *purchase)
        .await
        .unwrap();
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        let debit =
            tokio::spawn(async move { post(&pool, &user, Entry::Generation(&message(1)), now).await });
        let waits = "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')";
        until("a debit that waits", async || sqlx::query_scalar(waits).fetch_one(&sandbox.pool).await.unwrap()).await;
        purchase.commit().await.unwrap();
        let posted = debit.await.unwrap();
        assert!(matches!(posted, Posted::Applied(left) if left.get() == 19), "{posted:?}");
        assert_eq!(alice.credits().await, 19);
    })
    .await;
}

/// Two debits wait for a third hand to let go of the purse, while a fourth looks at it as every receipt does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debits_that_waited_for_one_purse_do_not_wait_for_each_other_for_ever() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let (user, pool, now) = (only_account(sandbox).await, pool(sandbox, 5).await, sandbox.clock.now());
        let mut refers = pool.begin().await.unwrap();
        sqlx::query(r#"select from "User" for key share"#).execute(&mut *refers).await.unwrap();
        let mut holds = pool.begin().await.unwrap();
        sqlx::query(r#"update "User" set "updatedAt" = now()"#).execute(&mut *holds).await.unwrap();
        let mut debits = Vec::new();
        for number in 0..2_i64 {
            let (pool, user) = (pool.clone(), user.clone());
            debits.push(tokio::spawn(async move {
                post(&pool, &user, Entry::Generation(&message(usize::try_from(number).unwrap())), now).await
            }));
            let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            until("a debit that waits", async || {
                sqlx::query_scalar::<_, i64>(waiting).fetch_one(&sandbox.pool).await.unwrap() > number
            })
            .await;
        }
        holds.commit().await.unwrap();
        for debit in debits {
            assert!(matches!(debit.await.unwrap(), Posted::Applied(_)));
        }
        refers.rollback().await.unwrap();
        assert_eq!((alice.credits().await, alice.charges().await), (1, (2, 0)));
        pool.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_needs_a_debit_and_happens_once() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let (user, pool, now) = (only_account(sandbox).await, pool(sandbox, 10).await, sandbox.clock.now());
        let refund = async |message: MessageId| {
            let mut tx = pool.begin().await.unwrap();
            let was_held = ledger::refund(&mut tx, &message, now).await.unwrap();
            tx.commit().await.unwrap();
            was_held
        };
        assert!(!refund(message(1)).await);
        assert_eq!((alice.credits().await, alice.charges().await), (3, (0, 0)));
        assert!(matches!(post(&pool, &user, Entry::Generation(&message(1)), now).await, Posted::Applied(_)));
        assert!(!refund(message(2)).await, "another message's debit was refunded");
        assert_eq!(alice.credits().await, 2);
        assert!(join_all((0..20).map(|_| refund(message(1)))).await.into_iter().all(|was_held| was_held));
        assert_eq!((alice.credits().await, alice.charges().await), (3, (1, 1)));
        let again = post(&pool, &user, Entry::Generation(&message(1)), now).await;
        assert!(matches!(again, Posted::AlreadyApplied(_)), "a refunded message was charged again");
        pool.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_schedule_of_holds_refunds_and_rollbacks_loses_a_credit() {
    run_without_worker(&GROUND, async |sandbox| {
        let people = 4;
        for _ in 0..people {
            sandbox.person(Provider::Meta).with_credits(15).await;
        }
        let ids: Vec<String> =
            sqlx::query_scalar(r#"select "id" from "User""#).fetch_all(&sandbox.pool).await.unwrap();
        let (pool, now, seed) = (pool(sandbox, 20).await, sandbox.clock.now(), rand::rng().next_u64());
        println!("seed {seed}");
        let hands = (0..20).map(|hand| {
            let (pool, ids) = (pool.clone(), ids.clone());
            let mut chance = StdRng::seed_from_u64(seed ^ hand);
            tokio::spawn(async move {
                for _ in 0..150 {
                    let number = chance.random_range(0..120_usize);
                    let (message, user) = (message(number), UserId::from_stored(ids[number % people].clone()));
                    let mut tx = pool.begin().await.unwrap();
                    if chance.random_bool(0.6) {
                        let _ = ledger::post(&mut tx, &user, Entry::Generation(&message), now).await.unwrap();
                    } else {
                        ledger::refund(&mut tx, &message, now).await.unwrap();
                    }
                    if chance.random_bool(0.2) { tx.rollback().await } else { tx.commit().await }.unwrap();
                }
            })
        });
        join_all(hands).await.into_iter().for_each(Result::unwrap);
        // That entries sum to balances is checked at the end of every test.
        let (held, back, orphans, unkeyed): (i64, i64, i64, i64) = sqlx::query_as(
            r#"select count(*) filter (where key like 'generation:%'), count(*) filter (where key like 'refund:%'),
                 count(*) filter (where key like 'refund:%' and not exists
                   (select from wa.credit_op held where held.key = replace(op.key, 'refund:', 'generation:') and held.user_id = op.user_id)),
                 (select count(*) from "CreditLedger" l where l."reason" <> 'purchase'
                   and not exists (select from wa.credit_op o where o.ledger_id = l."id" and o.user_id = l."userId"))
               from wa.credit_op op"#,
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert!(held > 60 && back > 20, "{held} debits, {back} refunds: the schedule tried nothing");
        assert_eq!((orphans, unkeyed), (0, 0));
        let left: i64 = sqlx::query_scalar(r#"select sum("credits") from "User""#).fetch_one(&pool).await.unwrap();
        assert_eq!(left, 15 * 4 - held + back);
        pool.close().await;
    })
    .await;
}
