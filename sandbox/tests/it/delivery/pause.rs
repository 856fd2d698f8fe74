//! A number whose operator is needed is paused for everybody, and tried again by one message at a time.

use std::time::Duration;

use futures_util::future::join_all;
use sandbox::conversation::Sandbox;
use sandbox::simulators::meta::MetaFault;
use sandbox::simulators::twilio::TwilioFault;
use shared::message::Provider;

use super::{BRIEF, LOCKED_OUT, Trouble, refusals, somebody};
use crate::until;

/// Two workers whose pauses last so long that they can be seen.
async fn takes_its_time(sandbox: &mut Sandbox, pause: Duration) {
    sandbox.stops_workers().await;
    sandbox.patience.operator_pause = pause;
    sandbox.starts_worker();
    sandbox.starts_worker();
}

async fn a_paused_number_is_probed_by_one_message(sandbox: &mut Sandbox, provider: Provider) {
    let pause = Duration::from_millis(400);
    takes_its_time(sandbox, pause).await;
    let people = join_all((0..10).map(|_| somebody(sandbox, provider))).await;
    LOCKED_OUT.strikes(sandbox, provider, 10_000);
    people[0].says("solde").await;
    until("the pause", async || !refusals(sandbox, provider).is_empty()).await;
    join_all(people[1..].iter().map(|person| person.says("solde"))).await;
    until("three probes", async || refusals(sandbox, provider).len() >= 4).await;
    sandbox.stage.meta.recovers();
    sandbox.stage.twilio.recovers();
    for person in &people {
        assert!(person.hears().await.contains("5 crédits"));
    }
    let refused = refusals(sandbox, provider);
    for pair in refused.windows(2) {
        let between = (pair[1] - pair[0]).to_std().unwrap();
        assert!(between >= pause.mul_f64(0.9), "{between:?} between two tries");
    }
    sandbox.is_quiet().await;
    let attempts: i64 = sqlx::query_scalar("select count(*) from wa.receipt where attempts > 1")
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
    assert_eq!(attempts, 0, "waiting is no attempt");
}

/// Meta and Twilio tell some of it only after they have taken the message.
async fn a_trouble_that_is_told_by_a_report_pauses_the_number(sandbox: &mut Sandbox, provider: Provider) {
    let pause = Duration::from_secs(1);
    takes_its_time(sandbox, pause).await;
    let (alice, bob) = (somebody(sandbox, provider).await, somebody(sandbox, provider).await);
    let locked = Trouble(MetaFault::FailedByStatus(131_031), TwilioFault::FailedByStatus(63_051));
    locked.strikes(sandbox, provider, 1);
    alice.says(BRIEF).await;
    let refunded = async || alice.charges().await == (1, 1);
    until("the refund", refunded).await;
    let paused = alice.screen()[0].at;
    bob.says("solde").await;
    bob.hears().await;
    let waited = (bob.screen()[0].at - paused).to_std().unwrap();
    assert!(waited >= pause, "{waited:?}");
    // The probe went well, and its report said so: nobody waits any more.
    sandbox.is_quiet().await;
    let waits = async || -> i64 {
        sqlx::query_scalar("select coalesce(sum(runs - 1), 0)::int8 from wa.attempt")
            .fetch_one(&sandbox.pool)
            .await
            .unwrap()
    };
    let before = waits().await;
    for person in [&alice, &bob] {
        person.says("solde").await;
    }
    sandbox.is_quiet().await;
    assert_eq!((bob.has_heard().len(), waits().await), (2, before));
}

/// The account has used up its day: this answer is not worth waiting for tomorrow, and the next ones need not try.
async fn an_account_that_has_used_up_its_day_is_paused(sandbox: &mut Sandbox, provider: Provider) {
    let pause = Duration::from_millis(600);
    takes_its_time(sandbox, pause).await;
    let (alice, bob) = (somebody(sandbox, provider).await, somebody(sandbox, provider).await);
    // Meta has no such code of its own; a spam limit pauses as well, and keeps its message.
    Trouble(MetaFault::Refused(131_048), TwilioFault::Refused(63_038)).strikes(sandbox, provider, 1);
    alice.says("solde").await;
    until("the pause", async || !refusals(sandbox, provider).is_empty()).await;
    bob.says("solde").await;
    bob.hears().await;
    let waited = (bob.screen()[0].at - refusals(sandbox, provider)[0]).to_std().unwrap();
    assert!(waited >= pause, "{waited:?}");
    sandbox.is_quiet().await;
    assert_eq!(alice.has_heard().len(), usize::from(provider == Provider::Meta));
}

crate::for_each_provider! {
    probed => super::a_paused_number_is_probed_by_one_message;
    reported => super::a_trouble_that_is_told_by_a_report_pauses_the_number;
    exhausted => super::an_account_that_has_used_up_its_day_is_paused;
}
