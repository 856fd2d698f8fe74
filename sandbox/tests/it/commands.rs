//! The words that people know, who they are taken to be, and where their answers leave from.

use futures_util::future::join_all;
use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::{PATIENCE, Person, Phone};
use serde_json::json;
use shared::message::Provider;

use crate::GROUND;

async fn accounts(sandbox: &Sandbox) -> i64 {
    sqlx::query_scalar(r#"select count(*) from "User""#).fetch_one(&sandbox.pool).await.unwrap()
}

async fn words_are_answered_in_french(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    for (word, answer) in [
        ("aide", "👋 Je suis *Postly*"),
        ("Help", "👋 Je suis *Postly*"),
        (" /AIDE ! ", "👋 Je suis *Postly*"),
        ("solde", "💳 Il vous reste 3 crédits."),
        ("Balance ?", "💳 Il vous reste 3 crédits."),
        ("gen", "Dites-moi de quoi doit parler le post"),
    ] {
        alice.says(word).await;
        let heard = alice.hears().await;
        assert!(heard.starts_with(answer), "{word}: {heard}");
    }
    assert_eq!((alice.charges().await, sandbox.stage.openai.calls().len()), ((0, 0), 0));
    alice.says("GEN Soldes d’Été chez ZAZA").await;
    let heard = alice.hears().await;
    assert!(
        heard.contains("💳 Il ne vous reste que 2 crédits. Écrivez *acheter* pour recharger."),
        "{heard}"
    );
    let brief: String =
        sqlx::query_scalar(r#"select "brief" from "Generation""#).fetch_one(&sandbox.pool).await.unwrap();
    assert_eq!(brief, "Soldes d’Été chez ZAZA", "a brief stays as it was written");
}

async fn who_prefers_english_hears_english(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    sqlx::query(r#"update "User" set "waPreferredLang" = 'en-GB'"#).execute(&sandbox.pool).await.unwrap();
    for (word, answer) in [
        ("aide", "👋 I’m *Postly*"),
        ("solde", "💳 You have 1 credit left."),
        ("gen", "Tell me what the post should be about"),
        ("Write a post about lemons", "✨ Here are your three posts"),
        ("balance", "💳 You have 0 credits left."),
        ("Write another", "You have no credits left"),
    ] {
        alice.says(word).await;
        let heard = alice.hears().await;
        assert!(heard.starts_with(answer), "{word}: {heard}");
    }
}

async fn what_is_no_text_gets_a_hint_and_costs_nothing(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(2).await;
    let hints = match &alice.phone {
        Phone::Meta(phone) => {
            let media = json!({"id": "1", "mime_type": "audio/ogg"});
            for kind in ["audio", "image", "sticker", "location", "contacts", "hologram"] {
                assert_eq!(phone.message(kind, &media).await.status, Some(200));
            }
            vec!["🎤", "📷", "😄", "📍", "👤", "Je ne sais pas lire ce type de message"]
        }
        Phone::Twilio(phone) => {
            let media =
                |kind| [("NumMedia", "1"), ("MediaContentType0", kind), ("MediaUrl0", "https://x.example")];
            for kind in ["audio/ogg", "image/jpeg", "text/vcard"] {
                assert_eq!(phone.message("", &media(kind)).await.status, Some(200));
            }
            let place = [("Latitude", "48.85"), ("Longitude", "2.35"), ("MessageType", "location")];
            assert_eq!(phone.message("", &place).await.status, Some(200));
            vec!["🎤", "📷", "👤", "📍"]
        }
    };
    for hint in hints {
        let heard = alice.hears().await;
        assert!(heard.starts_with(hint), "{hint}: {heard}");
    }
    assert_eq!((alice.credits().await, alice.charges().await), (2, (0, 0)));
    assert!(sandbox.stage.openai.calls().is_empty());
    // Words under a picture are words.
    match &alice.phone {
        Phone::Meta(phone) => phone.message("image", &json!({"id": "1", "caption": "solde"})).await,
        Phone::Twilio(phone) => {
            phone.message("solde", &[("NumMedia", "1"), ("MediaContentType0", "image/png")]).await
        }
    };
    assert_eq!(alice.hears().await, "💳 Il vous reste 2 crédits.");
}

async fn what_wants_no_answer_gets_none(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(2).await;
    let kinds = match &alice.phone {
        Phone::Meta(phone) => {
            let contents = [
                ("reaction", json!({"message_id": "wamid.x", "emoji": "👍"})),
                ("system", json!({"body": "changed", "type": "customer_identity_changed"})),
                (
                    "edit",
                    json!({"original_message_id": "wamid.x", "message": {"type": "text", "text": {"body": "un post"}}}),
                ),
                ("revoke", json!({"original_message_id": "wamid.y"})),
                ("button", json!({"payload": "un post", "text": "un post"})),
                ("request_welcome", json!({})),
            ];
            for (kind, content) in &contents {
                assert_eq!(phone.message(kind, content).await.status, Some(200));
            }
            phone.taps("wamid.x", "1", "Crée un post").await;
            contents.len() + 1
        }
        Phone::Twilio(phone) => {
            for further in [
                [("MessageType", "text"), ("Body", "")],
                [("ButtonPayload", "1"), ("Body", "Crée un post")],
                [("OptOutType", "STOP"), ("Body", "STOP")],
            ] {
                assert_eq!(phone.message("", &further).await.status, Some(200));
            }
            3
        }
    };
    // Heard after all of them, since a lane keeps its order.
    alice.says("solde").await;
    assert_eq!(alice.hears().await, "💳 Il vous reste 2 crédits.");
    sandbox.is_quiet().await;
    assert_eq!(alice.has_heard().len(), 1);
    let recorded: i64 = sqlx::query_scalar("select count(*) from wa.receipt where outcome = 'recorded'")
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
    assert_eq!(usize::try_from(recorded).unwrap(), kinds);
}

async fn the_web_apps_account_of_a_number_is_that_persons(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(7).await;
    alice.says("solde").await;
    assert_eq!(alice.hears().await, "💳 Il vous reste 7 crédits.");
    assert_eq!(accounts(sandbox).await, 1);
}

async fn first_words_at_once_open_one_account(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider);
    join_all(["solde", "aide", "solde"].map(|word| alice.says(word))).await;
    for _ in 0..3 {
        alice.hears().await;
    }
    assert_eq!((accounts(sandbox).await, alice.credits().await), (1, 0));
}

crate::for_each_provider! {
    french => super::words_are_answered_in_french;
    english => super::who_prefers_english_hears_english;
    hints => super::what_is_no_text_gets_a_hint_and_costs_nothing;
    silence => super::what_wants_no_answer_gets_none;
    linked => super::the_web_apps_account_of_a_number_is_that_persons;
    first_words => super::first_words_at_once_open_one_account;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_number_through_both_providers_at_once_is_one_person() {
    run(&GROUND, async |sandbox| {
        // Two lanes, so that two hands open the account at the same moment; several times, to give them a chance.
        for round in 0..10 {
            let number = format!("+3363998200{round}");
            let of = |provider| Person::new(&sandbox.stage, &sandbox.pool, provider, &number, "Camille");
            let (meta, twilio) = (of(Provider::Meta), of(Provider::Twilio));
            tokio::join!(meta.says("solde"), twilio.says("solde"));
            tokio::join!(meta.hears(), twilio.hears());
        }
        assert_eq!(accounts(sandbox).await, 10);
        let attempts: i32 = sqlx::query_scalar("select max(attempts) from wa.receipt")
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(attempts, 1, "two hands that open one account wait for each other, and neither fails");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_hides_the_number_is_answered_by_id() {
    run(&GROUND, async |sandbox| {
        let id = "FR.13491208655302741918";
        let hidden = sandbox.stage.meta.hidden_person(id, "camille.d", "Camille");
        hidden.text("solde").await;
        let heard = hidden.hears(1, PATIENCE).await.unwrap().remove(0);
        assert_eq!(heard.text, "💳 Il vous reste 0 crédit.");
        assert_eq!((heard.request["recipient"].as_str(), heard.request.get("to")), (Some(id), None));
        hidden.text("Un post sur le pain").await;
        assert!(hidden.hears(2, PATIENCE).await.unwrap()[1].text.starts_with("Vous n’avez plus de crédit"));
        // Two who hide their numbers are two people: the original design gave both the account "+".
        let other = sandbox.stage.meta.hidden_person("FR.998", "alix", "Alix");
        other.text("aide").await;
        other.hears(1, PATIENCE).await.unwrap();
        let known: Vec<(Option<String>, Option<String>)> =
            sqlx::query_as(r#"select "waUserId", "waPhoneE164" from "User" order by 1"#)
                .fetch_all(&sandbox.pool)
                .await
                .unwrap();
        assert_eq!(known, [(Some(id.to_owned()), None), (Some("FR.998".to_owned()), None)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_to_hide_the_number_stays_the_same_person() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(4).await;
        let phone = alice.meta();
        alice.says("solde").await;
        alice.hears().await;
        let (_, mut message) = phone.compose("text", &json!({"body": "solde"}));
        message.as_object_mut().unwrap().remove("from");
        let mut value = sandbox.stage.meta.metadata();
        value["messages"] = json!([message]);
        sandbox.stage.meta.deliver(&sandbox.stage.meta.envelope(&value)).await;
        assert_eq!(alice.hears().await, "💳 Il vous reste 4 crédits.");
        assert_eq!(accounts(sandbox).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_leaves_from_the_number_that_was_written_to() {
    run_without_worker(&GROUND, async |sandbox| {
        // What messages that start with us would leave from; the simulators take only their own numbers.
        sandbox.variables.insert("META_PHONE_NUMBER_ID".to_owned(), "100000000000001".to_owned());
        sandbox.variables.insert("TWILIO_WHATSAPP_FROM".to_owned(), "whatsapp:+33199009999".to_owned());
        sandbox.starts_worker();
        for provider in Provider::ALL {
            let alice = sandbox.person(provider);
            alice.says("solde").await;
            assert_eq!(alice.hears().await, "💳 Il vous reste 0 crédit.");
        }
        let path = format!("/{}/messages", sandbox.stage.meta.options().phone_number_id);
        assert!(
            sandbox.stage.meta.journal().exchanges().iter().all(|exchange| exchange.path.ends_with(&path))
        );
    })
    .await;
}
