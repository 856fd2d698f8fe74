//! Who has to wait is told so, once.

use std::time::Duration;

use sandbox::conversation::Sandbox;
use shared::message::Provider;

use crate::until;

async fn who_waits_is_told_once(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.patience.busy_after = Duration::from_millis(600);
    sandbox.queue.pause().await.unwrap();
    sandbox.starts_worker();
    let alice = sandbox.person(provider).with_credits(2).await;
    let bob = sandbox.person(provider).with_credits(2).await;
    let silent = sandbox.person(provider).with_credits(2).await;
    bob.says("Write a post about the opening of our second bakery in the old town").await;
    alice.says("Un post sur notre boulangerie").await;
    alice.says("solde").await;
    // They want no messages but answers.
    let user = silent.account().await;
    shared::preference::stop(&mut sandbox.pool.acquire().await.unwrap(), &user, sandbox.clock.now())
        .await
        .unwrap();
    silent.says("solde").await;
    let told = alice.hears().await;
    assert!(told.starts_with("⏳ Il y a beaucoup de demandes"), "{told}");
    assert!(bob.hears().await.starts_with("⏳ There are a lot of requests"));
    sandbox.queue.resume().await.unwrap();
    assert!(alice.hears().await.starts_with("✨"));
    sandbox.is_quiet().await;
    assert_eq!((alice.has_heard().len(), bob.has_heard().len(), silent.has_heard().len()), (3, 2, 1));
}

async fn a_line_that_cannot_be_sent_is_forgotten(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.patience.busy_after = Duration::from_millis(200);
    sandbox.queue.pause().await.unwrap();
    sandbox.starts_worker();
    sandbox.starts_worker();
    let alice = sandbox.person(provider).with_credits(2).await;
    // The provider is in trouble of its own: it is tried once, and forgotten.
    match provider {
        Provider::Meta => {
            sandbox.stage.meta.fails_next(1, sandbox::simulators::meta::MetaFault::Http500Html);
        }
        Provider::Twilio => {
            sandbox.stage.twilio.fails_next(1, sandbox::simulators::twilio::TwilioFault::Http500Html);
        }
    }
    alice.says("solde").await;
    let given_up = async || -> bool {
        sqlx::query_scalar(
            "select exists (select from wa.outbox where state = 'failed' and cause like 'busy:%')",
        )
        .fetch_one(&sandbox.pool)
        .await
        .unwrap()
    };
    until("the line to be tried", given_up).await;
    sandbox.queue.resume().await.unwrap();
    assert_eq!(alice.hears().await, "💳 Il vous reste 2 crédits.");
    sandbox.is_quiet().await;
    assert_eq!(alice.has_heard().len(), 1);
}

/// After a day of outage nothing may be sent to who wrote before it.
async fn who_wrote_a_day_ago_is_not_written_to(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.patience.busy_after = Duration::from_millis(200);
    sandbox.queue.pause().await.unwrap();
    let alice = sandbox.person(provider).with_credits(2).await;
    alice.says("solde").await;
    sandbox.advances(Duration::from_hours(25));
    let bob = sandbox.person(provider).with_credits(2).await;
    bob.says("solde").await;
    sandbox.starts_worker();
    // Alice has waited longer: whoever looks at both has seen her first.
    assert!(bob.hears().await.starts_with("⏳"));
    assert!(alice.has_heard().is_empty());
    sandbox.queue.resume().await.unwrap();
    sandbox.is_quiet().await;
    assert!(alice.has_heard().is_empty());
}

crate::for_each_provider! {
    in run_without_worker
    told => super::who_waits_is_told_once;
    a_day_ago => super::who_wrote_a_day_ago_is_not_written_to;
    in_vain => super::a_line_that_cannot_be_sent_is_forgotten;
}
