//! An operator undoes a join: what moved goes back as far as it is there, once, and nothing becomes negative.

use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::Person;
use shared::env::Env;
use shared::ledger::{self, Entry, Posted};
use shared::message::{MessageId, Provider};
use shared::person::UserId;
use worker::operator::Desk;
use worker::operator::person::{self, Separated};

use super::{balance, column, enter, left, link, web};
use crate::GROUND;

fn desk(sandbox: &Sandbox) -> Desk {
    Desk::open(Env::from_values(sandbox.variables.clone())).unwrap()
}

async fn separates(sandbox: &Sandbox, account: &UserId) -> anyhow::Result<String> {
    let desk = desk(sandbox);
    let done = person::unmerge(&desk, account.as_str(), &crate::author(), true, sandbox.clock.now()).await?;
    Ok(done.to_string())
}

/// Somebody who has written a post in WhatsApp, and has linked the number to an account of the web app.
async fn linked(sandbox: &Sandbox, provider: Provider) -> (Person, UserId, UserId) {
    let (alice, now) = (sandbox.person(provider), sandbox.clock.now());
    left(&alice).await;
    let hers = enter(&sandbox.pool, alice.number(), now).await.user;
    alice.says("langue en").await;
    alice.hears().await;
    alice.says("Un post sur le pain").await;
    alice.hears().await;
    let mine = web(&sandbox.pool, "web").await;
    let _ = link(&sandbox.pool, &mine, alice.number(), now).await;
    assert_eq!(balance(&sandbox.pool, &mine).await, 4);
    (alice, hers, mine)
}

async fn undone(sandbox: &mut Sandbox, provider: Provider) {
    let (alice, hers, mine) = linked(sandbox, provider).await;
    // Looking at what would be done does nothing.
    let desk = desk(sandbox);
    let would = person::unmerge(&desk, hers.as_str(), &crate::author(), false, sandbox.clock.now()).await;
    assert!(matches!(would.unwrap(), Separated::Gave(_)));
    assert_eq!(balance(&sandbox.pool, &hers).await, 0);

    let names = if provider == Provider::Meta { 2 } else { 1 };
    let told = separates(sandbox, &hers).await.unwrap();
    assert_eq!(told, format!("from web: 4 of 4 credit(s), 1 of 1 post(s), {names} name(s)"));
    assert_eq!((balance(&sandbox.pool, &hers).await, balance(&sandbox.pool, &mine).await), (4, 5));
    assert_eq!(column(&sandbox.pool, &hers).await.as_deref(), Some(alice.number()));
    assert_eq!(column(&sandbox.pool, &mine).await, None);
    // She is who she was, in her language, with her posts.
    alice.says("balance").await;
    assert_eq!(alice.hears().await, "💳 You have 4 credits left.");
    alice.says("history").await;
    assert!(alice.hears().await.contains("Un post sur le pain"));
    assert_eq!(separates(sandbox, &hers).await.unwrap(), "separated before: nothing to do");
    // Joined once more, and separated once more: nothing is kept under the keys of the first time.
    let now = sandbox.clock.now();
    let _ = link(&sandbox.pool, &mine, alice.number(), now).await;
    assert_eq!((balance(&sandbox.pool, &hers).await, balance(&sandbox.pool, &mine).await), (0, 4));
    separates(sandbox, &hers).await.unwrap();
    assert_eq!((balance(&sandbox.pool, &hers).await, balance(&sandbox.pool, &mine).await), (4, 5));
    let told: Vec<String> =
        sqlx::query_scalar("select action from wa.audit order by id").fetch_all(&sandbox.pool).await.unwrap();
    let (joined, unmerged) = ("account.joined", "account.unmerged");
    assert_eq!(told, [joined, unmerged, joined, unmerged]);
}

crate::for_each_provider! {
    a_join_is_undone => super::undone;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_spent_since_is_not_given_back_and_what_is_owed_finds_its_account() {
    run(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        let alice = sandbox.person(Provider::Meta).with_credits(10).await;
        left(&alice).await;
        let hers = alice.account().await;
        let mine = web(&pool, "web").await;
        let message = |number: usize| MessageId::new(Provider::Meta, "1098", &format!("m{number}"));
        let spends = async |account: &UserId, number: usize| {
            let mut tx = pool.begin().await.unwrap();
            let spent =
                ledger::post(&mut tx, account, Entry::Generation(&message(number)), now).await.unwrap();
            assert!(matches!(spent, Posted::Applied(_)));
            tx.commit().await.unwrap();
        };
        spends(&hers, 0).await;
        let _ = link(&pool, &mine, alice.number(), now).await;
        for number in 1..9 {
            spends(&mine, number).await;
        }
        assert_eq!(balance(&pool, &mine).await, 6);
        let told = separates(sandbox, &hers).await.unwrap();
        assert!(told.starts_with("from web: 6 of 9 credit(s)"), "{told}");
        let mut tx = pool.begin().await.unwrap();
        ledger::refund(&mut tx, &message(0), now).await.unwrap();
        ledger::refund(&mut tx, &message(1), now).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((balance(&pool, &hers).await, balance(&pool, &mine).await), (7, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_undone_is_refused_with_the_reason() {
    run_without_worker(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        let one = enter(&pool, "+33639980001", now).await.user;
        let two = enter(&pool, "+33639980002", now).await.user;
        let refused = async |account: &UserId| separates(sandbox, account).await.unwrap_err().to_string();
        assert!(refused(&one).await.contains("never joined"));
        assert!(refused(&UserId::from_stored("nobody".to_owned())).await.contains("no account"));
        // A line of joins is undone from its end.
        let mine = web(&pool, "web").await;
        let _ = link(&pool, &two, "+33639980001", now).await;
        let _ = link(&pool, &mine, "+33639980002", now).await;
        let why = refused(&one).await;
        assert!(why.contains(two.as_str()) && why.contains("first"), "{why}");
        separates(sandbox, &two).await.unwrap();
        separates(sandbox, &one).await.unwrap();
        for (account, phone) in [(&one, "+33639980001"), (&two, "+33639980002")] {
            assert_eq!(balance(&pool, account).await, 5);
            assert_eq!(column(&pool, account).await.as_deref(), Some(phone));
            assert_eq!(&enter(&pool, phone, now).await.user, account);
        }
        assert_eq!((balance(&pool, &mine).await, column(&pool, &mine).await), (5, None));
        // From before what moves was kept.
        let mut tx = pool.begin().await.unwrap();
        let _ = ledger::merge(&mut tx, &one, &two, now).await.unwrap();
        tx.commit().await.unwrap();
        sqlx::query("delete from wa.joined").execute(&pool).await.unwrap();
        assert!(refused(&one).await.contains("not kept"));
    })
    .await;
}

/// Nothing of a person is shown that an operator does not ask for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_who_somebody_is_and_no_more() {
    run(&GROUND, async |sandbox| {
        let (alice, hers, mine) = linked(sandbox, Provider::Meta).await;
        let desk = desk(sandbox);
        let shown = person::show(&desk, &mine, false).await.unwrap();
        let told = format!("{shown}\n{}", serde_json::to_string(&shown).unwrap());
        let mut db = sandbox.pool.acquire().await.unwrap();
        let names = shared::person::names(&mut db, &sandbox::stage::vault(), &mine).await.unwrap();
        drop(db);
        let id = names.into_iter().find(|name| name.kind == "bsuid").unwrap().value;
        for secret in [alice.number(), "web@example.com", id.as_str()] {
            assert!(!told.contains(secret), "{told}");
        }
        for word in ["web, opened", "w…@example.com", "+33…", "4 credit(s), 1 post(s)", hers.as_str(), "link"]
        {
            assert!(told.contains(word), "{word}: {told}");
        }
        let told = person::show(&desk, &mine, true).await.unwrap().to_string();
        assert!(told.contains(alice.number()) && told.contains(&id), "{told}");
    })
    .await;
}
