//! WhatsApp takes free text for 24 hours after a person wrote. What has not left by then is not even tried.

use std::time::Duration;

use chrono::TimeDelta;
use sandbox::conversation::Sandbox;
use shared::message::Provider;
use shared::receipt;

use super::{BRIEF, LOCKED_OUT, end, refusals, rows, somebody};
use crate::{GROUND, until};

async fn an_answer_that_waited_for_more_than_a_day_is_not_sent(sandbox: &mut Sandbox, provider: Provider) {
    let alice = somebody(sandbox, provider).await;
    LOCKED_OUT.strikes(sandbox, provider, 10_000);
    alice.says(BRIEF).await;
    until("the pause", async || !refusals(sandbox, provider).is_empty()).await;
    // Nobody is just trying when the day passes.
    sandbox.stops_workers().await;
    sandbox.advances(Duration::from_hours(24));
    sandbox.stage.meta.recovers();
    sandbox.stage.twilio.recovers();
    sandbox.starts_worker();
    assert_eq!(end(sandbox, &alice).await, (0, 5, (1, 1), 0));
    assert_eq!(rows(sandbox).await, [("failed".to_owned(), Some("window".to_owned()))]);
    // Whoever writes opens the window again.
    alice.says(BRIEF).await;
    assert_eq!(end(sandbox, &alice).await, (1, 4, (2, 1), 0));
}

crate::for_each_provider! {
    waited => super::an_answer_that_waited_for_more_than_a_day_is_not_sent;
}

/// The provider's time of writing decides, unless it is nonsense: nothing is redelivered for longer than seven days.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_window_opens_when_the_person_wrote() {
    sandbox::conversation::run(&GROUND, async |sandbox| {
        let alice = somebody(sandbox, Provider::Meta).await;
        let said = alice.says("solde").await;
        alice.hears().await;
        let now = sandbox.clock.now();
        let days = TimeDelta::days;
        for (wrote, kind, open) in [
            (-days(0), "text", true),
            (-TimeDelta::hours(25), "text", false),
            (-days(7), "text", false),
            (-days(400), "text", true),
            (days(400), "text", true),
            (-days(0), "image", true),
            (-days(0), "reaction", true),
            (-days(0), "system", false),
            (-days(0), "group", false),
        ] {
            sqlx::query("update wa.receipt set sent_at = received_at + $2, kind = $3 where message_id = $1")
                .bind(said.id.as_str())
                .bind(wrote)
                .bind(kind)
                .execute(&sandbox.pool)
                .await
                .unwrap();
            let found = receipt::has_written(&sandbox.pool, &said.id, now - days(1)).await.unwrap();
            assert_eq!(found, open, "a {kind} of {wrote}");
        }
        // It is the conversation's, not the message's: who has written since may still be answered.
        alice.says("aide").await;
        alice.hears().await;
        assert!(receipt::has_written(&sandbox.pool, &said.id, now - days(1)).await.unwrap());
        let bob = somebody(sandbox, Provider::Meta).await;
        let other = bob.says("solde").await;
        bob.hears().await;
        let later = sandbox.clock.now();
        assert!(!receipt::has_written(&sandbox.pool, &other.id, later).await.unwrap());
    })
    .await;
}
