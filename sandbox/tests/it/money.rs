//! Credits: what people pay under races, and what the database itself refuses whoever asks. The ledger alone, under
//! more hands than a system has, is in `ledger`.

mod ledger;
mod merge;
mod model;
mod proof;

use futures_util::future::join_all;
use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::Person;
use shared::ledger::{Entry, Posted};
use shared::message::{MessageId, Provider};
use shared::person::UserId;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::GROUND;

const REFILL: &str = "Vous n’avez plus de crédit";

/// The account of the only person of a test.
async fn only_account(sandbox: &Sandbox) -> UserId {
    let id = sqlx::query_scalar(r#"select "id" from "User""#).fetch_one(&sandbox.pool).await.unwrap();
    UserId::from_stored(id)
}

/// A pool in which so many can work at the same moment.
pub(crate) async fn pool(sandbox: &Sandbox, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .connect(&sandbox.variables["DATABASE_URL"])
        .await
        .unwrap()
}

fn message(number: usize) -> MessageId {
    MessageId::new(Provider::Meta, "1098", &format!("wamid.{number}"))
}

async fn post(pool: &PgPool, user: &UserId, entry: Entry<'_>, now: chrono::DateTime<chrono::Utc>) -> Posted {
    let mut tx = pool.begin().await.unwrap();
    let posted = shared::ledger::post(&mut tx, user, entry, now).await.unwrap();
    tx.commit().await.unwrap();
    posted
}

async fn one_credit_buys_one_generation(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    let briefs =
        ["le pain", "le vin", "les fleurs", "la neige", "la mer"].map(|what| format!("Un post sur {what}"));
    join_all(briefs.iter().map(|brief| alice.says(brief))).await;
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.push(alice.hears().await);
    }
    sandbox.is_quiet().await;
    let posts = heard.iter().filter(|text| text.contains("Il vous reste 0 crédit")).count();
    let refills = heard.iter().filter(|text| text.starts_with(REFILL)).count();
    assert_eq!((posts, refills), (1, 4), "{heard:?}");
    assert_eq!((alice.credits().await, alice.charges().await), (0, (1, 0)));
    assert_eq!((alice.generations().await, sandbox.stage.openai.calls().len()), (1, 3));
}

async fn who_is_new_starts_with_nothing(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider);
    alice.says("Crée un post promo pour Instagram").await;
    assert!(alice.hears().await.starts_with(REFILL));
    assert_eq!((alice.credits().await, alice.charges().await), (0, (0, 0)));
    assert!(sandbox.stage.openai.calls().is_empty());
}

crate::for_each_provider! {
    one_credit => super::one_credit_buys_one_generation;
    nothing => super::who_is_new_starts_with_nothing;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_credit_is_one_credit_through_both_providers_at_once() {
    run(&GROUND, async |sandbox| {
        // One number, two lanes: here nothing but the ledger stands between the two.
        let number = "+33639980099";
        let meta = Person::new(&sandbox.stage, &sandbox.pool, Provider::Meta, number, "Camille");
        let meta = meta.with_credits(1).await;
        let twilio = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, number, "Camille");
        tokio::join!(meta.says("Un post sur le pain"), twilio.says("Un post sur le vin"));
        let (one, other) = tokio::join!(meta.hears(), twilio.hears());
        assert_ne!(one.starts_with(REFILL), other.starts_with(REFILL), "{one}\n{other}");
        assert_eq!((meta.credits().await, meta.charges().await), (0, (1, 0)));
        assert_eq!(sandbox.stage.openai.calls().len(), 3);
        only_account(sandbox).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_web_app_and_we_spend_the_same_credits() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(10).await;
        let user = only_account(sandbox).await;
        let web = pool(sandbox, 8).await;
        let briefs: Vec<String> = (0..8).map(|number| format!("Un post numéro {number}")).collect();
        let said = join_all(briefs.iter().map(|brief| alice.says(brief)));
        let spent = join_all((0..8).map(|_| spends_on_the_web(&web, &user)));
        let (_, spent) = tokio::join!(said, spent);
        let spent = spent.into_iter().filter(|spent| *spent).count();
        let mut posts = 0;
        for _ in 0..8 {
            let heard = alice.hears().await;
            assert!(heard.contains("Voici vos trois posts") || heard.starts_with(REFILL), "{heard}");
            posts += usize::from(!heard.starts_with(REFILL));
        }
        sandbox.is_quiet().await;
        assert_eq!((posts + spent, alice.credits().await), (10, 0));
        web.close().await;
    })
    .await;
}

/// What the web app does for a generation of its own: one conditional debit, and its row in the ledger.
async fn spends_on_the_web(web: &PgPool, user: &UserId) -> bool {
    let mut tx = web.begin().await.unwrap();
    let debited = sqlx::query(
        r#"update "User" set "credits" = "credits" - 1, "updatedAt" = now() where "id" = $1 and "credits" > 0"#,
    )
    .bind(user.as_str())
    .execute(&mut *tx)
    .await
    .unwrap()
    .rows_affected();
    if debited == 1 {
        sqlx::query(r#"insert into "CreditLedger" ("id", "userId", "delta", "reason") values ($1, $2, -1, 'web_generation')"#)
            .bind(shared::db::new_id())
            .bind(user.as_str())
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    debited == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_refuses_what_the_code_must_never_do() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.person(Provider::Meta).with_credits(2).await;
        let user = only_account(sandbox).await;
        let _ = post(&sandbox.pool, &user, Entry::Generation(&message(1)), sandbox.clock.now()).await;
        for (statement, constraint) in [
            (r#"update "User" set "credits" = -1"#, "User_credits_not_negative"),
            (r#"insert into "User" ("id", "credits", "updatedAt") values ('x', -1, now())"#, "User_credits_not_negative"),
            (r#"update "CreditLedger" set "delta" = 0 where "reason" = 'whatsapp_generation'"#, "final"),
            (r#"delete from "CreditLedger" where "reason" = 'whatsapp_generation'"#, "final"),
            (r#"truncate "CreditLedger""#, "foreign key"),
            (r#"delete from "User""#, "CreditLedger_userId_fkey"),
            (
                r#"insert into wa.credit_op (key, ledger_id, user_id, created_at)
                   select key, (select "id" from "CreditLedger" where "reason" = 'purchase'), user_id, now() from wa.credit_op"#,
                "credit_op_once",
            ),
            (
                "insert into wa.credit_op (key, ledger_id, user_id, created_at) select key || 'x', ledger_id, user_id, now() from wa.credit_op",
                "credit_op_one_row",
            ),
        ] {
            let refused = sqlx::raw_sql(statement).execute(&sandbox.pool).await.unwrap_err().to_string();
            assert!(refused.contains(constraint), "{statement}: {refused}");
        }
        // The web app's own rows are its own affair.
        let mut tx = sandbox.pool.begin().await.unwrap();
        let theirs = r#"update "CreditLedger" set "reason" = 'gift' where "reason" = 'purchase'"#;
        assert_eq!(sqlx::query(theirs).execute(&mut *tx).await.unwrap().rows_affected(), 1);
        let theirs = r#"delete from "CreditLedger" where "reason" = 'gift'"#;
        assert_eq!(sqlx::query(theirs).execute(&mut *tx).await.unwrap().rows_affected(), 1);
        tx.rollback().await.unwrap();
        let kept: i64 = sqlx::query_scalar(r#"select count(*) from "CreditLedger""#)
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(kept, 2);
    })
    .await;
}
