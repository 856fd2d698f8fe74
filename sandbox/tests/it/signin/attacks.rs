//! What somebody tries who has a token, a phone, or a session of somebody else.

use sandbox::conversation::{Sandbox, run};
use sandbox::person::Person;
use shared::menu::Pick;
use shared::message::Provider;
use shared::person::UserId;

use super::browser::{Begun, Browser};
use super::{chooses, follows, sessions};
use crate::GROUND;

/// Somebody signs in, from the link to the session.
async fn signs_in(person: &Person, browser: &Browser) {
    let begun: Begun = browser.begins().await;
    follows(person, &begun).await;
    chooses(person, begun.number).await;
    assert!(person.hears().await.starts_with("✅"));
    assert_eq!(browser.asks().await, "done");
}

/// She begins, she sends her own token, and somebody else is talked into choosing for her.
async fn a_choice_counts_for_who_was_asked_only(sandbox: &mut Sandbox, provider: Provider) {
    let mallory = sandbox.person(provider).with_credits(1).await;
    let bob = sandbox.person(provider).with_credits(9).await;
    let browser = Browser::new(sandbox);
    let begun = browser.begins().await;
    follows(&mallory, &begun).await;
    let signin: String =
        sqlx::query_scalar("select id from wa.signin").fetch_one(&sandbox.pool).await.unwrap();
    bob.says(&Pick::SignIn { signin, number: begun.number }.id()).await;
    assert!(bob.hears().await.starts_with("⏳"));
    assert_eq!((browser.asks().await.as_str(), sessions(sandbox).await), ("pending", 0));
    // Nothing of it is used up.
    chooses(&mallory, begun.number).await;
    mallory.hears().await;
    assert_eq!(browser.asks().await, "done");
    assert_eq!(browser.is(sandbox).await, Some(mallory.account().await));
}

/// Whoever was let in begins once more: what is said of the second closes the first as well.
async fn not_me_closes_what_is_open_and_ends_what_waits(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    let (first, second, third) = (Browser::new(sandbox), Browser::new(sandbox), Browser::new(sandbox));
    signs_in(&alice, &first).await;
    signs_in(&alice, &second).await;
    let begun = third.begins().await;
    follows(&alice, &begun).await;
    alice.says("ce n’est pas moi").await;
    assert!(alice.hears().await.starts_with("✋ J’ai fermé la session"));
    assert_eq!((first.is(sandbox).await, second.is(sandbox).await), (None, None));
    assert_eq!(third.asks().await, "ended");
    alice.says("ce n’est pas moi").await;
    assert!(alice.hears().await.starts_with("Aucune connexion n’attend"));
}

crate::for_each_provider! {
    anothers => super::a_choice_counts_for_who_was_asked_only;
    all => super::not_me_closes_what_is_open_and_ends_what_waits;
}

/// An id and a number of two accounts of the web app: the id wins, in the browser as in the conversation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_enters_the_account_of_who_writes_and_not_that_of_their_number() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let alice = sandbox.person(Provider::Meta);
        for (id, number, name) in
            [("hers", None, Some(alice.meta().user_id())), ("another", Some(alice.number()), None)]
        {
            sqlx::query(
                r#"insert into "User" ("id", "email", "credits", "waPhoneE164", "waUserId", "updatedAt")
                   values ($1, $1 || '@example.com', 0, $2, $3, now())"#,
            )
            .bind(id)
            .bind(number)
            .bind(name)
            .execute(&sandbox.pool)
            .await
            .unwrap();
        }
        let browser = Browser::new(sandbox);
        signs_in(&alice, &browser).await;
        assert_eq!(browser.is(sandbox).await, Some(UserId::from_stored("hers".to_owned())));
        let gifts: i64 =
            sqlx::query_scalar(r#"select count(*) from "CreditLedger" where "userId" = 'another'"#)
                .fetch_one(&sandbox.pool)
                .await
                .unwrap();
        assert_eq!(gifts, 0, "nothing has happened to the other one");
    })
    .await;
}
