//! What follows when a provider does not take a message: another try and when, or the end of it; and whoever else has to
//! know, be it the person's silence, the number's pause, or a developer.

use std::time::Duration;

use shared::message::{MessageId, Provider};
use shared::outbox::{self, Outgoing};
use shared::preference;
use shared::queue::Route;

use super::{turn, waited};
use crate::Worker;
use crate::error::JobError;
use crate::policy::{self, Patience};
use crate::whatsapp::{Action, SendError, Why};

/// Brings a message that was not taken to where it stands now. The word is for the metric; the result is that of the send:
/// `false`, or when to go on.
pub(super) async fn follows(
    worker: &Worker,
    (cause, message): (&MessageId, &Outgoing),
    error: &SendError,
) -> Result<(&'static str, Result<bool, JobError>), JobError> {
    let SendError { code, action, trace } = error;
    if *action == Action::Unclear {
        outbox::outcome_unknown(&worker.pool, message.id).await?;
        let reason = anyhow::anyhow!("outcome unknown ({code})");
        return Ok(("unknown", Err(JobError::wait(worker.patience.unknown_poll, reason))));
    }
    concerns(worker, turn::route(message), error, false).await;
    // What is written is paid for, and its provider's trouble is not its fault: no attempt counts.
    if let Some(pause) = pause(worker, message, error) {
        outbox::not_taken(&worker.pool, message.id, code).await?;
        if *action == Action::Pair {
            turn::crowded_pair(worker, turn::route(message), pause).await;
        }
        let label = if *action == Action::Operator { "operator" } else { "retry" };
        return Ok((label, Err(JobError::wait(pause, anyhow::anyhow!("not taken ({code})")))));
    }
    let provider = message.provider.as_str();
    tracing::warn!(
        outbox.id = message.id.get(),
        provider,
        error.code = code,
        error.trace = trace,
        "a reply was refused"
    );
    let now = worker.clock.now();
    if *action == Action::Refused(Why::Stopped) {
        // Of its own, and first: told again, it is the same wish. A row and a person held in two orders would be two who wait
        // for each other.
        let mut tx = worker.pool.begin().await?;
        preference::stop_who_wrote(&mut tx, cause, now).await?;
        tx.commit().await?;
    }
    outbox::failed(&worker.pool, message.id, code, now).await?;
    Ok(("refused", Ok(false)))
}

/// How long a message waits for its next try. `None`: there is none.
fn pause(worker: &Worker, message: &Outgoing, error: &SendError) -> Option<Duration> {
    let patience = &worker.patience;
    let waited = waited(worker, message);
    let before =
        message.refused.as_ref().filter(|(code, _)| *code == error.code).map_or(0, |(_, times)| *times);
    let usual = || patience.retry.pause_after(waited);
    let pause = match error.action {
        Action::Again | Action::Number => usual(),
        Action::AFew(tries) if before + 1 < tries => usual(),
        Action::Later(after) => after,
        Action::Full => policy::FULL,
        Action::Pair => pair_pause(patience, before),
        Action::Operator => return (waited < patience.operator_deadline).then_some(patience.operator_pause),
        Action::AFew(_) | Action::Unclear | Action::Refused(_) => return None,
    };
    (waited < patience.send_deadline).then(|| pause.min(patience.longest_pause))
}

/// Four times as long after each refusal (Meta: Pair rate limits).
fn pair_pause(patience: &Patience, before: u32) -> Duration {
    patience.pair_pause * 4_u32.pow(before.min(policy::PAIR_POWERS))
}

/// Lets those know whom an error concerns beyond its message. `late`: it came in a report.
pub(super) async fn concerns(worker: &Worker, route: Route<'_>, error: &SendError, late: bool) {
    let SendError { code, action, trace } = error;
    let (provider, trace) = (route.provider.as_str(), trace.as_deref());
    match action {
        Action::Operator | Action::Refused(Why::Exhausted) => {
            turn::hold(worker, route, code, trace, late).await;
        }
        Action::Number => turn::crowded_number(worker, route).await,
        Action::Pair if late => turn::crowded_pair(worker, route, worker.patience.pair_pause).await,
        Action::Full => tracing::error!(provider, error.code = code, "the provider's queue is full"),
        Action::Refused(Why::Request) => {
            tracing::error!(provider, error.code = code, error.trace = trace, "our request is wrong: a bug");
        }
        Action::Refused(Why::Template) => {
            tracing::error!(
                provider,
                error.code = code,
                error.trace = trace,
                "the template of codes is missing, rejected or paused: no code can be sent"
            );
        }
        Action::Refused(Why::Country) => {
            tracing::error!(provider, error.code = code, "this account may not write to that country");
        }
        Action::Refused(Why::Unheard) => {
            tracing::error!(
                provider,
                error.code = code,
                error.trace = trace,
                "an error that nobody has heard of"
            );
        }
        Action::Again
        | Action::Later(_)
        | Action::AFew(_)
        | Action::Pair
        | Action::Unclear
        | Action::Refused(Why::Person | Why::Stopped | Why::Window | Why::Tomorrow) => {}
    }
}

/// Whether an answer of this kind shows that a number works that was paused.
pub(super) fn shows_that_it_works(outcome: Result<(), Action>) -> bool {
    match outcome {
        Ok(()) | Err(Action::Pair | Action::Number) => true,
        Err(Action::Refused(why)) => !matches!(why, Why::Unheard | Why::Exhausted),
        Err(_) => false,
    }
}

/// What a code asks of us that came in a report.
pub(super) fn reported(provider: Provider, code: &str) -> SendError {
    let action = crate::whatsapp::reported(provider, code);
    SendError::new(code, action.unwrap_or(Action::Refused(Why::Unheard)))
}
