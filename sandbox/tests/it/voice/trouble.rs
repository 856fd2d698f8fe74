//! What can go wrong between a voice note and its words: what passes is tried again, what stays is told kindly, and
//! nothing of it is charged.

use std::time::Duration;

use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::Person;
use sandbox::simulators::meta::MediaFault;
use sandbox::simulators::note::note;
use sandbox::simulators::openai::OpenAiFault;
use sandbox::simulators::twilio::TwilioFault;
use shared::message::Provider;

use crate::GROUND;

const WORDS: &str = "Solde";
const GONE: &str = "🎤 Je n’ai pas pu récupérer votre message vocal.";
const APOLOGY: &str = "😕 Je n’ai pas réussi";
const UNDERSTOOD: &str = "🎤 «\u{a0}Solde\u{a0}»\n\n💳 Il vous reste 5 crédits.";

/// Somebody says a word, and hears this; nothing was charged, and so many dead letters are there by now.
async fn hears(sandbox: &Sandbox, alice: &Person, begins: &str, dead: u64) {
    alice.speaks(WORDS).await;
    let heard = alice.hears().await;
    assert!(heard.starts_with(begins), "{begins}: {heard}");
    assert_eq!((alice.credits().await, alice.charges().await), (5, (0, 0)));
    sandbox.has_dead_letters(dead).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meta_is_asked_again_for_what_passes() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.patience.send_timeout = Duration::from_secs(1);
        sandbox.starts_worker();
        let (meta, alice) =
            (sandbox.stage.meta.clone(), sandbox.person(Provider::Meta).with_credits(5).await);
        for fault in
            [MediaFault::Http500Html, MediaFault::Unauthorized401, MediaFault::Gone404, MediaFault::Hang]
        {
            meta.fails_next_look_ups(1, fault);
            hears(sandbox, &alice, UNDERSTOOD, 0).await;
        }
        for fault in [MediaFault::Http500Html, MediaFault::Gone404, MediaFault::OtherBytes, MediaFault::Hang]
        {
            meta.fails_next_downloads(1, fault);
            hears(sandbox, &alice, UNDERSTOOD, 0).await;
        }
        // Meta has moved its media: the token stays here until an operator has looked.
        meta.fails_next_look_ups(1, MediaFault::Elsewhere);
        hears(sandbox, &alice, UNDERSTOOD, 0).await;
        assert_eq!(sandbox.stage.openai.transcriptions().len(), 9);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meta_is_not_asked_for_ever() {
    run(&GROUND, async |sandbox| {
        let (meta, alice) =
            (sandbox.stage.meta.clone(), sandbox.person(Provider::Meta).with_credits(5).await);
        meta.fails_next_downloads(2, MediaFault::Gone404);
        hears(sandbox, &alice, GONE, 0).await;
        for fault in [MediaFault::TooLarge, MediaFault::Endless] {
            meta.fails_next_downloads(1, fault);
            hears(sandbox, &alice, "🎤 Ce fichier audio est trop lourd", 0).await;
        }
        let fetched = downloads(sandbox);
        meta.fails_next_look_ups(1, MediaFault::TooLarge);
        hears(sandbox, &alice, "🎤 Ce fichier audio est trop lourd", 0).await;
        assert_eq!(downloads(sandbox), fetched, "what is told beforehand is not fetched");
        meta.fails_next_downloads(3, MediaFault::OtherBytes);
        hears(sandbox, &alice, APOLOGY, 1).await;
        meta.fails_next_look_ups(3, MediaFault::Unauthorized401);
        hears(sandbox, &alice, APOLOGY, 2).await;
        assert!(sandbox.stage.openai.transcriptions().is_empty());
    })
    .await;
}

/// How many downloads Meta has seen.
fn downloads(sandbox: &Sandbox) -> usize {
    let exchanges = sandbox.stage.meta.journal().exchanges();
    exchanges.iter().filter(|exchange| exchange.path.starts_with("/whatsapp_business/")).count()
}

/// The address in the webhook runs out in five minutes, the id in seven days.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_that_waited_is_fetched_by_a_fresh_address() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        alice.speaks(WORDS).await;
        sandbox.stage.meta.clock().advance(Duration::from_hours(2));
        sandbox.starts_worker();
        assert_eq!(alice.hears().await, UNDERSTOOD);
        sandbox.stops_workers().await;
        alice.speaks(WORDS).await;
        sandbox.stage.meta.clock().advance(Duration::from_hours(24 * 7 + 1));
        // The window is open for as long as somebody writes.
        alice.says("solde").await;
        sandbox.starts_worker();
        assert!(alice.hears().await.starts_with(GONE));
        alice.hears().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twilio_may_tell_of_a_note_before_it_has_it() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.patience.send_timeout = Duration::from_secs(1);
        sandbox.starts_worker();
        let (twilio, alice) =
            (sandbox.stage.twilio.clone(), sandbox.person(Provider::Twilio).with_credits(5).await);
        for fault in [
            TwilioFault::Missing404,
            TwilioFault::TooMany20429,
            TwilioFault::Http500Html,
            TwilioFault::Garbage200,
            TwilioFault::Authenticate20003,
            TwilioFault::Hang,
        ] {
            twilio.fails_next_media(1, fault);
            hears(sandbox, &alice, UNDERSTOOD, 0).await;
        }
        twilio.fails_next_media(3, TwilioFault::Missing404);
        hears(sandbox, &alice, GONE, 0).await;
        twilio.fails_next_media(3, TwilioFault::Authenticate20003);
        hears(sandbox, &alice, APOLOGY, 1).await;
        // What is not Twilio's is not asked for anything.
        let phone = alice.twilio();
        let elsewhere = format!("{}/media", sandbox.stage.meta.url());
        let media =
            [("NumMedia", "1"), ("MediaContentType0", "audio/ogg"), ("MediaUrl0", elsewhere.as_str())];
        phone.message("", &media).await;
        assert!(alice.hears().await.starts_with(GONE));
        assert!(sandbox.stage.meta.journal().exchanges().is_empty());
    })
    .await;
}

async fn what_cannot_be_transcribed_is_told_by_its_type(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(5).await;
    for other in ["audio/amr", "audio/aac"] {
        alice.sends_sound(b"#!AMR\n", other).await;
        assert!(alice.hears().await.starts_with("🎤 Je ne sais pas lire ce format audio."), "{other}");
    }
    assert!(sandbox.stage.openai.transcriptions().is_empty());
    // An mp3 that a phone forwards is as good as a note.
    alice.sends_sound(b"ID3 some sound that is no note of ours", "audio/mpeg").await;
    assert!(alice.hears().await.contains("✨ Voici vos trois posts"));
    assert_eq!(sandbox.stage.openai.transcriptions()[0].file, "voice.mp3");
    alice.sends_sound(b"", "audio/ogg").await;
    assert!(alice.hears().await.starts_with("🎤 Je n’ai pas entendu de mots"));
    // The type says one thing, the bytes another: only who reads it can tell.
    alice.sends_sound(b"nonsense", "audio/ogg").await;
    assert!(alice.hears().await.starts_with("🎤 Je ne sais pas lire ce format audio."));
    assert_eq!((alice.charges().await, sandbox.stage.openai.transcriptions().len()), ((1, 0), 2));
}

async fn a_model_that_fails_is_asked_again(sandbox: &mut Sandbox, provider: Provider) {
    let (openai, alice) = (sandbox.stage.openai.clone(), sandbox.person(provider).with_credits(5).await);
    for fault in [
        OpenAiFault::Http500,
        OpenAiFault::RateLimited { retry_after: Duration::from_millis(50) },
        OpenAiFault::Garbage,
        OpenAiFault::Drop,
    ] {
        openai.fails_next_transcriptions(1, fault);
        hears(sandbox, &alice, UNDERSTOOD, 0).await;
    }
    openai.fails_next_transcriptions(3, OpenAiFault::Http500);
    hears(sandbox, &alice, APOLOGY, 1).await;
    openai.fails_next_transcriptions(1, OpenAiFault::InsufficientQuota);
    hears(sandbox, &alice, APOLOGY, 2).await;
    // A compatible server may not have the endpoint at all.
    openai.fails_next_transcriptions(1, OpenAiFault::NotServed);
    hears(sandbox, &alice, "🎤 Je ne sais pas encore écouter", 2).await;
}

/// Given up after it was understood: the apology says what was.
async fn an_apology_says_what_was_understood(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(5).await;
    sandbox.stage.openai.fails_next_of("posts", 3, OpenAiFault::Http500);
    alice.speaks("Crée un post promo").await;
    let heard = alice.hears().await;
    assert!(heard.starts_with("🎤 «\u{a0}Crée un post promo\u{a0}»\n\n😕"), "{heard}");
    sandbox.is_quiet().await;
    assert_eq!((alice.credits().await, alice.charges().await), (5, (1, 1)));
    assert_eq!(sandbox.stage.openai.transcriptions().len(), 1);
}

crate::for_each_provider! {
    types => super::what_cannot_be_transcribed_is_told_by_its_type;
    model => super::a_model_that_fails_is_asked_again;
    apology => super::an_apology_says_what_was_understood;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_listens_where_that_is_switched_off() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.variables.insert("OPENAI_TRANSCRIBE_MODEL".to_owned(), "off".to_owned());
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        hears(sandbox, &alice, "🎤 Je ne sais pas encore écouter", 0).await;
        assert_eq!((downloads(sandbox), sandbox.stage.openai.transcriptions().len()), (0, 0));
    })
    .await;
}

/// Words that are paid for are used, whatever the day has cost by then; new ones are not begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_a_day_holds_for_listening_too() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.variables.insert("DAILY_CAP_PERSON".to_owned(), "0.0005".to_owned());
        sandbox.starts_worker();
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        alice.sends_sound(&note(WORDS, 60), "audio/ogg; codecs=opus").await;
        assert_eq!(alice.hears().await, UNDERSTOOD);
        hears(sandbox, &alice, "Vous avez beaucoup créé aujourd’hui", 0).await;
        assert_eq!(sandbox.stage.openai.transcriptions().len(), 1);
    })
    .await;
}
