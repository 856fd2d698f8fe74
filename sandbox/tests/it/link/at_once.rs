//! Everything about one person at the same moment: codes typed, messages, payments, money that goes back. They wait for
//! each other, none of them for ever, and nothing is lost.

use std::time::Duration;

use futures_util::future::join_all;
use sandbox::conversation::{run, run_without_worker};
use sandbox::person::Person;
use shared::ledger::{self, Entry};
use shared::message::{Address, MessageId, Provider, Sender};
use shared::pack::Packs;
use shared::payment::{self, Checkout, Event, Return, ReturnKind, ReturnState, Told};
use shared::person::{self, Linked, UserId};
use shared::phone::E164;
use sqlx::PgPool;
use tokio::task::JoinHandle;

use super::{balance, enter, left, link, says_left, unlink, unmerge, web};
use crate::GROUND;
use crate::money::pool;

/// Somebody who buys in the chat, at the moment at which the account joins another.
async fn pays(pool: PgPool, account: UserId, number: usize, now: chrono::DateTime<chrono::Utc>) {
    let checkout = Checkout {
        session: format!("cs_{number}"),
        payment_intent: Some(format!("pi_{number}")),
        account: Some(account),
        pack: "pack_20".to_owned(),
        amount: 1000,
        currency: "eur".to_owned(),
        created_at: now,
    };
    let back = Return {
        id: format!("re_{number}"),
        payment_intent: format!("pi_{number}"),
        kind: ReturnKind::Refund,
        amount: 500,
        state: ReturnState::Gone,
    };
    let told = [Told::Completed { checkout, paid: true }, Told::Returned(back)];
    for (place, told) in told.into_iter().enumerate() {
        let event =
            Event { id: format!("evt_{number}_{place}"), kind: "any".to_owned(), created_at: now, told };
        let mut tx = pool.begin().await.unwrap();
        payment::apply(&mut tx, &event, &Packs::default(), now).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// A message of the web side of things: a credit is held, and given back.
async fn tries(pool: PgPool, account: UserId, number: usize, now: chrono::DateTime<chrono::Utc>) {
    let id = MessageId::new(Provider::Meta, "1098", &format!("tried.{number}"));
    let mut tx = pool.begin().await.unwrap();
    let _ = ledger::post(&mut tx, &account, Entry::Generation(&id), now).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    ledger::refund(&mut tx, &id, now).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_messages_and_payments_of_one_person_at_once_end_in_one_account() {
    run(&GROUND, async |sandbox| {
        let (books, now) = (pool(sandbox, 24).await, sandbox.clock.now());
        let mut people: Vec<(Person, UserId, UserId)> = Vec::new();
        for number in 0..4 {
            let provider = if number % 2 == 0 { Provider::Meta } else { Provider::Twilio };
            let person = sandbox.person(provider).with_credits(3).await;
            left(&person).await;
            let account = person.account().await;
            people.push((person, account, web(&sandbox.pool, &format!("web{number}")).await));
        }
        let mut hands: Vec<JoinHandle<()>> = Vec::new();
        for (number, (person, account, mine)) in people.iter().enumerate() {
            for _ in 0..3 {
                let (pool, mine, phone) = (books.clone(), mine.clone(), person.number().to_owned());
                hands.push(tokio::spawn(async move {
                    assert_ne!(link(&pool, &mine, &phone, now).await, Linked::Taken);
                }));
                let (pool, phone) = (books.clone(), person.number().to_owned());
                hands.push(tokio::spawn(async move {
                    enter(&pool, &phone, now).await;
                }));
            }
            hands.push(tokio::spawn(pays(books.clone(), account.clone(), number, now)));
            for turn in 0..3 {
                let account = if turn == 1 { mine } else { account };
                hands.push(tokio::spawn(tries(books.clone(), account.clone(), number * 3 + turn, now)));
            }
        }
        let said = join_all(people.iter().map(async |(person, ..)| {
            tokio::join!(person.says("Un post sur le pain"), person.says("aide"), person.says("solde"));
        }));
        let (hands, _) = tokio::join!(join_all(hands), said);
        hands.into_iter().for_each(Result::unwrap);
        sandbox.is_quiet().await;
        for (person, account, mine) in &people {
            // Three, five of one welcome, and ten of twenty; one spent.
            let heard = person.has_heard().len();
            assert_eq!((balance(&books, mine).await, balance(&books, account).await), (17, 0));
            person.says("solde").await;
            crate::until("the balance", async || person.has_heard().len() > heard).await;
            assert_eq!(person.has_heard().pop().unwrap(), says_left(17));
        }
        let again: Vec<String> = sqlx::query_scalar(
            "select format('%s %s %s %s', r.kind, a.number, a.verdict, a.reason)
             from wa.attempt a join wa.receipt r using (message_id) where a.number > 1 or a.verdict is not null",
        )
        .fetch_all(&sandbox.pool)
        .await
        .unwrap();
        assert!(
            again.is_empty(),
            "those who meet at one person wait for each other, and none fails: {again:?}"
        );
        books.close().await;
    })
    .await;
}

/// Whatever is undone while it is done: names come and go, and everybody is done at some time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_linked_unlinked_and_separated_at_once_loses_nothing_and_nobody_waits_for_ever() {
    run_without_worker(&GROUND, async |sandbox| {
        let (books, now) = (pool(sandbox, 24).await, sandbox.clock.now());
        let mut people: Vec<(String, UserId, UserId)> = Vec::new();
        for number in 0..4 {
            let phone = format!("+3363998{number:04}");
            let account = enter(&books, &phone, now).await.user;
            let mine = web(&books, &format!("web{number}")).await;
            let _ = link(&books, &mine, &phone, now).await;
            people.push((phone, account, mine));
        }
        let mut hands: Vec<JoinHandle<()>> = Vec::new();
        for (number, (phone, account, mine)) in people.iter().enumerate() {
            for turn in 0..6 {
                let (pool, mine, phone) = (books.clone(), mine.clone(), phone.clone());
                let account = account.clone();
                hands.push(tokio::spawn(async move {
                    assert_ne!(link(&pool, &mine, &phone, now).await, Linked::Taken);
                    enter(&pool, &phone, now).await;
                    shows(&pool, &phone, &format!("FR.{number}"), now).await;
                    if turn % 2 == 0 {
                        unlink(&pool, &mine, now).await;
                    }
                    let _ = unmerge(&pool, &account, now).await;
                    tries(pool, if turn % 2 == 0 { account } else { mine }, number * 6 + turn, now).await;
                }));
            }
        }
        let hands = tokio::time::timeout(Duration::from_mins(1), join_all(hands)).await.unwrap();
        hands.into_iter().for_each(Result::unwrap);
        let looked = ledger::look(&books).await.unwrap();
        assert!(looked.differences.is_empty(), "{:?}", looked.differences);
        let split: i64 = sqlx::query_scalar(
            "select count(*) from wa.identity i join wa.merged_account m on m.from_user = i.user_id",
        )
        .fetch_one(&books)
        .await
        .unwrap();
        assert_eq!(split, 0, "a name that leads to an account that is gone");
        for (phone, _, mine) in &people {
            assert_ne!(link(&books, mine, phone, now).await, Linked::Taken);
            assert_eq!(&enter(&books, phone, now).await.user, mine);
        }
        books.close().await;
    })
    .await;
}

/// A message of this person, by Meta.
async fn shows(pool: &PgPool, phone: &str, id: &str, now: chrono::DateTime<chrono::Utc>) {
    let phone: E164 = phone.parse().unwrap();
    let sender =
        Sender { address: Address::Phone(phone.clone()), phone: Some(phone), bsuid: Some(id.to_owned()) };
    let mut tx = pool.begin().await.unwrap();
    person::resolve(&mut tx, &sandbox::stage::vault(), &sender, now, now).await.unwrap();
    tx.commit().await.unwrap();
}

/// Two people who are signed in type codes of each other's numbers: one of them at most is believed about each number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_linked_to_one_account_however_many_type_its_code_at_once() {
    run(&GROUND, async |sandbox| {
        let (books, now) = (pool(sandbox, 16).await, sandbox.clock.now());
        let mut accounts = Vec::new();
        for number in 0..6 {
            accounts.push(web(&sandbox.pool, &format!("web{number}")).await);
        }
        // One that leads to somebody, and one that leads to nobody yet.
        let (person, nobody) = (sandbox.person(Provider::Meta), "+33639980777");
        left(&person).await;
        for number in [person.number(), nobody] {
            let linked = tokio::time::timeout(
                Duration::from_secs(20),
                join_all(accounts.iter().map(|mine| link(&books, mine, number, now))),
            )
            .await
            .unwrap();
            let won = linked.iter().filter(|linked| **linked != Linked::Taken).count();
            assert_eq!(won, 1, "{linked:?}");
        }
        books.close().await;
    })
    .await;
}
