//! Words that nothing hangs on: tried once, if it is their turn, and forgotten.

use shared::message::MessageId;
use shared::outbox;

use super::turn::{self, Leave};
use crate::Worker;

/// Why such words were not tried: there is no turn for them, and they must not be late.
const NO_TURN: &str = "no_turn";

/// Sends what a message caused to be said, without a second try. Whether the provider took all of it.
pub async fn try_once(worker: &Worker, cause: &MessageId) -> Result<bool, sqlx::Error> {
    let mut taken = true;
    for message in outbox::caused_by(&worker.pool, cause).await? {
        let leave = turn::take(worker, &message).await;
        if !outbox::mark_sending(&worker.pool, message.id, worker.clock.now()).await? {
            return Ok(false);
        }
        let outcome = match leave {
            Leave::Later(..) => Err(NO_TURN.to_owned()),
            Leave::Now | Leave::Probe => worker.providers.send(&message).await.map_err(|error| error.code),
        };
        let now = worker.clock.now();
        match outcome {
            Ok(accepted) => {
                outbox::accepted(&worker.pool, message.id, &accepted.0, now).await?;
                if leave == Leave::Probe {
                    turn::release(worker, turn::route(&message), false).await;
                }
            }
            Err(code) => {
                taken = false;
                let _given_up = outbox::failed(&worker.pool, message.id, &code, now).await?;
            }
        }
    }
    Ok(taken)
}
