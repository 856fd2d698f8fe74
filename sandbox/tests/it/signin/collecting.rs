//! How a browser gets its session: one, in time, and however often the answer is lost.

use std::time::Duration;

use sandbox::conversation::{Sandbox, run};
use sandbox::person::Person;
use shared::message::Provider;
use shared::session;

use super::browser::Browser;
use super::{chooses, follows, sessions};
use crate::GROUND;

/// A browser whose sign-in this person has confirmed.
async fn confirmed(sandbox: &Sandbox, person: &Person) -> Browser {
    let browser = Browser::new(sandbox);
    let begun = browser.begins().await;
    follows(person, &begun).await;
    chooses(person, begun.number).await;
    assert!(person.hears().await.starts_with("✅"));
    browser
}

/// Ten tabs of one browser ask at once, and none of them learns what the others were told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_opened_once_however_many_ask() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let browser = confirmed(sandbox, &alice).await;
        let answers = futures_util::future::join_all((0..10).map(|_| browser.asks_alone())).await;
        assert!(answers.iter().all(|state| state == "done"), "{answers:?}");
        assert_eq!(sessions(sandbox).await, 1);
        // Whichever answer arrives is as good as the first.
        assert_eq!(browser.is(sandbox).await, None);
        assert_eq!(browser.asks().await, "done");
        assert_eq!(browser.is(sandbox).await, Some(alice.account().await));
        assert_eq!(sessions(sandbox).await, 1);
    })
    .await;
}

/// The answer that is given again is no way around the end of a session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_has_ended_is_not_answered_again() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let browser = confirmed(sandbox, &alice).await;
        assert_eq!(browser.asks_alone().await, "done");
        let (user, now) = (alice.account().await, sandbox.clock.now());
        let [entry] = session::list(&sandbox.pool, &user, now).await.unwrap().try_into().unwrap();
        assert!(session::revoke(&sandbox.pool, &user, &entry.id, now).await.unwrap());
        assert_eq!(browser.asks().await, "expired");
        assert_eq!((browser.is(sandbox).await, sessions(sandbox).await), (None, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_confirmed_is_collected_a_little_later_and_then_no_more() {
    run(&GROUND, async |sandbox: &mut Sandbox| {
        let alice = sandbox.person(Provider::Meta).with_credits(1).await;
        let (early, late) = (confirmed(sandbox, &alice).await, confirmed(sandbox, &alice).await);
        sandbox.advances(Duration::from_secs(122));
        assert_eq!(early.asks().await, "done");
        assert_eq!(early.asks().await, "done");
        sandbox.advances(Duration::from_secs(30));
        assert_eq!((early.asks().await.as_str(), late.asks().await.as_str()), ("expired", "expired"));
        assert!(early.is(sandbox).await.is_some(), "what it has, it keeps");
        assert_eq!((late.is(sandbox).await, sessions(sandbox).await), (None, 1));
    })
    .await;
}
