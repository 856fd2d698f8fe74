//! Voice notes: what is said aloud is done as if it had been written, and the answer begins with what was understood.

mod trouble;

use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::simulators::note::note;
use shared::fault::{POINTS, VOICE_POINTS};
use shared::kept;
use shared::message::Provider;

use crate::{GROUND, until};

const BRIEF: &str = "Crée un post promo pour Instagram.";
const ECHO: &str = "🎤 «\u{a0}Crée un post promo pour Instagram.\u{a0}»\n\n";

async fn a_spoken_brief_gets_its_posts(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    let said = alice.speaks(BRIEF).await;
    let posts = alice.hears().await;
    assert!(posts.starts_with(&format!("{ECHO}✨ Voici vos trois posts")), "{posts}");
    assert!(posts.contains("*3.* "));
    // The provider comes again: nothing is listened to twice.
    alice.redeliver(&said, 3, true).await;
    sandbox.is_quiet().await;
    assert_eq!((alice.has_heard().len(), alice.credits().await, alice.charges().await), (1, 2, (1, 0)));
    let transcriptions = sandbox.stage.openai.transcriptions();
    assert_eq!((transcriptions.len(), sandbox.stage.openai.calls().len()), (1, 3));
    let asked = &transcriptions[0];
    assert_eq!((asked.file.as_str(), asked.mime_type.as_str()), ("voice.ogg", "audio/ogg"));
    let fields = [("model", "gpt-transcribe"), ("response_format", "json")];
    assert_eq!(asked.fields, fields.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // The brief in the history is what was said, without a word of ours.
    let brief: String =
        sqlx::query_scalar(r#"select "brief" from "Generation""#).fetch_one(&sandbox.pool).await.unwrap();
    assert_eq!(brief, BRIEF);
    let (cost, spent): (i64, i64) = sqlx::query_as(
        "select (select cost_micros from wa.step where name = 'transcription'), sum(cost_micros)::bigint from wa.spend",
    )
    .fetch_one(&sandbox.pool)
    .await
    .unwrap();
    assert_eq!(cost, 525, "seven seconds at 0.0045 dollars a minute");
    assert!(spent > cost);
    // One start, however many transactions it took.
    let runs: i64 = sqlx::query_scalar("select sum(runs) from wa.attempt where message_id = $1")
        .bind(said.id.as_str())
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
    assert_eq!(runs, 1);
}

async fn a_spoken_word_is_a_command(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    alice.speaks("Solde.").await;
    assert_eq!(alice.hears().await, "🎤 «\u{a0}Solde.\u{a0}»\n\n💳 Il vous reste 3 crédits.");
    alice.says(BRIEF).await;
    alice.hears().await;
    alice.speaks("2.").await;
    let second: String = sqlx::query_scalar(r#"select "variants"[2] from "Generation""#)
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
    assert_eq!(alice.hears().await, format!("🎤 «\u{a0}2.\u{a0}»\n\n{second}"));
    alice.speaks("Lang English").await;
    assert!(alice.hears().await.starts_with("🎤 “Lang English”\n\n🇬🇧 Noted"));
    // Who has chosen a language is listened to with it in mind.
    alice.speaks("Balance").await;
    assert_eq!(alice.hears().await, "🎤 “Balance”\n\n💳 You have 2 credits left.");
    let fields = sandbox.stage.openai.transcriptions().pop().unwrap().fields;
    let spoken: Vec<&str> =
        fields.iter().filter(|(name, _)| name == "languages[]").map(|(_, code)| code.as_str()).collect();
    assert_eq!(spoken, ["en", "fr"]);
    assert_eq!(alice.charges().await, (1, 0));
}

async fn who_has_no_credit_hears_what_was_understood(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider);
    let words =
        "Alors, je voudrais un post pour l’ouverture de ma boulangerie, avec des brioches au beurre, "
            .repeat(4);
    alice.speaks(&words).await;
    let heard = alice.hears().await;
    let (echo, rest) = heard.split_once("\n\n").unwrap();
    assert!(rest.starts_with("Vous n’avez plus de crédit"), "{heard}");
    assert!(echo.ends_with("…\u{a0}»") && echo.chars().count() < 215, "{echo}");
    // What is kept for them is all of it.
    let (account, now) = (alice.account().await, sandbox.clock.now());
    let mut db = sandbox.pool.acquire().await.unwrap();
    let kept = kept::find(&mut db, &sandbox::stage::vault(), &account, now).await.unwrap();
    assert_eq!(kept.as_deref(), Some(words.trim()));
}

/// A command: nothing but the listening takes any time.
async fn somebody_shows_that_they_listen(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    sandbox.stage.openai.slow(std::time::Duration::from_millis(300));
    alice.speaks("Solde").await;
    until("typing", async || alice.sees_typing()).await;
    assert!(alice.has_heard().is_empty());
    alice.hears().await;
    assert!(sandbox.stage.openai.calls().is_empty());
}

async fn who_said_stop_is_not_listened_to(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    alice.says("stop").await;
    alice.hears().await;
    alice.speaks(BRIEF).await;
    sandbox.is_quiet().await;
    assert_eq!((alice.has_heard().len(), sandbox.stage.openai.transcriptions().len()), (1, 0));
    alice.says("start").await;
    alice.hears().await;
    alice.speaks("Solde").await;
    assert!(alice.hears().await.ends_with("💳 Il vous reste 3 crédits."));
}

crate::for_each_provider! {
    brief => super::a_spoken_brief_gets_its_posts;
    command => super::a_spoken_word_is_a_command;
    no_credit => super::who_has_no_credit_hears_what_was_understood;
    typing => super::somebody_shows_that_they_listen;
    stopped => super::who_said_stop_is_not_listened_to;
}

/// A worker dies at every point of listening, and at every point after it: the answer comes once and begins with what was
/// understood, and nobody pays for the same words twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_while_it_listens_costs_nothing() {
    let later = POINTS.iter().filter(|point| !point.starts_with("prompt") && **point != "job.leased");
    futures_util::future::join_all(VOICE_POINTS.iter().chain(later).map(|point| {
        run_without_worker(&GROUND, async move |sandbox: &mut Sandbox| {
            let alice = sandbox.person(Provider::Meta).with_credits(5).await;
            let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point)]);
            alice.speaks(BRIEF).await;
            assert!(
                !doomed.ended(sandbox::person::PATIENCE).await.unwrap().success(),
                "nobody came by {point}"
            );
            sandbox.starts_worker();
            sandbox.is_quiet().await;
            let heard = alice.has_heard();
            assert_eq!(heard.len(), 1, "{point}: {heard:?}");
            assert!(heard[0].starts_with(ECHO) && heard[0].contains("*3.* "), "{point}: {heard:?}");
            assert_eq!((alice.credits().await, alice.charges().await), (4, (1, 0)), "{point}");
            let paid = if *point == "transcription.paid" { 2 } else { 1 };
            assert_eq!(sandbox.stage.openai.transcriptions().len(), paid, "{point}");
        })
    }))
    .await;
}

/// The longest note that is listened to, and the shortest that is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_is_as_long_as_a_message_can_be() {
    sandbox::conversation::run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(5).await;
        alice.sends_sound(&note("Solde", 300), "audio/ogg; codecs=opus").await;
        assert!(alice.hears().await.starts_with("🎤 «\u{a0}Solde"));
        alice.sends_sound(&note("Solde", 301), "audio/ogg; codecs=opus").await;
        assert!(alice.hears().await.starts_with("🎤 Ce message vocal est trop long"));
        assert_eq!(
            sandbox.stage.openai.transcriptions().len(),
            1,
            "a minute that nobody reads is not paid for"
        );
        // Too many words for a message, and paid for all the same.
        alice.speaks(&"mot ".repeat(1200)).await;
        assert!(alice.hears().await.starts_with("🎤 Ce message vocal est trop long"));
        alice.speaks("[Musique]").await;
        assert!(alice.hears().await.starts_with("🎤 Je n’ai pas entendu de mots"));
        assert_eq!((alice.charges().await, sandbox.stage.openai.calls().len()), ((0, 0), 0));
    })
    .await;
}

/// Twilio may send both in one message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_beside_sound_are_the_message() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Twilio).with_credits(3).await;
        let media = [
            ("NumMedia", "1"),
            ("MediaContentType0", "audio/ogg"),
            ("MediaUrl0", "https://api.twilio.com/ME1"),
        ];
        alice.twilio().message("solde", &media).await;
        assert_eq!(alice.hears().await, "💳 Il vous reste 3 crédits.");
        assert!(sandbox.stage.openai.transcriptions().is_empty());
    })
    .await;
}
