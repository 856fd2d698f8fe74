//! Reactions to our messages: the last word of each person on each message is kept, and none is answered. Twilio delivers
//! none.

use std::time::Duration;

use sandbox::conversation::{Sandbox, run};
use sandbox::person::Person;
use serde_json::json;
use shared::message::Provider;

use crate::GROUND;
use crate::portal::browser::{proves_her_number, web_account};

const BRIEF: &str = "Crée un post promo pour Instagram";

/// Somebody with three credits who has said this, and what came back, by its id.
async fn answered(sandbox: &Sandbox, text: &str) -> (Person, String) {
    let alice = sandbox.person(Provider::Meta).with_credits(3).await;
    alice.says(text).await;
    alice.hears().await;
    let answer = alice.screen().remove(0).id;
    (alice, answer)
}

/// What is kept: emoji, kind, and whether it is of posts that are in the history.
async fn kept(sandbox: &Sandbox) -> Vec<(Option<String>, Option<String>, bool)> {
    sandbox.is_quiet().await;
    sqlx::query_as(
        r#"select f.emoji, f.kind, g."id" is not null from wa.feedback f
           left join "Generation" g on g."id" = f.generation_id and g."userId" = f.user_id order by f.outbox_id"#,
    )
    .fetch_all(&sandbox.pool)
    .await
    .unwrap()
}

fn one(emoji: &str, kind: &str, of_posts: bool) -> Vec<(Option<String>, Option<String>, bool)> {
    vec![(Some(emoji.to_owned()), Some(kind.to_owned()), of_posts)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_word_on_posts_is_kept_and_not_answered() {
    run(&GROUND, async |sandbox| {
        let (alice, posts) = answered(sandbox, BRIEF).await;
        let said = alice.reacts(&posts, Some("👍🏽")).await.unwrap();
        assert_eq!(kept(sandbox).await, one("👍🏽", "positive", true));
        sandbox.stage.meta.clock().advance(Duration::from_secs(2));
        alice.reacts(&posts, Some("👎")).await.unwrap();
        assert_eq!(kept(sandbox).await, one("👎", "negative", true));
        // The first one comes again, long after the queue has forgotten it: the books have not.
        alice.redeliver(&said, 3, true).await;
        assert_eq!(kept(sandbox).await, one("👎", "negative", true));
        sandbox.stage.meta.clock().advance(Duration::from_secs(2));
        alice.reacts(&posts, None).await.unwrap();
        assert_eq!(kept(sandbox).await, [(None, None, true)]);
        assert_eq!((alice.has_heard().len(), alice.charges().await), (1, (1, 0)));
        let reactions: i64 = sqlx::query_scalar(
            "select count(*) from wa.receipt where kind = 'reaction' and outcome = 'recorded'",
        )
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
        assert_eq!(reactions, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reaction_that_comes_late_says_nothing_new() {
    run(&GROUND, async |sandbox| {
        let (alice, answer) = answered(sandbox, "solde").await;
        // Written first, and delivered last.
        let content = json!({"message_id": answer, "emoji": "👍"});
        let (_, first) = alice.meta().letter("reaction", &content);
        sandbox.stage.meta.clock().advance(Duration::from_secs(2));
        alice.reacts(&answer, None).await.unwrap();
        assert_eq!(kept(sandbox).await, [(None, None, false)]);
        sandbox.stage.meta.deliver(&first).await;
        assert_eq!(kept(sandbox).await, [(None, None, false)], "it was taken back since");
        sandbox.stage.meta.clock().advance(Duration::from_secs(2));
        alice.reacts(&answer, Some("🤔")).await.unwrap();
        assert_eq!(kept(sandbox).await, one("🤔", "other", false));
    })
    .await;
}

/// Given, taken back, given again: by the time at which each was meant, whatever comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_of_three_is_kept_in_whatever_order_they_come() {
    run(&GROUND, async |sandbox| {
        let (alice, answer) = answered(sandbox, "solde").await;
        alice.reacts(&answer, Some("👍")).await.unwrap();
        sandbox.stage.meta.clock().advance(Duration::from_secs(2));
        let (_, taken_back) = alice.meta().letter("reaction", &json!({"message_id": answer}));
        sandbox.stage.meta.clock().advance(Duration::from_secs(2));
        alice.reacts(&answer, Some("👍")).await.unwrap();
        assert_eq!(kept(sandbox).await, one("👍", "positive", false));
        sandbox.stage.meta.deliver(&taken_back).await;
        assert_eq!(kept(sandbox).await, one("👍", "positive", false));
    })
    .await;
}

/// What was said to an account before it joined another one was said to the same person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reaction_outlives_the_account_that_was_answered() {
    run(&GROUND, async |sandbox| {
        let (alice, answer) = answered(sandbox, "solde").await;
        let from = alice.account().await;
        let into = sandbox.person(Provider::Twilio).with_credits(1).await.account().await;
        let mut db = sandbox.pool.acquire().await.unwrap();
        let _merged = shared::ledger::merge(&mut db, &from, &into, sandbox.clock.now()).await.unwrap();
        alice.reacts(&answer, Some("👍")).await.unwrap();
        assert_eq!(kept(sandbox).await, one("👍", "positive", false));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reaction_that_is_changed_after_a_join_is_still_one() {
    run(&GROUND, async |sandbox| {
        let (alice, answer) = answered(sandbox, "solde").await;
        alice.reacts(&answer, Some("👍")).await.unwrap();
        assert_eq!(kept(sandbox).await, one("👍", "positive", false));
        let web = web_account(sandbox, "alice@example.com", 0).await;
        proves_her_number(sandbox, &alice, &web).await;
        sandbox.stage.meta.clock().advance(Duration::from_secs(2));
        alice.reacts(&answer, Some("👎")).await.unwrap();
        assert_eq!(kept(sandbox).await, one("👎", "negative", false));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_was_sent_a_message_has_a_word_on_it() {
    run(&GROUND, async |sandbox| {
        let (alice, answer) = answered(sandbox, "solde").await;
        let bob = sandbox.person(Provider::Meta);
        bob.meta().reacts(&answer, Some("👎")).await;
        bob.meta().reacts("wamid.unknown", Some("👎")).await;
        assert_eq!(kept(sandbox).await, []);
        // Who wants no more messages may still say what they make of one.
        alice.says("stop").await;
        alice.hears().await;
        alice.reacts(&answer, Some("❤️")).await.unwrap();
        assert_eq!(kept(sandbox).await, one("❤️", "positive", false));
        assert_eq!((alice.has_heard().len(), bob.has_heard().len()), (2, 0));
    })
    .await;
}
