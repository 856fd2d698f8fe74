//! An answer of several messages: whole, in order, and charged as far as it came.

use futures_util::future::join_all;
use sandbox::conversation::{Sandbox, run_without_worker};
use sandbox::person::{PATIENCE, Person};
use sandbox::simulators::openai::OpenAiFault;
use sandbox::simulators::twilio::TwilioFault;
use shared::message::Provider;

use super::{BRIEF, end, rows, somebody};
use crate::GROUND;

/// Twilio's messages are short, so three long posts need three.
async fn long(sandbox: &mut Sandbox) -> Person {
    sandbox.stage.openai.fails_next_of("posts", 1, OpenAiFault::LongPosts);
    somebody(sandbox, Provider::Twilio).await
}

fn is_whole_and_in_order(heard: &[String]) {
    let starts: Vec<String> = heard.iter().map(|part| part.chars().take(4).collect()).collect();
    assert_eq!(starts, ["✨ Vo", "*2.*", "*3.*"]);
    assert!(heard[0].contains("*1.* ") && heard[2].contains("💳 Il vous reste 4 crédits."));
    assert!(heard.iter().all(|part| part.chars().count() > 1_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_answer_goes_on_where_it_stopped() {
    sandbox::conversation::run(&GROUND, async |sandbox| {
        for trouble in [TwilioFault::TooMany20429, TwilioFault::Drop, TwilioFault::Http500Html] {
            let alice = long(sandbox).await;
            sandbox.stage.twilio.fails_later(1, 1, trouble);
            alice.says(BRIEF).await;
            assert_eq!(end(sandbox, &alice).await, (3, 4, (1, 0), 0), "{trouble:?}");
            is_whole_and_in_order(&alice.has_heard());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_between_two_parts_is_followed_at_the_next_part() {
    join_all(["send.marked:2", "send.accepted:2", "send.recorded:1", "send.recorded:2"].map(|point| {
        run_without_worker(&GROUND, async move |sandbox: &mut Sandbox| {
            let alice = long(sandbox).await;
            let mut doomed = sandbox.worker_process(&[("POSTLY_FAULT", point)]);
            alice.says(BRIEF).await;
            assert!(!doomed.ended(PATIENCE).await.unwrap().success());
            sandbox.starts_worker();
            assert_eq!(end(sandbox, &alice).await, (3, 4, (1, 0), 0), "{point}");
            is_whole_and_in_order(&alice.has_heard());
        })
    }))
    .await;
}

/// Part of the posts came: they are charged, and the parts behind the refused one are not sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_answer_that_is_refused_in_the_middle_ends_there() {
    sandbox::conversation::run(&GROUND, async |sandbox| {
        let alice = long(sandbox).await;
        sandbox.stage.twilio.fails_later(1, 1, TwilioFault::Refused(63_024));
        alice.says(BRIEF).await;
        assert_eq!(end(sandbox, &alice).await, (1, 4, (1, 0), 0));
        let rows = rows(sandbox).await;
        assert_eq!(rows[0], ("read".to_owned(), None));
        assert_eq!(rows[1], ("failed".to_owned(), Some("63024".to_owned())));
        assert_eq!(rows[2], ("failed".to_owned(), Some("abandoned".to_owned())));
    })
    .await;
}
