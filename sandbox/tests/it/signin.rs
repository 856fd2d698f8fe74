//! Signing in on the web from the phone: a link, a number on the screen, and what somebody who stands between the two
//! could try.

mod attacks;
mod browser;
mod collecting;

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use nix::sys::signal::Signal;
use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::{PATIENCE, Person};
use shared::fault::SIGNIN_POINTS;
use shared::message::Provider;

use crate::GROUND;
use browser::{Begun, Browser};

/// Somebody chooses a number: by a tap where the choices can be tapped, by typing it elsewhere.
async fn chooses(person: &Person, number: u8) {
    let title = number.to_string();
    let offered = person.screen().into_iter().rev().find_map(|heard| Some((heard.id, heard.offers?)));
    match offered {
        Some((message, offered)) => {
            let choice =
                offered.choices.iter().find(|choice| choice.title == title).expect("the number is offered");
            person.taps(&message, &choice.id).await.expect("a tap");
        }
        None => {
            person.says(&title).await;
        }
    }
}

/// Sends what the link has written, and hears the question.
async fn follows(person: &Person, begun: &Begun) -> String {
    person.says(&begun.words).await;
    let asked = person.hears().await;
    assert!(asked.starts_with("🔐 Quelqu’un demande à entrer"), "{asked}");
    assert!(asked.contains(&format!("*{}*", begun.number)) && asked.contains("ce n’est pas moi"), "{asked}");
    asked
}

/// One of the three numbers that does not stand on the screen.
fn wrong(asked: &str, begun: &Begun) -> u8 {
    let numbers = asked.split('*').filter_map(|part| part.parse::<u8>().ok());
    numbers.into_iter().find(|number| *number != begun.number).expect("three numbers")
}

async fn sessions(sandbox: &Sandbox) -> i64 {
    sqlx::query_scalar("select count(*) from wa.session").fetch_one(&sandbox.pool).await.unwrap()
}

async fn the_number_on_the_screen_opens_the_account(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider);
    let browser = Browser::new(sandbox);
    let begun = browser.begins().await;
    assert_eq!(begun.expires_in, 120);
    assert!(begun.qr.starts_with("<svg") && (11..=99).contains(&begun.number));
    assert_eq!(browser.asks().await, "pending");
    let asked = follows(&alice, &begun).await;
    assert!(asked.contains("Firefox, Windows (réseau 127.0.…)"), "{asked}");
    assert_eq!(browser.asks().await, "pending");
    chooses(&alice, begun.number).await;
    assert!(alice.hears().await.starts_with("✅ C’est fait"));
    assert_eq!(browser.asks().await, "done");
    assert_eq!(browser.is(sandbox).await, Some(alice.account().await));
    assert_eq!(alice.credits().await, 5, "the welcome gift comes with the first verified login");
    assert_eq!(sessions(sandbox).await, 1);
    assert!(sandbox.stage.openai.calls().is_empty(), "a token is no brief");
}

/// Everything that can be tapped can be typed.
async fn the_number_may_be_typed(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    let browser = Browser::new(sandbox);
    let begun = browser.begins().await;
    follows(&alice, &begun).await;
    alice.says(&format!(" {}. ", begun.number)).await;
    assert!(alice.hears().await.starts_with("✅"));
    assert_eq!(browser.asks().await, "done");
    // Without a question a number is what it was, and so is a no.
    alice.says(&begun.number.to_string()).await;
    assert!(alice.hears().await.starts_with("Je ne sais pas à quel choix"));
    alice.says("non").await;
    assert!(alice.hears().await.starts_with("👌"));
    assert_eq!(alice.charges().await, (0, 0));
}

/// The attack: somebody begins, and talks somebody else into sending the link.
async fn a_relayed_link_opens_nothing(sandbox: &mut Sandbox, provider: Provider) {
    let victim = sandbox.person(provider).with_credits(3).await;
    let attacker = Browser::new(sandbox);
    // The victim sees no number, and guesses a wrong one.
    let begun = attacker.begins().await;
    let asked = follows(&victim, &begun).await;
    let guess = wrong(&asked, &begun);
    chooses(&victim, guess).await;
    assert!(victim.hears().await.starts_with("✋ Ce n’est pas le numéro affiché"));
    assert_eq!(attacker.asks().await, "ended");
    // One try: the right one comes too late.
    victim.says(&begun.number.to_string()).await;
    assert!(victim.hears().await.starts_with("Je ne sais pas à quel choix"));
    assert_eq!(attacker.asks().await, "expired", "the browser was let go");
    // The victim answers nothing.
    let begun = attacker.begins().await;
    follows(&victim, &begun).await;
    sandbox.advances(Duration::from_secs(121));
    assert_eq!(attacker.asks().await, "expired");
    victim.says(&begun.number.to_string()).await;
    assert!(victim.hears().await.starts_with("Je ne sais pas à quel choix"));
    // The victim says so.
    let begun = attacker.begins().await;
    follows(&victim, &begun).await;
    victim.says("Non !").await;
    assert!(victim.hears().await.starts_with("✋ C’est annulé"));
    assert_eq!(attacker.asks().await, "ended");
    // It is enough for a while: each question is a chance of one in three.
    let begun = attacker.begins().await;
    victim.says(&begun.words).await;
    assert!(victim.hears().await.starts_with("✋ On vous a demandé trop"));
    assert_eq!(attacker.asks().await, "pending");
    assert_eq!((sessions(sandbox).await, victim.charges().await), (0, (0, 0)));
}

async fn only_the_browser_that_began_gets_in(sandbox: &mut Sandbox, provider: Provider) {
    let (alice, bob) = (sandbox.person(provider), sandbox.person(provider));
    let (browser, other, none) = (Browser::new(sandbox), Browser::new(sandbox), Browser::new(sandbox));
    let (begun, _) = (browser.begins().await, other.begins().await);
    follows(&alice, &begun).await;
    // Somebody else has seen the link.
    bob.says(&begun.words).await;
    assert!(bob.hears().await.starts_with("⏳ Ce lien de connexion n’est plus valable"));
    chooses(&alice, begun.number).await;
    alice.hears().await;
    assert_eq!((other.asks().await.as_str(), none.asks().await.as_str()), ("pending", "expired"));
    assert_eq!(browser.asks().await, "done");
    // What was used leads nowhere any more.
    alice.says(&begun.words).await;
    assert!(alice.hears().await.starts_with("⏳"));
    assert_eq!((other.is(sandbox).await, none.is(sandbox).await, sessions(sandbox).await), (None, None, 1));
}

async fn a_link_that_is_over_or_was_never_there_costs_nothing(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(2).await;
    let browser = Browser::new(sandbox);
    let begun = browser.begins().await;
    sandbox.advances(Duration::from_secs(121));
    alice.says(&begun.words).await;
    assert!(alice.hears().await.starts_with("⏳"));
    alice.says("postly-0123456789abcdef0123456789abcdef ?").await;
    assert!(alice.hears().await.starts_with("⏳"));
    assert_eq!(browser.asks().await, "expired");
    assert_eq!((alice.credits().await, alice.charges().await), (2, (0, 0)));
    assert!(sandbox.stage.openai.calls().is_empty());
}

async fn who_says_that_it_was_not_them_closes_what_was_opened(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    let browser = Browser::new(sandbox);
    let begun = browser.begins().await;
    follows(&alice, &begun).await;
    chooses(&alice, begun.number).await;
    alice.hears().await;
    assert_eq!(browser.asks().await, "done");
    assert!(browser.is(sandbox).await.is_some());
    alice.says("Ce n’était pas moi !!").await;
    assert!(alice.hears().await.starts_with("✋ J’ai fermé la session"));
    assert_eq!(browser.is(sandbox).await, None);
    alice.says("not me").await;
    assert!(alice.hears().await.starts_with("Aucune connexion n’attend"));
    // Confirmed, and not collected yet.
    let begun = browser.begins().await;
    follows(&alice, &begun).await;
    chooses(&alice, begun.number).await;
    alice.hears().await;
    alice.says("c’est pas moi").await;
    assert!(alice.hears().await.starts_with("✋ C’est annulé"));
    assert_eq!(browser.asks().await, "ended");
    assert_eq!(browser.is(sandbox).await, None);
}

/// Whoever wanted no more messages may still sign in: they ask for it.
async fn who_said_stop_can_sign_in(sandbox: &mut Sandbox, provider: Provider) {
    let alice = sandbox.person(provider).with_credits(1).await;
    alice.says("stop").await;
    alice.hears().await;
    let browser = Browser::new(sandbox);
    let begun = browser.begins().await;
    follows(&alice, &begun).await;
    chooses(&alice, begun.number).await;
    alice.hears().await;
    assert_eq!(browser.asks().await, "done");
}

crate::for_each_provider! {
    number => super::the_number_on_the_screen_opens_the_account;
    typed => super::the_number_may_be_typed;
    relay => super::a_relayed_link_opens_nothing;
    bound => super::only_the_browser_that_began_gets_in;
    over => super::a_link_that_is_over_or_was_never_there_costs_nothing;
    regret => super::who_says_that_it_was_not_them_closes_what_was_opened;
    stopped => super::who_said_stop_can_sign_in;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_on_the_way_asks_once_and_opens_once() {
    for point in SIGNIN_POINTS {
        run_without_worker(&GROUND, async |sandbox: &mut Sandbox| {
            let alice = sandbox.person(Provider::Meta).with_credits(1).await;
            let browser = Browser::new(sandbox);
            let begun = browser.begins().await;
            for said in [begun.words.clone(), begun.number.to_string()] {
                let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point)]);
                alice.says(&said).await;
                let ended = doomed.ended(PATIENCE).await.unwrap();
                assert_eq!(ended.signal(), Some(Signal::SIGABRT as i32), "nobody came by {point}");
                sandbox.starts_worker();
                alice.hears().await;
                sandbox.stops_workers().await;
            }
            assert_eq!(alice.has_heard().len(), 2, "{point}");
            assert_eq!(browser.asks().await, "done");
            assert_eq!(sessions(sandbox).await, 1);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_begins_only_so_often() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let browser = Browser::new(sandbox);
        for _ in 0..30 {
            browser.begins().await;
        }
        let refused = browser.posts("start", true).await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.retry_after.as_deref(), Some("600"));
        assert_eq!(refused.body["error"]["code"], "too_many_requests");
        sandbox.advances(Duration::from_secs(601));
        browser.begins().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_sites_and_a_door_without_a_number_are_refused() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let browser = Browser::new(sandbox);
        for path in ["start", "poll"] {
            let refused = browser.from("https://evil.example").posts(path, true).await;
            assert_eq!((refused.status, &refused.body["error"]["code"]), (403, &"foreign_origin".into()));
        }
        let mut app = sandbox.ingest_app();
        app.signin = None;
        let closed = Browser::at(sandbox.starts_ingest(app).await);
        for path in ["start", "poll"] {
            let refused = closed.posts(path, true).await;
            assert_eq!((refused.status, &refused.body["error"]["code"]), (503, &"not_configured".into()));
        }
    })
    .await;
}
