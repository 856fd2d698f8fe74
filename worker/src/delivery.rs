//! Sending what stands in the outbox for one message, part by part, in its turn, and never blindly twice.
//!
//! `turn` says when a part may leave, `refusal` what follows when it was not taken, `report` what a provider tells later.

mod courtesy;
mod refusal;
pub mod report;
mod slo;
mod turn;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use metrics::counter;
use shared::message::MessageId;
use shared::otp::Refusal;
use shared::outbox::{self, Outgoing, State};
use shared::queue::Hold;
use shared::{fault, preference};

use crate::error::JobError;
use crate::{Worker, code, document, window};
use turn::Leave;

pub use courtesy::try_once;
pub use slo::REPLIES;

/// Why a part was not sent whose person wants no messages: a word of ours, beside the providers' codes.
const STOPPED: &str = "stopped";

/// Why a part was not sent whose person wrote more than a day ago.
pub(crate) const WINDOW: &str = "window";

/// Why a part was not sent whose number stayed paused for longer than an answer is worth.
const PAUSED: &str = "paused";

/// Why something was not made, or cannot be read: its person is in the books no more.
const FORGOTTEN: &str = "forgotten";

/// How the sending of an answer ended, when it did end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Delivered {
    /// The provider has every part.
    Whole,
    /// A part was refused for good; what came before it may have arrived.
    Refused {
        /// Whether any part was taken.
        partly: bool,
    },
}

/// Sends every part that is still to be sent, each after the one before was accepted. After a refusal the rest is
/// not sent. An error says when to go on. `received_at`: since when the person of this message has been waiting.
pub async fn deliver(
    worker: &Worker,
    cause: &MessageId,
    received_at: DateTime<Utc>,
) -> Result<Delivered, JobError> {
    let delivered = deliver_parts(worker, cause, received_at).await?;
    if delivered != Delivered::Whole {
        outbox::abandon(&worker.pool, cause, worker.clock.now()).await?;
    }
    Ok(delivered)
}

async fn deliver_parts(
    worker: &Worker,
    cause: &MessageId,
    received_at: DateTime<Utc>,
) -> Result<Delivered, JobError> {
    let mut taken = 0;
    let messages = outbox::caused_by(&mut *worker.pool.acquire().await?, &worker.vault, cause).await?;
    let open = |message: &Outgoing| !matches!(message.state, State::Accepted | State::Failed);
    // Looked at now, since they may have said so, or the day may have passed, while this waited.
    let in_the_way = if !messages.iter().any(open) {
        None
    } else if let Some(code) = messages.iter().find(|message| message.challenge.is_some()) {
        code::in_the_way(worker, cause, code).await?
    } else if preference::silences(&worker.pool, cause).await? {
        Some(STOPPED)
    } else if !window::is_open_for(&worker.pool, cause, worker.clock.now()).await? {
        Some(WINDOW)
    } else {
        None
    };
    for message in messages {
        let state = match message.state {
            State::Accepted | State::Failed => message.state,
            State::Sending | State::Unknown if fault::without("sending") => State::Pending,
            // Marked by a worker that is gone, or by a zombie: it may have left.
            State::Sending => {
                outbox::outcome_unknown(&worker.pool, message.id).await?;
                settle_unknown(worker, &message).await?
            }
            State::Unknown => settle_unknown(worker, &message).await?,
            State::Pending => State::Pending,
        };
        match state {
            State::Accepted => taken += 1,
            State::Failed => return Ok(Delivered::Refused { partly: taken > 0 }),
            _ if let Some(reason) = in_the_way => {
                give_up(worker, &message, reason).await?;
                if reason != STOPPED {
                    slo::undelivered(&message);
                }
                return Ok(Delivered::Refused { partly: taken > 0 });
            }
            _ if send(worker, cause, received_at, &message).await? => taken += 1,
            _ => {
                slo::undelivered(&message);
                return Ok(Delivered::Refused { partly: taken > 0 });
            }
        }
    }
    Ok(Delivered::Whole)
}

/// Hands one part to its provider, in its turn. `false`: refused for good.
#[tracing::instrument(
    name = "send",
    skip_all,
    fields(otel.kind = "client", provider = message.provider.as_str(), outbox.id = message.id.get(), outcome)
)]
async fn send(
    worker: &Worker,
    cause: &MessageId,
    received_at: DateTime<Utc>,
    message: &Outgoing,
) -> Result<bool, JobError> {
    let leave = turn::take(worker, message).await;
    if let Leave::Later(after, hold) = leave {
        if hold == Hold::Paused && waited(worker, message) >= worker.patience.operator_deadline {
            give_up(worker, message, PAUSED).await?;
            return Ok(false);
        }
        let reason = anyhow::anyhow!("not its turn ({})", hold.as_str());
        return Err(JobError::wait(after, reason));
    }
    // Before it is marked: what goes wrong with the books here leaves no doubt about what has left.
    let document = match message.document {
        None => None,
        Some(document) => {
            let made = document::make(worker, cause, message, document).await?;
            if made.is_none() {
                give_up(worker, message, FORGOTTEN).await?;
                return Ok(false);
            }
            made
        }
    };
    if !outbox::mark_sending(&worker.pool, message.id, worker.clock.now()).await? {
        return Err(JobError::wait(
            worker.patience.unknown_poll,
            anyhow::anyhow!("another worker is sending this"),
        ));
    }
    fault::point("send.marked");
    let outcome = match (&message.challenge, document) {
        (None, None) => worker.providers.send(message).await,
        (None, Some(document)) => document::send(worker, cause, message, document).await?,
        (Some(challenge), _) => {
            let Some((code, language)) = code::make(worker, cause, challenge).await? else {
                give_up(worker, message, Refusal::Late.as_str()).await?;
                return Ok(false);
            };
            worker.providers.send_code(message, &code, language).await
        }
    };
    fault::point("send.accepted");
    let works = refusal::shows_that_it_works(outcome.as_ref().map(drop).map_err(|error| error.action));
    let provider = message.provider.as_str();
    let (label, result) = match outcome {
        Ok(accepted) => {
            let now = worker.clock.now();
            outbox::accepted(&worker.pool, message.id, &accepted.0, now).await?;
            slo::delivered(message, now - received_at);
            ("accepted", Ok(true))
        }
        Err(error) => refusal::follows(worker, (cause, message), &error).await?,
    };
    counter!("postly_sends_total", "provider" => provider, "outcome" => label).increment(1);
    tracing::Span::current().record("outcome", label);
    if leave == Leave::Probe && works {
        turn::release(worker, turn::route(message), message.id, false).await;
    }
    fault::point("send.recorded");
    result
}

/// A part is not even tried, for a reason of ours.
async fn give_up(worker: &Worker, message: &Outgoing, reason: &'static str) -> Result<(), JobError> {
    let provider = message.provider.as_str();
    tracing::warn!(outbox.id = message.id.get(), provider, error.code = reason, "a reply is not sent");
    outbox::failed(&worker.pool, message.id, reason, worker.clock.now()).await?;
    counter!("postly_sends_total", "provider" => provider, "outcome" => reason).increment(1);
    Ok(())
}

/// How long a part has been waiting to leave.
fn waited(worker: &Worker, message: &Outgoing) -> Duration {
    (worker.clock.now() - message.created_at).to_std().unwrap_or_default()
}

/// A part whose outcome is unknown waits for the provider's report. After the deadline it is sent once more, and
/// only once: of a message that vanished twice we know nothing better than to stop.
async fn settle_unknown(worker: &Worker, message: &Outgoing) -> Result<State, JobError> {
    let deadline = TimeDelta::from_std(worker.patience.unknown_deadline).unwrap_or_default();
    let waited = worker.clock.now() - message.sending_at.unwrap_or_default();
    if waited < deadline {
        let cause = anyhow::anyhow!("the provider has not reported yet");
        return Err(JobError::wait(worker.patience.unknown_poll, cause));
    }
    let again = message.attempts < 2;
    let moved = if again {
        outbox::unreported(&worker.pool, message.id).await?
    } else {
        outbox::failed(&worker.pool, message.id, "unknown", worker.clock.now()).await?
    };
    if !moved {
        return Err(JobError::wait(Duration::ZERO, anyhow::anyhow!("the provider has just reported")));
    }
    if !again {
        slo::undelivered(message);
    }
    let outcome = if again { "resent" } else { "lost" };
    counter!("postly_sends_total", "provider" => message.provider.as_str(), "outcome" => outcome)
        .increment(1);
    Ok(if again { State::Pending } else { State::Failed })
}
