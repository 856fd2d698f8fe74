//! Who says stop is left alone, whatever still waits to be said; who says start is not.

use sandbox::conversation::{Sandbox, run};
use sandbox::person::Person;
use sandbox::simulators::openai::OpenAiFault;
use shared::message::Provider;

use crate::{GROUND, until};

const BRIEF: &str = "Crée un post promo pour Instagram";

async fn nothing_is_written_to_who_said_stop(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(3).await;
    alice.says("Stop").await;
    assert!(alice.hears().await.starts_with("C’est noté : je ne vous écris plus."));
    // Acknowledged once; what asks for nothing gets nothing.
    for word in ["STOP", "merci", "ok", "👍"] {
        alice.says(word).await;
    }
    // What would cost a credit is not done behind their back.
    alice.says(BRIEF).await;
    assert!(alice.hears().await.starts_with("Vous m’avez demandé de ne plus vous écrire"));
    // An explicit question is answered.
    alice.says("solde").await;
    assert_eq!(alice.hears().await, "💳 Il vous reste 3 crédits.");
    alice.says("start").await;
    assert!(alice.hears().await.starts_with("👋 Content de vous retrouver"));
    alice.says(BRIEF).await;
    assert!(alice.hears().await.starts_with("✨ Voici vos trois posts"));
    sandbox.is_quiet().await;
    assert_eq!((alice.has_heard().len(), alice.charges().await), (5, (1, 0)));
}

async fn the_button_brings_the_words_back(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    alice.says("désabonner").await;
    alice.hears().await;
    alice.says(BRIEF).await;
    alice.hears().await;
    alice.picks(1).await;
    assert!(alice.hears().await.starts_with("👋 Content de vous retrouver"));
}

crate::for_each_provider! {
    stopped => super::nothing_is_written_to_who_said_stop;
    button => super::the_button_brings_the_words_back;
}

/// Somebody with two credits whose brief is being written, and who then says stop. One person, two lanes: a stop through
/// one overtakes the brief in the other.
pub(crate) async fn stops_meanwhile(sandbox: &Sandbox) -> Person {
    let number = "+33639980077";
    let meta = Person::new(&sandbox.stage, &sandbox.pool, Provider::Meta, number, "Camille");
    let meta = meta.with_credits(2).await;
    let twilio = Person::new(&sandbox.stage, &sandbox.pool, Provider::Twilio, number, "Camille");
    sandbox.stage.openai.hold();
    meta.says(BRIEF).await;
    until("the model to be asked", async || !sandbox.stage.openai.calls().is_empty()).await;
    twilio.says("stop").await;
    assert!(twilio.hears().await.starts_with("C’est noté"));
    sandbox.stage.openai.release();
    sandbox.is_quiet().await;
    meta
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_wins_over_an_answer_that_is_being_written() {
    run(&GROUND, async |sandbox| {
        let meta = stops_meanwhile(sandbox).await;
        assert!(meta.has_heard().is_empty(), "{:?}", meta.has_heard());
        assert_eq!(
            (meta.credits().await, meta.charges().await),
            (2, (1, 1)),
            "nobody pays for what nobody gets"
        );
        let code: String = sqlx::query_scalar("select error_code from wa.outbox where state = 'failed'")
            .fetch_one(&sandbox.pool)
            .await
            .unwrap();
        assert_eq!(code, "stopped");
    })
    .await;
}

/// Its first start failed, and the stop came before the second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brief_that_is_begun_again_after_a_stop_is_refunded() {
    run(&GROUND, async |sandbox| {
        sandbox.stage.openai.fails_next(1, OpenAiFault::Http500);
        let meta = stops_meanwhile(sandbox).await;
        assert_eq!((meta.credits().await, meta.charges().await), (2, (1, 1)));
        assert_eq!((meta.has_heard().len(), sandbox.stage.openai.calls().len()), (0, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_credited_and_not_told_to_who_said_stop() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(0).await;
        alice.says("acheter 20").await;
        alice.hears().await;
        alice.says("stop").await;
        assert!(alice.hears().await.starts_with("C’est noté"));
        let page = sandbox.stage.stripe.sessions().remove(0);
        sandbox.stage.stripe.pays(&page.id).await;
        let told = async || -> bool {
            sqlx::query_scalar("select exists (select from wa.outbox where error_code = 'stopped')")
                .fetch_one(&sandbox.pool)
                .await
                .unwrap()
        };
        until("the thanks to be withheld", told).await;
        sandbox.is_quiet().await;
        assert_eq!((alice.has_heard().len(), alice.credits().await), (2, 20));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_twilio_has_answered_itself_counts_and_is_not_answered_twice() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Twilio).with_credits(2).await;
        let phone = alice.twilio();
        phone.message("STOP", &[("OptOutType", "STOP")]).await;
        alice.says(BRIEF).await;
        assert!(alice.hears().await.starts_with("Vous m’avez demandé de ne plus vous écrire"));
        phone.message("START", &[("OptOutType", "START")]).await;
        alice.says(BRIEF).await;
        assert!(alice.hears().await.starts_with("✨ Voici vos trois posts"));
        sandbox.is_quiet().await;
        assert_eq!(alice.has_heard().len(), 2);
    })
    .await;
}

/// The provider's word on a message of an account that has joined another one meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_that_the_provider_tells_is_kept_for_the_account_that_there_is_today() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(2).await;
        let said = alice.says("solde").await;
        alice.hears().await;
        let from = alice.account().await;
        let into = sandbox.person(Provider::Twilio).with_credits(1).await.account().await;
        let (mut db, now) = (sandbox.pool.acquire().await.unwrap(), sandbox.clock.now());
        let _merged = shared::ledger::merge(&mut db, &from, &into, now).await.unwrap();
        shared::preference::stop_who_wrote(&mut db, &said.id, now).await.unwrap();
        alice.says(BRIEF).await;
        assert!(alice.hears().await.starts_with("Vous m’avez demandé de ne plus vous écrire"));
    })
    .await;
}
