//! What was said is changed or taken back: in time it counts, and later it costs nothing until it is wanted.

use std::time::Duration;

use sandbox::conversation::{run, run_without_worker};
use sandbox::person::{Person, Said};
use sandbox::simulators::note::note;
use sandbox::simulators::openai::OpenAiFault;
use serde_json::json;
use shared::message::Provider;

use crate::burst::{briefs, outcomes};
use crate::{GROUND, until};

async fn edits(person: &Person, said: &Said, text: &str) {
    person.meta().edits(&said.delivery.message_id, text).await;
}

async fn deletes(person: &Person, said: &Said) {
    person.meta().deletes(&said.delivery.message_id).await;
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
        assert_eq!(briefs(sandbox).await.pop().unwrap(), "Un post sur notre boulangerie");
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
        assert_eq!(briefs(sandbox).await.pop().unwrap(), "Un post sur notre boulangerie");
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
        let phone = alice.meta();
        let (id, deleted) = alice.meta().letter("text", &json!({ "body": "Un post sur le vin" }));
        phone.deletes(&id).await;
        let (id, edited) = alice.meta().letter("text", &json!({ "body": "Un post sur le pin" }));
        phone.edits(&id, "Un post sur le pain").await;
        sandbox.is_quiet().await;
        assert!(alice.has_heard().is_empty());
        sandbox.stage.meta.deliver(&deleted).await;
        sandbox.stage.meta.deliver(&edited).await;
        assert!(alice.hears().await.starts_with("✨"));
        sandbox.is_quiet().await;
        assert_eq!(briefs(sandbox).await, ["Un post sur le pain"]);
        assert_eq!((alice.has_heard().len(), alice.charges().await), (1, (1, 0)));
    })
    .await;
}

/// The words for which a credit is held are written about, however often that is begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_works_on_the_same_words() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(9).await;
        sandbox.patience.moment = Duration::from_secs(1);
        // A word that opens a brief is none of it.
        alice.says("gen un post sur le pain").await;
        alice.says("pour samedi").await;
        sandbox.stage.openai.fails_next(1, OpenAiFault::Overloaded503);
        sandbox.starts_worker();
        alice.hears().await;
        sandbox.stops_workers().await;
        // A command that was mended before it was read.
        let slip = alice.says("encor").await;
        edits(&alice, &slip, "encore").await;
        sandbox.stage.openai.fails_next(1, OpenAiFault::Overloaded503);
        sandbox.starts_worker();
        alice.hears().await;
        // Words that were changed before they arrived.
        let (id, edited) = alice.meta().letter("text", &json!({ "body": "Un post sur le vain" }));
        alice.meta().edits(&id, "Un post sur le vin").await;
        sandbox.is_quiet().await;
        sandbox.stage.openai.fails_next(1, OpenAiFault::Overloaded503);
        sandbox.stage.meta.deliver(&edited).await;
        alice.hears().await;
        let bread = "un post sur le pain\npour samedi";
        assert_eq!(briefs(sandbox).await, [bread, bread, "Un post sur le vin"]);
        assert_eq!(alice.charges().await, (3, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_was_written_about_is_not_paid_for_again_when_it_is_edited() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let said = alice.says("sodle").await;
        alice.hears().await;
        edits(&alice, &said, "Un post sur le pin").await;
        assert!(alice.hears().await.starts_with("✨"));
        edits(&alice, &said, "Un post sur le pain").await;
        assert!(alice.hears().await.starts_with("✏️"));
        // Edited into something that is no brief, it is what it says.
        edits(&alice, &said, "solde").await;
        assert_eq!(alice.hears().await, "💳 Il vous reste 2 crédits.");
        assert_eq!(alice.charges().await, (1, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_comes_to_nothing_is_apologised_for() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let said = alice.says("sodle").await;
        alice.hears().await;
        sandbox.stage.openai.fails_next(3, OpenAiFault::Overloaded503);
        edits(&alice, &said, "Un post sur le pain").await;
        assert!(alice.hears().await.starts_with("😕"));
        sandbox.has_dead_letters(1).await;
        assert_eq!((alice.credits().await, alice.charges().await), (3, (1, 1)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_deletes_what_they_edited_is_not_charged() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let said = alice.says("sodle").await;
        alice.hears().await;
        sandbox.stage.openai.hold();
        edits(&alice, &said, "Un post sur le pain").await;
        until("the model to be asked", async || !sandbox.stage.openai.calls().is_empty()).await;
        deletes(&alice, &said).await;
        sandbox.stage.openai.release();
        sandbox.is_quiet().await;
        assert_eq!((alice.has_heard().len(), alice.credits().await, alice.charges().await), (1, 3, (1, 1)));
    })
    .await;
}

/// Meta promises no order: the deletion of a voice note comes first, and nobody listens to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voice_note_that_was_deleted_before_it_came_is_not_listened_to() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(3).await;
        let sound = note("Solde", 2);
        let (id, letter) = alice.meta().letter("audio", &alice.meta().records(&sound, "audio/ogg"));
        alice.meta().deletes(&id).await;
        sandbox.is_quiet().await;
        sandbox.stage.meta.deliver(&letter).await;
        sandbox.is_quiet().await;
        assert_eq!((alice.has_heard().len(), sandbox.stage.openai.transcriptions().len()), (0, 0));
    })
    .await;
}
