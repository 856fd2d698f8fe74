//! What is said in one breath is one brief; what was changed or taken back in time counts.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::{PATIENCE, Person, Phone, Said};
use sandbox::simulators::meta::MetaPerson;
use serde_json::json;
use shared::message::Provider;

use crate::{GROUND, until};

const BREATH: [&str; 3] = ["Crée un post pour Instagram", "sur notre boulangerie", "qui ouvre samedi"];

/// From now on messages that follow each other within this time are one brief.
async fn listens(sandbox: &mut Sandbox, moment: Duration) {
    sandbox.stops_workers().await;
    sandbox.patience.moment = moment;
    sandbox.starts_worker();
}

async fn brief(sandbox: &Sandbox) -> String {
    sqlx::query_scalar(r#"select "brief" from "Generation" order by "createdAt" desc limit 1"#)
        .fetch_one(&sandbox.pool)
        .await
        .unwrap()
}

async fn outcomes(sandbox: &Sandbox) -> Vec<String> {
    sqlx::query_scalar("select outcome from wa.receipt order by received_at, message_id")
        .fetch_all(&sandbox.pool)
        .await
        .unwrap()
}

fn meta(person: &Person) -> &MetaPerson {
    let Phone::Meta(phone) = &person.phone else { unreachable!("a person of Meta") };
    phone
}

async fn edits(person: &Person, said: &Said, text: &str) {
    meta(person).edits(&said.delivery.message_id, text).await;
}

async fn deletes(person: &Person, said: &Said) {
    meta(person).deletes(&said.delivery.message_id).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_before_the_start_is_what_is_written_about() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let said = alice.says("Un post sur notre boulangeri").await;
        edits(&alice, &said, "Un post sur notre boucherie").await;
        edits(&alice, &said, "Un post sur notre boulangerie").await;
        let slip = alice.says("sodle").await;
        edits(&alice, &slip, "solde").await;
        sandbox.starts_worker();
        assert!(alice.hears().await.starts_with("✨"));
        assert_eq!(alice.hears().await, "💳 Il vous reste 2 crédits.");
        sandbox.is_quiet().await;
        assert_eq!(brief(sandbox).await, "Un post sur notre boulangerie");
        assert_eq!((alice.charges().await, alice.has_heard().len()), ((1, 0), 2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_after_the_posts_is_told_and_costs_nothing_until_it_is_wanted() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let said = alice.says("Un post sur notre boulangeri").await;
        alice.hears().await;
        edits(&alice, &said, "Un post sur notre boulangerie").await;
        let told = alice.hears().await;
        assert!(told.starts_with("✏️ Votre modification est arrivée trop tard"), "{told}");
        assert_eq!(alice.charges().await, (1, 0));
        alice.chooses("gen:kept").await;
        assert!(alice.hears().await.starts_with("✨"));
        assert_eq!(brief(sandbox).await, "Un post sur notre boulangerie");
        // What cost nothing is simply answered anew.
        let slip = alice.says("sodle").await;
        assert!(alice.hears().await.starts_with("Vouliez-vous dire"));
        edits(&alice, &slip, "solde").await;
        assert_eq!(alice.hears().await, "💳 Il vous reste 1 crédit.");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_in_time_is_neither_answered_nor_charged() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let said = alice.says("Un post sur notre boulangerie").await;
        deletes(&alice, &said).await;
        sandbox.starts_worker();
        sandbox.is_quiet().await;
        assert_eq!((alice.has_heard().len(), sandbox.stage.openai.calls().len()), (0, 0));
        // Also while it is being written.
        sandbox.stage.openai.hold();
        let said = alice.says("Un post sur le vin").await;
        until("the model to be asked", async || !sandbox.stage.openai.calls().is_empty()).await;
        deletes(&alice, &said).await;
        sandbox.stage.openai.release();
        sandbox.is_quiet().await;
        assert_eq!((alice.has_heard().len(), alice.credits().await, alice.charges().await), (0, 3, (1, 1)));
        // What was answered stays answered, and paid.
        let said = alice.says("Un post sur le fromage").await;
        alice.hears().await;
        deletes(&alice, &said).await;
        sandbox.is_quiet().await;
        assert_eq!((alice.has_heard().len(), alice.credits().await, alice.generations().await), (1, 2, 1));
        let outcomes = outcomes(sandbox).await;
        assert_eq!(outcomes, ["withdrawn", "recorded", "withdrawn", "recorded", "posts", "recorded"]);
    })
    .await;
}

/// Meta promises no order, and brings again what it could not deliver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_comes_before_its_message_waits_for_it() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let phone = meta(&alice);
        let late = |text: &str| {
            let (contact, message) = phone.compose("text", &json!({ "body": text }));
            let mut value = sandbox.stage.meta.metadata();
            value["contacts"] = json!([contact]);
            value["messages"] = json!([message]);
            (message["id"].as_str().unwrap().to_owned(), sandbox.stage.meta.envelope(&value))
        };
        let (id, deleted) = late("Un post sur le vin");
        phone.deletes(&id).await;
        let (id, edited) = late("Un post sur le pin");
        phone.edits(&id, "Un post sur le pain").await;
        sandbox.is_quiet().await;
        assert!(alice.has_heard().is_empty());
        sandbox.stage.meta.deliver(&deleted).await;
        sandbox.stage.meta.deliver(&edited).await;
        assert!(alice.hears().await.starts_with("✨"));
        sandbox.is_quiet().await;
        assert_eq!(brief(sandbox).await, "Un post sur le pain");
        assert_eq!((alice.has_heard().len(), alice.charges().await), (1, (1, 0)));
    })
    .await;
}
