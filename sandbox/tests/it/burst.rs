//! What is said in one breath is one brief.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::PATIENCE;
use shared::message::Provider;

use crate::GROUND;

const BREATH: [&str; 3] = ["Crée un post pour Instagram", "sur notre boulangerie", "qui ouvre samedi"];

/// From now on messages that follow each other within this time are one brief.
async fn listens(sandbox: &mut Sandbox, moment: Duration) {
    sandbox.stops_workers().await;
    sandbox.patience.moment = moment;
    sandbox.starts_worker();
}

/// What was written about, oldest first.
pub async fn briefs(sandbox: &Sandbox) -> Vec<String> {
    sqlx::query_scalar(r#"select "brief" from "Generation" order by "createdAt""#)
        .fetch_all(&sandbox.pool)
        .await
        .unwrap()
}

async fn brief(sandbox: &Sandbox) -> String {
    briefs(sandbox).await.pop().unwrap()
}

/// How each message ended, in the order in which they came.
pub async fn outcomes(sandbox: &Sandbox) -> Vec<String> {
    sqlx::query_scalar("select outcome from wa.receipt order by received_at, message_id")
        .fetch_all(&sandbox.pool)
        .await
        .unwrap()
}

async fn three_messages_of_a_moment_are_one_brief(sandbox: &mut Sandbox, provider: Provider) {
    listens(sandbox, Duration::from_secs(2)).await;
    let alice = sandbox.person(provider).with_credits(3).await;
    let bob = sandbox.person(provider).with_credits(3).await;
    for words in BREATH {
        alice.says(words).await;
    }
    // Nobody's moment is another's, and whoever asks for something else is answered at once.
    bob.says("solde").await;
    assert_eq!(bob.hears().await, "💳 Il vous reste 3 crédits.");
    assert!(alice.has_heard().is_empty(), "it is still being listened to");
    let posts = alice.hears().await;
    assert!(posts.starts_with("✨ Voici vos trois posts"), "{posts}");
    assert_eq!(brief(sandbox).await, BREATH.join("\n"));
    // The moment is over: this one stands for itself, and what follows it is no brief.
    alice.says("Un post sur le vin").await;
    alice.says("merci").await;
    assert!(alice.hears().await.starts_with("✨"));
    assert!(alice.hears().await.starts_with("Avec plaisir"));
    sandbox.is_quiet().await;
    assert_eq!((alice.charges().await, sandbox.stage.openai.calls().len()), ((2, 0), 6));
    assert_eq!(brief(sandbox).await, "Un post sur le vin");
}

async fn a_hundred_messages_at_once_are_a_few_briefs(sandbox: &mut Sandbox, provider: Provider) {
    listens(sandbox, Duration::from_secs(1)).await;
    let alice = sandbox.person(provider).with_credits(100).await;
    let texts: Vec<String> =
        (0..100).map(|number| format!("Un post sur notre vin numéro {number}")).collect();
    join_all(texts.iter().map(|text| alice.says(text))).await;
    sandbox.is_quiet().await;
    let (charged, refunded) = alice.charges().await;
    assert!((10..=100).contains(&charged) && refunded == 0, "{charged} charges");
    assert_eq!(alice.has_heard().len(), usize::try_from(charged).unwrap());
    let outcomes = outcomes(sandbox).await;
    assert_eq!(outcomes.len(), 100);
    assert!(outcomes.iter().all(|outcome| outcome == "posts" || outcome == "joined"), "{outcomes:?}");
    let briefs: Vec<String> =
        sqlx::query_scalar(r#"select "brief" from "Generation""#).fetch_all(&sandbox.pool).await.unwrap();
    let mut written: Vec<&str> = briefs.iter().flat_map(|brief| brief.lines()).collect();
    written.sort_unstable();
    let mut said: Vec<&str> = texts.iter().map(String::as_str).collect();
    said.sort_unstable();
    assert_eq!(written, said, "each is written about, once");
}

crate::for_each_provider! {
    breath => super::three_messages_of_a_moment_are_one_brief;
    hundred => super::a_hundred_messages_at_once_are_a_few_briefs;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_after_the_moment_loses_no_part_of_the_brief() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        for words in BREATH {
            alice.says(words).await;
        }
        let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", "hold.done")]);
        assert_eq!(doomed.ended(PATIENCE).await.unwrap().signal(), Some(Signal::SIGABRT as i32));
        // What comes now is too late for that brief, and must not become part of it.
        alice.says("et un autre sur le vin").await;
        sandbox.patience.moment = Duration::from_millis(50);
        sandbox.starts_worker();
        sandbox.is_quiet().await;
        let briefs: Vec<String> =
            sqlx::query_scalar(r#"select "brief" from "Generation" order by "createdAt""#)
                .fetch_all(&sandbox.pool)
                .await
                .unwrap();
        assert_eq!(briefs, [BREATH.join("\n"), "et un autre sur le vin".to_owned()]);
        assert_eq!((alice.charges().await, alice.has_heard().len()), ((2, 0), 2));
        let kept: i64 = sqlx::query_scalar("select count(*) from wa.receipt where brief is not null")
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(kept, 0, "words are kept only while they are worked on");
    })
    .await;
}
