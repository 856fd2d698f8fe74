//! The line to Redis: one connection for every call, replaced when it stays silent.
//!
//! The client's own manager reconnects when a connection breaks. It keeps one that is merely silent, as after the
//! loss of a machine (the kernel goes on trying for a quarter of an hour), and one to a server that has become a
//! replica. Either would outlast the failover that everybody else has long forgotten.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, ErrorKind, Pipeline, RedisFuture, RedisResult, ServerErrorKind, Value};

/// Clones share one connection.
#[derive(Clone)]
pub(super) struct Line(Arc<Connecting>);

/// How to connect, and the connection there is.
struct Connecting {
    client: redis::Client,
    config: ConnectionManagerConfig,
    current: Mutex<Numbered>,
}

/// A connection, and how many were there before it.
#[derive(Clone)]
struct Numbered {
    number: u64,
    connection: ConnectionManager,
}

impl Line {
    /// Connects at the first call.
    pub(super) fn new(client: redis::Client, patience: Duration) -> RedisResult<Self> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(patience))
            .set_response_timeout(Some(patience));
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config.clone())?;
        let current = Mutex::new(Numbered { number: 0, connection });
        Ok(Self(Arc::new(Connecting { client, config, current })))
    }

    fn current(&self) -> Numbered {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a new connection in the place of the one with this number, unless somebody has done so already.
    fn replace(&self, number: u64) {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number == number
            && let Ok(connection) =
                ConnectionManager::new_lazy_with_config(self.0.client.clone(), self.0.config.clone())
        {
            *current = Numbered { number: number + 1, connection };
        }
    }
}

/// Whether this answer says that the line is of no use. An error of the server still stands in the value here.
fn is_useless(answer: &RedisResult<Value>) -> bool {
    match answer {
        Ok(Value::ServerError(error)) => error.kind() == Some(ServerErrorKind::ReadOnly),
        Ok(_) => false,
        Err(error) => error.is_timeout() || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly),
    }
}

impl ConnectionLike for Line {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let Numbered { number, mut connection } = self.current();
            let answer = connection.req_packed_command(command).await;
            if is_useless(&answer) {
                self.replace(number);
            }
            answer
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        // The queue sends scripts, one a call; nothing here depends on what a pipeline is told.
        Box::pin(async move { self.current().connection.req_packed_commands(pipeline, offset, count).await })
    }

    fn get_db(&self) -> i64 {
        self.current().connection.get_db()
    }
}
