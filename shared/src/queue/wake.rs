//! Waiting for work without asking over and over: a blocking read on a connection of its own. The token that
//! ends the wait carries nothing, so a lost reply loses nothing.

use std::sync::Arc;
use std::time::Duration;

use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;

use super::{Queue, QueueError, key};

/// The longest single wait. Bounds how late a worker notices what no token tells: an expired lease, a pause
/// that ended.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A worker's ear.
pub struct Waker {
    client: Arc<redis::Client>,
    patience: Duration,
    connection: Option<MultiplexedConnection>,
}

impl Queue {
    /// An ear on this queue. Connects at the first wait.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker { client: self.client.clone(), patience: self.settings.patience, connection: None }
    }
}

impl Waker {
    /// Returns when something became ready, or after `at_most` (bounded by a second), whichever is first.
    pub async fn wait(&mut self, at_most: Duration) -> Result<(), QueueError> {
        let wait = at_most.min(LONGEST_WAIT);
        let result = self.block(wait).await;
        if result.is_err() {
            self.connection = None;
        }
        result
    }

    async fn block(&mut self, wait: Duration) -> Result<(), QueueError> {
        if self.connection.is_none() {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(self.patience))
                .set_response_timeout(Some(LONGEST_WAIT + self.patience));
            self.connection = Some(self.client.get_multiplexed_async_connection_with_config(&config).await?);
        }
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let mut command = redis::cmd("BLPOP");
        // Zero would mean for ever.
        command.arg(key("wake")).arg(wait.as_secs_f64().max(0.001));
        command.query_async::<redis::Value>(connection).await?;
        Ok(())
    }
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Waker")
    }
}
