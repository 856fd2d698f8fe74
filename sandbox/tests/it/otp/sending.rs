//! A code on its way: by template, refused, paused, interrupted.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::signal::Signal;
use sandbox::conversation::{Sandbox, run, run_without_worker};
use sandbox::person::{PATIENCE, Person};
use sandbox::simulators::meta::{MetaFault, Verdict};
use sandbox::simulators::receipts::Statuses;
use sandbox::simulators::twilio::TwilioFault;
use shared::fault::{CODE_POINTS, POINTS};
use shared::message::Provider;

use super::browser::{Browser, leaves_by};
use super::{A_MINUTE, count};
use crate::{GROUND, for_each_provider, until};

/// A browser that does not wait for long, at a door of its own.
async fn impatient(sandbox: &Sandbox, wait: Duration) -> Browser {
    let mut app = sandbox.ingest_app();
    app.codes.as_mut().unwrap().wait = wait;
    Browser::at(&sandbox.starts_ingest(app).await)
}

fn kinds(person: &Person, sandbox: &Sandbox) -> Vec<String> {
    match &person.phone {
        sandbox::person::Phone::Meta(phone) => phone.heard().into_iter().map(|sent| sent.kind).collect(),
        sandbox::person::Phone::Twilio(_) => {
            let sent = sandbox.stage.twilio.sent_to(person.number());
            sent.into_iter().map(|sent| sent.kind).collect()
        }
    }
}

/// To somebody who has never written, and to somebody who is writing: by template both times.
async fn by_template(sandbox: &mut Sandbox, provider: Provider) {
    leaves_by(sandbox, provider);
    sandbox.starts_worker();
    let alice = sandbox.person(provider);
    let browser = Browser::new(sandbox);
    assert_eq!(browser.asks(alice.number()).await.status, 200);
    alice.hears_code().await;
    alice.says("solde").await;
    alice.hears().await;
    sandbox.advances(A_MINUTE);
    assert_eq!(browser.asks(alice.number()).await.status, 200);
    alice.hears_code().await;
    assert_eq!(kinds(&alice, sandbox), ["template", "text", "template"]);
    let english = browser.sends(
        "/api/auth/request-otp",
        &[("content-type", "application/json"), ("accept-language", "en")],
        r#"{"phone":"+33639980044"}"#,
    );
    assert_eq!(english.await.status, 200);
    if provider == Provider::Meta {
        let sent = sandbox.stage.meta.sent_to("+33639980044");
        assert_eq!(sent[0].request["template"]["language"]["code"], "en");
        assert!(sent[0].text.contains("verification code"));
    }
}

/// Where no template is configured: to somebody who is writing, and to nobody else.
async fn without_a_template(sandbox: &mut Sandbox, provider: Provider) {
    leaves_by(sandbox, provider);
    sandbox.variables.retain(|name, _| name != "META_OTP_TEMPLATE" && name != "TWILIO_OTP_CONTENT_SID");
    sandbox.starts_worker();
    let alice = sandbox.person(provider);
    let browser = Browser::new(sandbox);
    assert_eq!(browser.asks(alice.number()).await.refused(), (502, "not_sent"));
    alice.says("solde").await;
    alice.hears().await;
    // It came to nothing, so it is not held against anybody.
    assert_eq!(browser.asks(alice.number()).await.status, 200);
    let code = alice.hears_code().await;
    assert!(alice.has_heard().pop().unwrap().contains("Ne le donnez à personne"));
    assert_eq!(browser.types(alice.number(), &code).await.status, 200);
    sandbox.advances(Duration::from_hours(25));
    assert_eq!(browser.asks(alice.number()).await.refused(), (502, "not_sent"), "the day has passed");
}

/// Nobody is there: told at once where the provider says so at once, and given back when it says so later.
async fn to_nobody(sandbox: &mut Sandbox, provider: Provider) {
    leaves_by(sandbox, provider);
    sandbox.starts_worker();
    let alice = sandbox.person(provider);
    match &alice.phone {
        sandbox::person::Phone::Meta(phone) => phone.leaves_whatsapp(),
        sandbox::person::Phone::Twilio(phone) => phone.leaves_whatsapp(),
    }
    let browser = Browser::new(sandbox);
    let sandbox = &*sandbox;
    let returned =
        async || count(sandbox, "select count(*) from wa.otp_asking where refusal = 'unreachable'").await;
    let mut expected = 0;
    if provider == Provider::Meta {
        for _ in 0..2 {
            assert_eq!(browser.asks(alice.number()).await.refused(), (422, "unreachable"));
        }
        sandbox.stage.meta.verdicts(Verdict::ByStatus);
        expected = 2;
    }
    for _ in 0..2 {
        expected += 1;
        let asked = browser.asks(alice.number()).await;
        assert!([200, 422].contains(&asked.status), "{asked:?}");
        until("the report", async || returned().await == expected).await;
    }
}

/// The template is gone, paused, rejected: codes are refused, and everything else is sent as ever.
async fn a_template_that_is_not_there(sandbox: &mut Sandbox, provider: Provider) {
    leaves_by(sandbox, provider);
    sandbox.starts_worker();
    let alice = sandbox.person(provider);
    let browser = Browser::new(sandbox);
    match provider {
        Provider::Meta => {
            for code in [132_001, 132_015, 132_000, 132_012] {
                sandbox.stage.meta.fails_next(1, MetaFault::Refused(code));
                assert_eq!(browser.asks(alice.number()).await.refused(), (502, "not_sent"), "{code}");
            }
        }
        Provider::Twilio => {
            for code in [63_027, 63_028] {
                sandbox.stage.twilio.fails_next(1, TwilioFault::FailedByStatus(code));
                browser.asks(alice.number()).await;
                let open = "select count(*) from wa.otp_asking where returned_at is null";
                let sandbox = &*sandbox;
                until("the report", async || count(sandbox, open).await == 0).await;
            }
        }
    }
    let before = alice.has_heard().len();
    alice.says("solde").await;
    until("an answer", async || alice.has_heard().len() > before).await;
    assert_eq!(browser.asks(alice.number()).await.status, 200);
}

for_each_provider! { in run_without_worker
    template => super::by_template;
    no_template => super::without_a_template;
    unreachable => super::to_nobody;
    missing_template => super::a_template_that_is_not_there;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_while_nobody_sends_is_told_so_and_has_it_later() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta);
        let browser = impatient(sandbox, Duration::from_millis(300)).await;
        let asked = browser.asks(alice.number()).await;
        assert_eq!((asked.status, asked.body["sent"].as_bool()), (202, Some(false)), "{asked:?}");
        sandbox.starts_worker();
        let code = alice.hears_code().await;
        assert_eq!(browser.types(alice.number(), &code).await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_too_late_is_not_sent_any_more() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta);
        let browser = impatient(sandbox, Duration::from_millis(100)).await;
        browser.asks(alice.number()).await;
        sandbox.advances(Duration::from_secs(601));
        sandbox.starts_worker();
        sandbox.is_quiet().await;
        assert_eq!(alice.has_heard(), Vec::<String>::new());
    })
    .await;
}

/// Nobody sends for a while, and whoever waits asks again: one code leaves, and the others are held against nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_that_waited_the_last_code_is_sent_and_the_others_are_given_back() {
    run_without_worker(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta);
        let browser = impatient(sandbox, Duration::from_millis(100)).await;
        for _ in 0..3 {
            assert_eq!(browser.asks(alice.number()).await.status, 202);
            sandbox.advances(A_MINUTE);
        }
        sandbox.starts_worker();
        let code = alice.hears_code().await;
        sandbox.is_quiet().await;
        assert_eq!(alice.has_heard().len(), 1);
        let returned = "select count(*) from wa.otp_asking where refusal = 'late'";
        assert_eq!(count(sandbox, returned).await, 2);
        assert_eq!(browser.types(alice.number(), &code).await.status, 200);
    })
    .await;
}

/// Redis is away when it is asked for: it goes through the spill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_sent_while_redis_cannot_take_it() {
    run(&GROUND, async |sandbox| {
        let alice = sandbox.person(Provider::Meta);
        let there = sandbox.variables.insert("REDIS_URL".to_owned(), "redis://127.0.0.1:1".to_owned());
        let app = sandbox.ingest_app();
        sandbox.variables.insert("REDIS_URL".to_owned(), there.unwrap());
        let browser = Browser::at(&sandbox.starts_ingest(app).await);
        assert_eq!(browser.asks(alice.number()).await.status, 200);
        let code = alice.hears_code().await;
        assert_eq!(browser.types(alice.number(), &code).await.status, 200);
    })
    .await;
}

/// A worker dies at any point of a code's way: the code comes, and the last one that came is the right one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_over_a_code_leaves_one_that_works() {
    let sends = POINTS.iter().filter(|point| point.starts_with("send.") || **point == "job.leased");
    let through_meta = sends.chain(CODE_POINTS).map(|point| (Provider::Meta, *point));
    // Where its own words matter.
    let through_twilio = ["code.made", "send.accepted"].map(|point| (Provider::Twilio, point));
    let points: Vec<_> = through_meta.chain(through_twilio).collect();
    // A few at a time: a browser is not kept waiting by a machine that starts eight worlds at once.
    for few in points.chunks(3) {
        join_all(few.iter().map(|&(provider, point)| {
            run_without_worker(&GROUND, async move |sandbox: &mut Sandbox| {
                leaves_by(sandbox, provider);
                let alice = sandbox.person(provider);
                let browser = impatient(sandbox, Duration::from_millis(100)).await;
                let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point)]);
                browser.asks(alice.number()).await;
                let ended = doomed.ended(PATIENCE).await.unwrap();
                assert_eq!(ended.signal(), Some(Signal::SIGABRT as i32), "nobody came by {point}");
                sandbox.starts_worker();
                let code = alice.hears_code().await;
                sandbox.is_quiet().await;
                assert_eq!(alice.has_heard().len(), 1, "{point}");
                let entered = browser.types(alice.number(), &code).await;
                assert_eq!(entered.status, 200, "{point}: {entered:?}");
            })
        }))
        .await;
    }
}

/// Nobody ever reports on the send that a worker died over: it is sent once more, and the second code is the right one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_sent_twice_works_as_it_came_last() {
    run_without_worker(&GROUND, async |sandbox| {
        sandbox.stage.statuses(Statuses::Never);
        let alice = sandbox.person(Provider::Meta);
        let browser = impatient(sandbox, Duration::from_millis(100)).await;
        let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", "send.accepted")]);
        browser.asks(alice.number()).await;
        doomed.ended(PATIENCE).await.unwrap();
        sandbox.starts_worker();
        alice.hears_code().await;
        let second = alice.hears_code().await;
        assert_eq!(browser.types(alice.number(), &second).await.status, 200);
    })
    .await;
}
