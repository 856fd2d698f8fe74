//! Conversations: people write over signed webhooks, and hear answers from simulated providers. One binary.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod abuse;
mod burst;
mod busy;
mod chance;
mod changes;
mod commands;
mod contract;
mod crash;
mod credits;
mod delivery;
mod demo;
mod doctor;
mod erasure;
mod export;
mod figures;
mod generation;
mod identity;
mod least;
mod link;
mod load;
mod migrations;
mod model;
mod money;
mod operator;
mod otp;
mod payments;
mod portal;
mod privacy;
mod queue;
mod reactions;
mod retention;
mod rework;
mod security;
mod session;
mod shipping;
mod shop;
mod signin;
mod silence;
mod sweep;
mod talk;
mod telling;
mod traces;
mod turns;
mod variables;
mod vault;
mod voice;
mod webhook;

use std::path::PathBuf;
use std::sync::LazyLock;

use sandbox::conversation::Ground;

/// What the tests of this binary share.
static GROUND: LazyLock<Ground> = LazyLock::new(|| Ground::new(PathBuf::from(env!("CARGO_BIN_EXE_sandbox"))));

/// Who does by hand what a test has done by hand.
pub(crate) fn author() -> shared::audit::Author {
    shared::audit::Author::operator("test", "a test").unwrap()
}

/// Waits for a condition that nobody announces.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + sandbox::person::PATIENCE;
    let mut turns = tokio::time::interval(std::time::Duration::from_millis(20));
    while !holds().await {
        turns.tick().await;
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {what}");
    }
}

/// The same test for every provider; `in run_without_worker` where nobody is to work yet.
macro_rules! for_each_provider {
    ($($name:ident => $test:expr;)*) => { crate::for_each_provider! { in run $($name => $test;)* } };
    (in $run:ident $($name:ident => $test:expr;)*) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn through_meta() {
                sandbox::conversation::$run(&crate::GROUND, async |sandbox| {
                    ($test)(sandbox, shared::message::Provider::Meta).await;
                })
                .await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn through_twilio() {
                sandbox::conversation::$run(&crate::GROUND, async |sandbox| {
                    ($test)(sandbox, shared::message::Provider::Twilio).await;
                })
                .await;
            }
        }
    )* };
}
pub(crate) use for_each_provider;
