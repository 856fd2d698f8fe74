//! What a provider tells about a message afterwards: it settles what a connection left open, in any order, and a row of
//! the outbox moves only forward.

use std::time::Duration;

use sandbox::conversation::Sandbox;
use sandbox::simulators::receipts::Statuses;
use shared::job::{SendStatus, StatusReport};
use shared::message::Provider;
use shared::outbox;
use worker::operator::Desk;
use worker::operator::explain::explain;

use super::{BRIEF, BUSY, CUT, end, is_impatient, rows, somebody};
use crate::GROUND;

async fn a_connection_cut_after_acceptance_is_settled_by_its_report(
    sandbox: &mut Sandbox,
    provider: Provider,
) {
    let alice = somebody(sandbox, provider).await;
    CUT.strikes(sandbox, provider, 1);
    alice.says(BRIEF).await;
    assert_eq!(end(sandbox, &alice).await, (1, 4, (1, 0), 0));
    sandbox.stage.statuses(Statuses::Delayed(Duration::from_millis(700)));
    CUT.strikes(sandbox, provider, 1);
    alice.says(BRIEF).await;
    assert_eq!(end(sandbox, &alice).await, (2, 3, (2, 0), 0));
}

/// A refusal before the cut does not use up the one further try of a send that nobody reported on.
async fn a_cut_that_nobody_reports_on_is_sent_once_more_and_no_more(
    sandbox: &mut Sandbox,
    provider: Provider,
) {
    is_impatient(sandbox).await;
    sandbox.stage.statuses(Statuses::Never);
    let (alice, bob) = (somebody(sandbox, provider).await, somebody(sandbox, provider).await);
    BUSY.strikes(sandbox, provider, 2);
    CUT.strikes(sandbox, provider, 1);
    alice.says(BRIEF).await;
    assert_eq!(end(sandbox, &alice).await, (2, 4, (1, 0), 0));
    // Twice without a word: it may well have come, but nobody can say so, and nobody pays for it.
    CUT.strikes(sandbox, provider, 2);
    bob.says(BRIEF).await;
    assert_eq!(end(sandbox, &bob).await, (2, 5, (1, 1), 0));
    assert_eq!(rows(sandbox).await[1], ("failed".to_owned(), Some("unknown".to_owned())));
}

async fn reports_in_any_order_tell_the_same_story(sandbox: &mut Sandbox, provider: Provider) {
    let alice = somebody(sandbox, provider).await;
    for (briefs, policy) in
        [Statuses::Immediate, Statuses::Duplicated, Statuses::OutOfOrder].into_iter().enumerate()
    {
        sandbox.stage.statuses(policy);
        alice.says(BRIEF).await;
        sandbox.is_quiet().await;
        let told: i64 = sqlx::query_scalar(
            "select count(*) from wa.outbox where state = 'read' and error_code is null and accepted_at is not null
               and sent_at is not null and delivered_at is not null and read_at is not null and failed_at is null",
        )
        .fetch_one(&sandbox.pool)
        .await
        .unwrap();
        assert_eq!(told, i64::try_from(briefs).unwrap() + 1, "{policy:?}");
    }
}

/// Meta says what it bills in its reports; Twilio's price is only in its resource.
async fn what_the_provider_bills_is_kept(sandbox: &mut Sandbox, provider: Provider) {
    sandbox.stage.statuses(Statuses::Duplicated);
    let alice = somebody(sandbox, provider).await;
    let said = alice.says("solde").await;
    alice.hears().await;
    sandbox.is_quiet().await;
    let billed: Billed = sqlx::query_as(
        "select billable, pricing_model, pricing_type, pricing_category from wa.outbox where state = 'read'",
    )
    .fetch_one(&sandbox.pool)
    .await
    .unwrap();
    let desk =
        Desk { pool: sandbox.pool.clone(), queue: sandbox.queue.clone(), vault: sandbox::stage::vault() };
    let told = explain(&desk, said.id.as_str(), false).await.unwrap().to_string();
    let word = |text: &str| Some(text.to_owned());
    match provider {
        Provider::Meta => {
            assert_eq!(billed, (Some(true), word("PMP"), word("regular"), word("service")));
            assert!(told.contains("now read, billed: service (regular)"), "{told}");
        }
        Provider::Twilio => {
            assert_eq!(billed, (None, None, None, None));
            assert!(told.contains("now read") && !told.contains("billed"), "{told}");
        }
    }
}

/// Whether, by which model, of which kind, at which rate.
type Billed = (Option<bool>, Option<String>, Option<String>, Option<String>);

crate::for_each_provider! {
    billed => super::what_the_provider_bills_is_kept;
    cut => super::a_connection_cut_after_acceptance_is_settled_by_its_report;
    unreported => super::a_cut_that_nobody_reports_on_is_sent_once_more_and_no_more;
    disorder => super::reports_in_any_order_tell_the_same_story;
}

/// Whatever the order in which a provider reports: a row never goes back, and what was delivered does not fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_moves_only_forward() {
    sandbox::conversation::run(&GROUND, async |sandbox| {
        let alice = somebody(sandbox, Provider::Meta).await;
        let stages = [SendStatus::Sent, SendStatus::Delivered, SendStatus::Read, SendStatus::Failed];
        let rank = |state: &str| {
            ["accepted", "sent", "delivered", "read", "failed"].iter().position(|s| *s == state)
        };
        for first in stages {
            for second in stages {
                sandbox.stage.statuses(Statuses::Never);
                alice.says("solde").await;
                sandbox.is_quiet().await;
                let id: i64 = sqlx::query_scalar("select max(id) from wa.outbox")
                    .fetch_one(&sandbox.pool)
                    .await
                    .unwrap();
                let mut before = "accepted".to_owned();
                for status in [first, second] {
                    let report = StatusReport {
                        provider: Provider::Meta,
                        provider_message_id: "wamid.reported".to_owned(),
                        outbox_id: Some(id),
                        status,
                        at: sandbox.clock.now(),
                        error_code: None,
                        pricing: None,
                    };
                    let mut db = sandbox.pool.acquire().await.unwrap();
                    let vault = sandbox::stage::vault();
                    assert!(outbox::report(&mut db, &vault, &report).await.unwrap().is_some());
                    drop(db);
                    let after: String = sqlx::query_scalar("select state from wa.outbox where id = $1")
                        .bind(id)
                        .fetch_one(&sandbox.pool)
                        .await
                        .unwrap();
                    assert!(rank(&after) >= rank(&before), "{first:?} {second:?}: {before} became {after}");
                    let arrived = ["delivered", "read"].contains(&before.as_str());
                    assert!(!(arrived && after == "failed"), "{first:?} {second:?}");
                    before = after;
                }
            }
        }
    })
    .await;
}
