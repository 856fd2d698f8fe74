//! What stands in the columns of the web app, which may write there what it likes: in two spellings, and in accounts that
//! have joined another.

use sandbox::conversation::run_without_worker;
use shared::person::Linked;

use super::{column, enter, link, unlink, web, writes};
use crate::GROUND;

const NUMBER: &str = "+33639980001";
const SECOND: &str = "+33639980002";
const DIALLED: &str = "+5531998765432";
const SHOWN: &str = "+553198765432";

/// Two accounts of the web app have the same number, each in a spelling of its own: whose it is, nobody can say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_two_accounts_spell_differently_is_taken_for_both() {
    for (first, second) in [(DIALLED, SHOWN), (SHOWN, DIALLED)] {
        run_without_worker(&GROUND, async |sandbox| {
            let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
            let (one, two) = (web(&pool, "web1").await, web(&pool, "web2").await);
            writes(&pool, &one, first).await;
            writes(&pool, &two, second).await;
            let third = web(&pool, "web3").await;
            for account in [&one, &two, &third] {
                for typed in [DIALLED, SHOWN] {
                    assert_eq!(link(&pool, account, typed, now).await, Linked::Taken);
                }
            }
            assert_eq!(column(&pool, &one).await.as_deref(), Some(first));
            assert_eq!(column(&pool, &two).await.as_deref(), Some(second));
        })
        .await;
    }
}

/// Neither account has an e-mail address: both were this person's, as far as anything says so, and only one is entered by
/// the number from now on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_proves_a_number_takes_it_from_every_account_that_began_with_it() {
    // Whichever of the two comes first in the books.
    for other in ["a", "z"] {
        run_without_worker(&GROUND, async |sandbox| {
            let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
            let holder = enter(&pool, DIALLED, now).await.user;
            sqlx::query(
                r#"insert into "User" ("id", "credits", "waPhoneE164", "updatedAt") values ($1, 0, $2, now())"#,
            )
            .bind(other)
            .bind(SHOWN)
            .execute(&pool)
            .await
            .unwrap();
            let mine = web(&pool, "web").await;
            let linked = link(&pool, &mine, DIALLED, now).await;
            assert_eq!(linked, Linked::Linked { merged: Some(holder) });
            let entered: Vec<(String, String)> = sqlx::query_as(
                r#"select "id", "waPhoneE164" from "User" where "waPhoneE164" is not null"#,
            )
            .fetch_all(&pool)
            .await
            .unwrap();
            assert_eq!(entered, [("web".to_owned(), DIALLED.to_owned())]);
        })
        .await;
    }
}

/// Somebody is still signed in there to the account that has joined another, and the web app writes into that one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_in_an_account_that_is_gone_counts_for_the_one_that_it_joined() {
    run_without_worker(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        let gone = enter(&pool, NUMBER, now).await.user;
        let mine = web(&pool, "web").await;
        assert_eq!(link(&pool, &mine, NUMBER, now).await, Linked::Linked { merged: Some(gone.clone()) });
        // A right code for it is not an error.
        writes(&pool, &gone, SECOND).await;
        assert_eq!(link(&pool, &mine, SECOND, now).await, Linked::Linked { merged: None });
        assert_eq!((column(&pool, &gone).await, column(&pool, &mine).await.as_deref()), (None, Some(SECOND)));
        // Unlinked, the account is entered by nothing of it either.
        writes(&pool, &gone, "+33639980003").await;
        assert!(unlink(&pool, &mine, now).await);
        assert_eq!((column(&pool, &gone).await, column(&pool, &mine).await), (None, None));
        assert_ne!(enter(&pool, "+33639980003", now).await.user, mine);
        // Nor is that the only one that it has.
        writes(&pool, &gone, "+33639980004").await;
        assert!(unlink(&pool, &mine, now).await);
        assert_eq!(column(&pool, &gone).await, None);
    })
    .await;
}

/// The account that a number led to lets go of it in every row that it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_released_by_those_that_are_gone_as_well() {
    run_without_worker(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        // Two who began with numbers have become one, and the web app has written a third number into the one that is gone.
        let holder = enter(&pool, DIALLED, now).await.user;
        let gone = enter(&pool, NUMBER, now).await.user;
        let remains = enter(&pool, SECOND, now).await.user;
        let _ = link(&pool, &remains, NUMBER, now).await;
        writes(&pool, &gone, SHOWN).await;
        let mine = web(&pool, "web").await;
        assert_eq!(link(&pool, &mine, DIALLED, now).await, Linked::Linked { merged: Some(holder) });
        assert_eq!(
            (column(&pool, &gone).await, column(&pool, &mine).await.as_deref()),
            (None, Some(DIALLED))
        );
        assert_eq!(column(&pool, &remains).await.as_deref(), Some(NUMBER));
    })
    .await;
}
