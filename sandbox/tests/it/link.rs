//! One person, one account: whoever proves a number is where its messages lead, whichever of the two was there first.

mod apart;
mod at_once;
mod columns;
mod model;
mod separate;

use chrono::{DateTime, NaiveDateTime, Utc};
use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::Person;
use shared::ledger::SIGNUP_BONUS;
use shared::message::Provider;
use shared::person::{self, Entered, Linked, Unmerged, UserId};
use shared::phone::E164;
use sqlx::PgPool;

use crate::GROUND;

fn says_left(credits: i32) -> String {
    if credits == 1 {
        "💳 Il vous reste 1 crédit.".to_owned()
    } else {
        format!("💳 Il vous reste {credits} crédits.").replace(" 0 crédits", " 0 crédit")
    }
}

/// An account as the web app opens one, with the credits that its column gives.
pub(crate) async fn web(pool: &PgPool, id: &str) -> UserId {
    sqlx::query(
        r#"insert into "User" ("id", "email", "updatedAt") values ($1, $1 || '@example.com', now())"#,
    )
    .bind(id)
    .execute(pool)
    .await
    .unwrap();
    UserId::from_stored(id.to_owned())
}

async fn enter(pool: &PgPool, number: &str, now: DateTime<Utc>) -> Entered {
    let mut tx = pool.begin().await.unwrap();
    let entered = person::enter(&mut tx, &sandbox::stage::vault(), &number.parse::<E164>().unwrap(), now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    entered
}

pub(crate) async fn link(pool: &PgPool, web: &UserId, number: &str, now: DateTime<Utc>) -> Linked {
    let mut tx = pool.begin().await.unwrap();
    let linked = person::link(&mut tx, &sandbox::stage::vault(), web, &number.parse::<E164>().unwrap(), now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    linked
}

async fn unmerge(pool: &PgPool, account: &UserId, now: DateTime<Utc>) -> Unmerged {
    let mut tx = pool.begin().await.unwrap();
    let vault = sandbox::stage::vault();
    let done = person::unmerge(&mut tx, &vault, account, ("operator:test", "a test"), now).await.unwrap();
    tx.commit().await.unwrap();
    done
}

async fn unlink(pool: &PgPool, user: &UserId, now: DateTime<Utc>) -> bool {
    let mut tx = pool.begin().await.unwrap();
    let unlinked = person::unlink(&mut tx, &sandbox::stage::vault(), user, now).await.unwrap();
    tx.commit().await.unwrap();
    unlinked
}

async fn balance(pool: &PgPool, user: &UserId) -> i32 {
    sqlx::query_scalar(r#"select "credits" from "User" where "id" = $1"#)
        .bind(user.as_str())
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn column(pool: &PgPool, user: &UserId) -> Option<String> {
    sqlx::query_scalar(r#"select "waPhoneE164" from "User" where "id" = $1"#)
        .bind(user.as_str())
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Writes a number into the column of an account, as the web app may.
async fn writes(pool: &PgPool, account: &UserId, number: &str) {
    sqlx::query(r#"update "User" set "waPhoneE164" = $2 where "id" = $1"#)
        .bind(account.as_str())
        .bind(number)
        .execute(pool)
        .await
        .unwrap();
}

/// When the number of the one account that has it was proved, as the web app sees it.
async fn proved_at(pool: &PgPool, number: &str) -> Option<NaiveDateTime> {
    sqlx::query_scalar(r#"select "waLinkedAt" from "User" where "waPhoneE164" = $1"#)
        .bind(number)
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Asks for the balance, and hears it.
async fn left(alice: &Person) -> String {
    alice.says("solde").await;
    alice.hears().await
}

async fn whatsapp_first(sandbox: &mut Sandbox, provider: Provider) {
    let (alice, pool, now) = (sandbox.person(provider), sandbox.pool.clone(), sandbox.clock.now());
    assert_eq!(left(&alice).await, says_left(0), "a conversation alone is no login");
    assert_eq!(proved_at(&pool, alice.number()).await, None);
    let entered = enter(&pool, alice.number(), now).await;
    assert_eq!((entered.opened, entered.welcomed), (false, true));
    assert!(proved_at(&pool, alice.number()).await.is_some(), "the web app sees that a code has proved it");
    let again = enter(&pool, alice.number(), now).await;
    assert_eq!((&again.user, again.opened, again.welcomed), (&entered.user, false, false));
    alice.says("Un post sur le pain").await;
    assert!(alice.hears().await.contains("Il vous reste 4 crédits"));
    // She has signed up on the web as well, with an e-mail address and its own five.
    let mine = web(&pool, "web").await;
    assert_eq!(
        link(&pool, &mine, alice.number(), now).await,
        Linked::Linked { merged: Some(entered.user.clone()) }
    );
    assert_eq!(link(&pool, &mine, alice.number(), now).await, Linked::Already);
    assert_eq!(left(&alice).await, says_left(4), "one welcome of two, less the one that she has spent");
    assert_eq!(balance(&pool, &mine).await, 4);
    alice.says("historique").await;
    assert!(alice.hears().await.contains("Un post sur le pain"));
    // By whichever door: the same account.
    let entered = enter(&pool, alice.number(), now).await;
    assert_eq!((&entered.user, entered.opened, entered.welcomed), (&mine, false, false));
}

async fn web_first(sandbox: &mut Sandbox, provider: Provider) {
    let (alice, pool, now) = (sandbox.person(provider), sandbox.pool.clone(), sandbox.clock.now());
    let mine = web(&pool, "web").await;
    assert_eq!(link(&pool, &mine, alice.number(), now).await, Linked::Linked { merged: None });
    assert_eq!(left(&alice).await, says_left(5));
    let entered = enter(&pool, alice.number(), now).await;
    assert_eq!((&entered.user, entered.opened, entered.welcomed), (&mine, false, false));
    // It stays so for what was written before and comes late.
    sandbox.advances(std::time::Duration::from_hours(2));
    assert_eq!(left(&alice).await, says_left(5));
    let accounts: i64 = sqlx::query_scalar(r#"select count(*) from "User""#).fetch_one(&pool).await.unwrap();
    assert_eq!(accounts, 1);
}

async fn code_first(sandbox: &mut Sandbox, provider: Provider) {
    let (alice, pool, now) = (sandbox.person(provider), sandbox.pool.clone(), sandbox.clock.now());
    let entered = enter(&pool, alice.number(), now).await;
    assert_eq!((entered.opened, entered.welcomed), (true, true));
    assert_eq!(left(&alice).await, says_left(SIGNUP_BONUS));
    assert_eq!(column(&pool, &entered.user).await.as_deref(), Some(alice.number()));
}

async fn unlinked(sandbox: &mut Sandbox, provider: Provider) {
    let (alice, pool, now) = (sandbox.person(provider), sandbox.pool.clone(), sandbox.clock.now());
    let mine = web(&pool, "web").await;
    let _ = link(&pool, &mine, alice.number(), now).await;
    assert_eq!(left(&alice).await, says_left(5));
    assert!(unlink(&pool, &mine, now).await);
    assert!(!unlink(&pool, &mine, now).await, "there is nothing left to unlink");
    assert_eq!((balance(&pool, &mine).await, column(&pool, &mine).await), (5, None));
    // Neither number nor id leads back, and the number was welcomed with the account.
    assert_eq!(left(&alice).await, says_left(0));
    let entered = enter(&pool, alice.number(), now).await;
    assert_eq!((entered.user == mine, entered.welcomed), (false, false));
    // Linked once more, she is who she was.
    assert!(matches!(link(&pool, &mine, alice.number(), now).await, Linked::Linked { merged: Some(_) }));
    assert_eq!(left(&alice).await, says_left(5));
}

crate::for_each_provider! {
    from_whatsapp_to_the_web => super::whatsapp_first;
    from_the_web_to_whatsapp => super::web_first;
    with_a_code_before_anything_else => super::code_first;
    unlinked_who_writes_is_somebody_new => super::unlinked;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_of_another_account_of_the_web_app_is_taken_whichever_way_it_leads_there() {
    run(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        let (mine, theirs) = (web(&pool, "mine").await, web(&pool, "theirs").await);
        let alice = sandbox.person(Provider::Meta);
        let _ = link(&pool, &theirs, alice.number(), now).await;
        assert_eq!(link(&pool, &mine, alice.number(), now).await, Linked::Taken);
        // By its identity alone.
        left(&alice).await;
        sqlx::query(r#"update "User" set "waPhoneE164" = null, "waLinkedAt" = null"#)
            .execute(&pool)
            .await
            .unwrap();
        assert_eq!(link(&pool, &mine, alice.number(), now).await, Linked::Taken);
        assert_eq!(enter(&pool, alice.number(), now).await.user, theirs);
        // By its column alone.
        sqlx::raw_sql(r#"delete from wa.identity; update "User" set "waPhoneE164" = '+33639980001' where "id" = 'theirs'"#)
            .execute(&pool)
            .await
            .unwrap();
        assert_eq!(link(&pool, &mine, "+33639980001", now).await, Linked::Taken);
        assert_eq!((balance(&pool, &mine).await, column(&pool, &mine).await), (5, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_spellings_are_one_number_on_the_web_as_well() {
    run(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        for (dialled, shown) in [
            ("+5531998765432", "+553198765432"),
            ("+525512345678", "+5215512345678"),
            ("+5491123456789", "+541123456789"),
        ] {
            let alice = Person::new(&sandbox.stage, &pool, Provider::Meta, shown, "Ana");
            left(&alice).await;
            let entered = enter(&pool, dialled, now).await;
            assert_eq!((entered.opened, entered.welcomed), (false, true), "{dialled}");
            // A column that somebody else has filled in the other spelling.
            sqlx::query(r#"update "User" set "waPhoneE164" = $2 where "id" = $1"#)
                .bind(entered.user.as_str())
                .bind(shown)
                .execute(&pool)
                .await
                .unwrap();
            assert_eq!(enter(&pool, shown, now).await.user, entered.user);
            // Answers still go to the spelling that came.
            let mine = web(&pool, dialled).await;
            assert_eq!(link(&pool, &mine, dialled, now).await, Linked::Linked { merged: Some(entered.user) });
            let mut db = pool.acquire().await.unwrap();
            let names = person::names(&mut db, &sandbox::stage::vault(), &mine).await.unwrap();
            let numbers: Vec<&str> =
                names.iter().filter(|name| name.kind == "phone").map(|name| name.value.as_str()).collect();
            assert_eq!(numbers, [shown]);
            drop(db);
            assert_eq!(left(&alice).await, says_left(5));
        }
    })
    .await;
}

/// A person has proved both: the web app shows the last, and the first leads there as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_number_does_not_end_the_first() {
    run(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        let (private, shop) = (sandbox.person(Provider::Twilio), sandbox.person(Provider::Meta));
        let mine = web(&pool, "web").await;
        let _ = link(&pool, &mine, private.number(), now).await;
        left(&private).await;
        left(&shop).await;
        assert!(matches!(link(&pool, &mine, shop.number(), now).await, Linked::Linked { merged: Some(_) }));
        assert_eq!(column(&pool, &mine).await.as_deref(), Some(shop.number()));
        assert_eq!((left(&private).await, left(&shop).await), (says_left(5), says_left(5)));
        assert_eq!(enter(&pool, private.number(), now).await.user, mine);
        assert!(unlink(&pool, &mine, now).await);
        assert_eq!((left(&private).await, left(&shop).await), (says_left(0), says_left(0)));
    })
    .await;
}

/// Its number is the only door of an account that began in WhatsApp.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_without_an_address_keeps_its_number() {
    run_without_worker(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        let entered = enter(&pool, "+33639980001", now).await;
        assert!(!unlink(&pool, &entered.user, now).await);
        assert_eq!(enter(&pool, "+33639980001", now).await.user, entered.user);
    })
    .await;
}

/// Two accounts that had both been welcomed are one person's: what is left of the second welcome goes, and never what was
/// paid for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_welcomed_twice_and_nobody_loses_what_they_paid_for() {
    run_without_worker(&GROUND, async |sandbox| {
        let (pool, now) = (sandbox.pool.clone(), sandbox.clock.now());
        // Bought, spent of it on either side, and what must be left.
        for (place, (bought, spent, left)) in
            [(0, 0, 5), (0, 3, 2), (0, 5, 0), (0, 8, 0), (20, 0, 25), (20, 8, 20), (20, 12, 18)]
                .into_iter()
                .enumerate()
        {
            let number = format!("+3363998{place:04}");
            let entered = enter(&pool, &number, now).await;
            let mine = web(&pool, &format!("web{place}")).await;
            let mut tx = pool.begin().await.unwrap();
            for count in 0..bought {
                let key = format!("{place}:{count}");
                let entry = shared::ledger::Entry::Adjustment(&key, 1);
                let _ = shared::ledger::post(&mut tx, &mine, entry, now).await.unwrap();
            }
            for count in 0..spent {
                let id = shared::message::MessageId::new(Provider::Meta, "1098", &format!("{place}.{count}"));
                let entry = shared::ledger::Entry::Generation(&id);
                let account = if count < 5 { &entered.user } else { &mine };
                let _ = shared::ledger::post(&mut tx, account, entry, now).await.unwrap();
            }
            tx.commit().await.unwrap();
            let _ = link(&pool, &mine, &number, now).await;
            assert_eq!(balance(&pool, &mine).await, left, "bought {bought}, spent {spent}");
        }
    })
    .await;
}

/// The number was given to somebody else meanwhile, and a message has shown it: the new one is welcomed as anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_inherits_a_number_is_welcomed_in_an_account_of_their_own() {
    run(&GROUND, async |sandbox| {
        let (alice, pool, now) = (sandbox.person(Provider::Meta), sandbox.pool.clone(), sandbox.clock.now());
        left(&alice).await;
        let hers = enter(&pool, alice.number(), now).await.user;
        alice.meta().gives_up_number();
        let heir = sandbox.stage.meta.person(alice.number(), "Alix");
        heir.text("solde").await;
        let heard = heir.hears(1, sandbox::person::PATIENCE).await.unwrap().swap_remove(0).text;
        assert_eq!(heard, says_left(0));
        let entered = enter(&pool, alice.number(), now).await;
        assert_eq!((entered.user == hers, entered.opened, entered.welcomed), (false, false, true));
        assert_eq!(balance(&pool, &hers).await, 5);
    })
    .await;
}
