//! Two accounts that become one: no credit is lost on the way, whoever else is at the books meanwhile.

use futures_util::future::join_all;
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::Person;
use shared::ledger::{self, Credits, Entry, Merged, Posted, SIGNUP_BONUS};
use shared::message::Provider;
use shared::person::UserId;
use sqlx::PgPool;

use super::{message, pool, post};
use crate::{GROUND, until};

/// Two people with these credits, and their accounts.
async fn two(sandbox: &Sandbox, credits: [i32; 2]) -> ([Person; 2], [UserId; 2]) {
    let alice = sandbox.person(Provider::Meta).with_credits(credits[0]).await;
    let bob = sandbox.person(Provider::Twilio).with_credits(credits[1]).await;
    let accounts = [alice.account().await, bob.account().await];
    ([alice, bob], accounts)
}

async fn merge(pool: &PgPool, from: &UserId, into: &UserId, now: chrono::DateTime<chrono::Utc>) -> Merged {
    let mut tx = pool.begin().await.unwrap();
    let merged = ledger::merge(&mut tx, from, into, now).await.unwrap();
    tx.commit().await.unwrap();
    merged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_finds_the_account_that_the_charged_one_has_joined() {
    run_without_worker(&GROUND, async |sandbox| {
        let ([alice, bob], [hers, his]) = two(sandbox, [3, 4]).await;
        let now = sandbox.clock.now();
        let _ = post(&sandbox.pool, &hers, Entry::Generation(&message(1)), now).await;
        assert_eq!(merge(&sandbox.pool, &hers, &his, now).await, Merged::Moved(Credits::new(2)));
        assert_eq!((alice.credits().await, bob.credits().await), (0, 6));
        let mut tx = sandbox.pool.begin().await.unwrap();
        assert!(ledger::refund(&mut tx, &message(1), now).await.unwrap());
        assert!(ledger::refund(&mut tx, &message(1), now).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!((alice.credits().await, bob.credits().await), (0, 7));
        // Whoever still holds the old account spends from the new one.
        let posted = post(&sandbox.pool, &hers, Entry::Generation(&message(2)), now).await;
        assert!(matches!(posted, Posted::Applied(left) if left.get() == 6), "{posted:?}");
        // Neither back, nor again, nor into itself.
        for (from, into) in [(&his, &hers), (&hers, &his), (&his, &his)] {
            assert_eq!(merge(&sandbox.pool, from, into, now).await, Merged::Not);
        }
        assert_eq!((alice.credits().await, bob.credits().await), (0, 6));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_that_are_merged_both_ways_at_once_while_others_spend_lose_nothing() {
    run_without_worker(&GROUND, async |sandbox| {
        let ([alice, bob], [hers, his]) = two(sandbox, [20, 20]).await;
        let (pool, now) = (pool(sandbox, 24).await, sandbox.clock.now());
        let joins = (0..6).map(|turn| {
            let (pool, hers, his) = (pool.clone(), hers.clone(), his.clone());
            tokio::spawn(async move {
                let (from, into) = if turn % 2 == 0 { (&hers, &his) } else { (&his, &hers) };
                usize::from(merge(&pool, from, into, now).await != Merged::Not)
            })
        });
        let spends = (0..16).map(|number| {
            let (pool, account) = (pool.clone(), if number % 2 == 0 { hers.clone() } else { his.clone() });
            tokio::spawn(async move {
                let id = message(number);
                let held =
                    matches!(post(&pool, &account, Entry::Generation(&id), now).await, Posted::Applied(_));
                if number % 4 == 0 {
                    let mut tx = pool.begin().await.unwrap();
                    ledger::refund(&mut tx, &id, now).await.unwrap();
                    tx.commit().await.unwrap();
                    return 0;
                }
                i32::from(held)
            })
        });
        let (merged, spent) = tokio::join!(join_all(joins), join_all(spends));
        let merged: usize = merged.into_iter().map(Result::unwrap).sum();
        let spent: i32 = spent.into_iter().map(Result::unwrap).sum();
        assert_eq!((merged, spent), (1, 12));
        let (alice, bob) = (alice.credits().await, bob.credits().await);
        assert_eq!((alice + bob, alice.min(bob)), (28, 0), "{alice} and {bob}");
        pool.close().await;
    })
    .await;
}

/// What waited looks again once it holds the row: when it began, the account had joined nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_an_account_that_joins_another_goes_to_that_one() {
    run_without_worker(&GROUND, async |sandbox| {
        let now = sandbox.clock.now();
        // With credits, the account's row is written by the join; without, it is only held.
        for (turn, hers) in [3, 0].into_iter().enumerate() {
            let ([alice, bob], [joins, stays]) = two(sandbox, [hers, 4]).await;
            let mut join = sandbox.pool.begin().await.unwrap();
            assert!(matches!(ledger::merge(&mut join, &joins, &stays, now).await.unwrap(), Merged::Moved(_)));
            let (pool, account) = (sandbox.pool.clone(), joins.clone());
            let checkout = format!("cs_{turn}");
            let waits = {
                let checkout = checkout.clone();
                tokio::spawn(async move {
                    post(&pool, &account, Entry::Purchase(&checkout, Credits::new(20)), now).await
                })
            };
            let waiting = "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')";
            until("a purchase that waits", async || sqlx::query_scalar(waiting).fetch_one(&sandbox.pool).await.unwrap()).await;
            join.commit().await.unwrap();
            let posted = waits.await.unwrap();
            assert!(matches!(posted, Posted::Applied(left) if left.get() == 24 + hers.unsigned_abs()), "{posted:?}");
            assert_eq!((alice.credits().await, bob.credits().await), (0, 24 + hers));
            let owner: Vec<String> = sqlx::query_scalar("select user_id from wa.credit_op where key = $1")
                .bind(format!("purchase:{checkout}"))
                .fetch_all(&sandbox.pool)
                .await
                .unwrap();
            assert_eq!(owner, [stays.as_str()]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_welcome_gift_is_given_once() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        let (account, pool, now) = (alice.account().await, pool(sandbox, 10).await, sandbox.clock.now());
        let gifts = join_all((0..10).map(|_| post(&pool, &account, Entry::SignupBonus(&account), now))).await;
        assert_eq!(gifts.iter().filter(|gift| matches!(gift, Posted::Applied(_))).count(), 1, "{gifts:?}");
        assert_eq!(alice.credits().await, SIGNUP_BONUS);
        pool.close().await;
    })
    .await;
}
