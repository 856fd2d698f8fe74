//! Words that nothing hangs on: tried once, if it is their turn, and forgotten.

use shared::message::MessageId;
use shared::outbox::{self, State};

use super::turn::{self, Leave};
use super::{FORGOTTEN, refusal};
use crate::Worker;

/// Why such words were not tried: there is no turn for them, and they must not be late.
const NO_TURN: &str = "no_turn";

/// Sends what a message caused to be said, without a second try. Whether the provider took all of it.
pub async fn try_once(worker: &Worker, cause: &MessageId) -> Result<bool, sqlx::Error> {
    let mut taken = true;
    let messages = outbox::caused_by(&mut *worker.pool.acquire().await?, &worker.vault, cause).await?;
    for message in messages {
        match message.state {
            State::Pending => {}
            // Nobody can read it any more: that is its end, or it would wait for ever.
            State::Failed => {
                let _given_up =
                    outbox::failed(&worker.pool, message.id, FORGOTTEN, worker.clock.now()).await?;
                return Ok(false);
            }
            // Somebody else has it.
            _ => return Ok(false),
        }
        let leave = turn::take(worker, &message).await;
        if !outbox::mark_sending(&worker.pool, message.id, worker.clock.now()).await? {
            return Ok(false);
        }
        let outcome = match leave {
            Leave::Later(..) => None,
            Leave::Now | Leave::Probe => Some(worker.providers.send(&message).await),
        };
        let now = worker.clock.now();
        let code = match &outcome {
            Some(Ok(accepted)) => {
                outbox::accepted(&worker.pool, message.id, &accepted.0, now).await?;
                None
            }
            Some(Err(error)) => {
                refusal::concerns(worker, turn::route(&message), error, false).await;
                Some(error.code.as_str())
            }
            None => Some(NO_TURN),
        };
        if let Some(code) = code {
            taken = false;
            let _given_up = outbox::failed(&worker.pool, message.id, code, now).await?;
        }
        if leave == Leave::Probe
            && let Some(outcome) = outcome
            && refusal::shows_that_it_works(outcome.map(drop).map_err(|error| error.action))
        {
            turn::release(worker, turn::route(&message), message.id, false).await;
        }
    }
    Ok(taken)
}
