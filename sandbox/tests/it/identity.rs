//! Who is it: people who hide their numbers and show them, change them, give them up, and inherit them.

mod joined;
mod proof;

use sandbox::conversation::{Sandbox, run};
use sandbox::person::{PATIENCE, Person};
use sandbox::simulators::meta::MetaPerson;
use serde_json::{Value, json};
use shared::message::Provider;

use crate::GROUND;

const NOTHING: &str = "💳 Il vous reste 0 crédit.";
const THREE: &str = "💳 Il vous reste 3 crédits.";

/// Asks for the balance, and hears it.
async fn balance(phone: &MetaPerson) -> String {
    let before = phone.heard().len();
    phone.text("solde").await;
    phone.hears(before + 1, PATIENCE).await.unwrap().swap_remove(before).text
}

/// Meta announces something; it is done when nothing is left to do.
async fn announce(sandbox: &Sandbox, announcement: &Value) {
    assert_eq!(sandbox.stage.meta.deliver(announcement).await.status, Some(200));
    sandbox.is_quiet().await;
}

/// Accounts that have not joined another.
async fn accounts(sandbox: &Sandbox) -> i64 {
    sqlx::query_scalar(
        r#"select count(*) from "User" where not exists (select from wa.merged_account where from_user = "id")"#,
    )
    .fetch_one(&sandbox.pool)
    .await
    .unwrap()
}

/// Alice, with three credits, who has written before; and her phone.
async fn alice(sandbox: &Sandbox) -> (Person, MetaPerson) {
    let alice = sandbox.person(Provider::Meta).with_credits(3).await;
    let phone = alice.meta().clone();
    assert_eq!(balance(&phone).await, THREE);
    (alice, phone)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_announces_a_new_number_keeps_the_account_and_leaves_the_number() {
    run(&GROUND, async |sandbox| {
        let (alice, phone) = alice(sandbox).await;
        let late = phone.compose("reaction", &json!({"message_id": "wamid.x", "emoji": "👍"})).1;
        let (moved, announcement) = phone.changes_number("+33639980777");
        announce(sandbox, &announcement).await;
        assert_eq!(moved.heard().len() + phone.heard().len(), 1, "what Meta announces is not answered");
        assert_eq!(balance(&moved).await, THREE);
        // Again, by another delivery: nothing changes.
        announce(sandbox, &announcement).await;
        // What she wrote under the old names comes last, and takes the number back for nobody: whoever shows it alone, and
        // whoever shows it beside an id, is somebody else.
        let mut value = sandbox.stage.meta.metadata();
        value["messages"] = json!([late]);
        announce(sandbox, &sandbox.stage.meta.envelope(&value)).await;
        let twilio = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, alice.number(), "Alix");
        twilio.says("solde").await;
        assert_eq!(twilio.hears().await, NOTHING);
        let stranger = sandbox.stage.meta.person(alice.number(), "Alix");
        assert_eq!(balance(&stranger).await, NOTHING);
        assert_eq!((balance(&moved).await, accounts(sandbox).await), (THREE.to_owned(), 2));
        let entered: Option<String> =
            sqlx::query_scalar(r#"select "waPhoneE164" from "User" where "credits" = 3"#)
                .fetch_one(&sandbox.pool)
                .await
                .unwrap();
        assert_eq!(
            entered.as_deref(),
            Some("+33639980777"),
            "the web app finds the account by the new number"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announcement_that_comes_after_the_first_message_joins_what_that_has_opened() {
    run(&GROUND, async |sandbox| {
        let (_, phone) = alice(sandbox).await;
        let (moved, announcement) = phone.changes_number("+33639980777");
        assert_eq!(balance(&moved).await, NOTHING, "nobody has said yet who this is");
        assert_eq!(accounts(sandbox).await, 2);
        announce(sandbox, &announcement).await;
        assert_eq!((balance(&moved).await, accounts(sandbox).await), (THREE.to_owned(), 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inherited_number_does_not_lead_to_its_former_persons_credits() {
    run(&GROUND, async |sandbox| {
        let (alice, phone) = alice(sandbox).await;
        let number = alice.number().to_owned();
        phone.gives_up_number();
        let stranger = sandbox.stage.meta.person(&number, "Alix");
        assert_eq!(balance(&stranger).await, NOTHING);
        // Through Twilio as well, which shows the number alone: it has gone with the stranger.
        let twilio = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, &number, "Alix");
        twilio.says("solde").await;
        assert_eq!(twilio.hears().await, NOTHING);
        // She is still known by her id, and the web app lets nobody into her account by that number.
        phone.hides_number();
        assert_eq!((balance(&phone).await, accounts(sandbox).await), (THREE.to_owned(), 2));
        let entered: Vec<(i32, Option<String>)> =
            sqlx::query_as(r#"select "credits", "waPhoneE164" from "User" order by "credits""#)
                .fetch_all(&sandbox.pool)
                .await
                .unwrap();
        assert_eq!(entered, [(0, Some(number)), (3, None)]);
        let told: Vec<String> =
            sqlx::query_scalar("select action from wa.audit").fetch_all(&sandbox.pool).await.unwrap();
        assert_eq!(told, ["number.released"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_changes_behind_a_hidden_number_stays_the_same_person() {
    run(&GROUND, async |sandbox| {
        let (alice, phone) = alice(sandbox).await;
        phone.hides_number();
        let (renewed, announcement) = phone.changes_id("FR.2471130976641385");
        announce(sandbox, &announcement).await;
        assert_eq!(balance(&renewed).await, THREE);
        renewed.shows_number(alice.number());
        assert_eq!((balance(&renewed).await, accounts(sandbox).await), (THREE.to_owned(), 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_spellings_are_one_number_and_each_is_answered_as_it_came() {
    run(&GROUND, async |sandbox| {
        for (dialled, shown) in [
            ("+5531998765432", "+553198765432"),
            ("+525512345678", "+5215512345678"),
            ("+5491123456789", "+541123456789"),
        ] {
            let alice = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, dialled, "Ana");
            let alice = alice.with_credits(3).await;
            let before = accounts(sandbox).await;
            let phone = sandbox.stage.meta.person(shown, "Ana");
            assert_eq!(balance(&phone).await, THREE);
            alice.says("solde").await;
            assert_eq!(alice.hears().await, THREE);
            assert_eq!(accounts(sandbox).await, before);
            let twilio = alice.twilio();
            assert_eq!(twilio.heard()[0].to, format!("whatsapp:{dialled}"));
            assert_eq!(phone.heard()[0].request["to"].as_str(), Some(shown));
        }
    })
    .await;
}

/// An announcement without ids says the same about the numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_was_left_is_nobodys_although_no_id_was_told() {
    run(&GROUND, async |sandbox| {
        let (alice, phone) = alice(sandbox).await;
        let (moved, mut announcement) = phone.changes_number("+33639980777");
        let system = announcement.pointer_mut("/entry/0/changes/0/value/messages/0/system").unwrap();
        for id in ["user_id", "previous_user_id"] {
            system.as_object_mut().unwrap().remove(id);
        }
        announce(sandbox, &announcement).await;
        assert_eq!(balance(&moved).await, THREE);
        let stranger = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, alice.number(), "Alix");
        stranger.says("solde").await;
        assert_eq!(stranger.hears().await, NOTHING);
    })
    .await;
}
