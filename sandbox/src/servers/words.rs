//! What a program and its keeper say to each other, one JSON value a line.
//!
//! The keeper's first line is a greeting or an error. After that each request gets one answer, in order, with the
//! request's number, so that an answer nobody waited for is not taken for another one.

use std::{
    fmt::{self, Display},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

/// What the keeper shall start: the argument after `keeper`. Holds nothing secret, for `ps` shows it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// See [`super::Options::base`].
    pub base: PathBuf,
    /// See [`super::Options::durable`].
    pub durable: bool,
    /// Logical databases of the Redis to start; `None` starts no Redis.
    pub redis_databases: Option<u16>,
    /// See [`super::Options::redis_cluster`].
    #[serde(default)]
    pub redis_cluster: bool,
    /// Connections of the Postgres to start; `None` starts no Postgres.
    pub postgres_connections: Option<u16>,
}

/// The first line: everything is up, and here it is.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Greeting {
    /// Where the private Postgres answers.
    pub database_url: Option<String>,
    /// Where the private Redis answers.
    pub redis_url: Option<String>,
    /// What will be erased at the end.
    pub directory: Option<PathBuf>,
}

/// The first line, either way. A keeper that cannot clean up says so in its last line, in the same words.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FirstLine {
    /// Nothing runs, and nothing is left behind.
    Failed {
        /// The whole reason, for a person.
        error: String,
    },
    /// The servers accept connections.
    Ready(Greeting),
}

/// A fault, or the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Whom it befalls.
    pub server: Server,
    /// What befalls it.
    pub act: Act,
}

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// The books.
    Postgres,
    /// The queue.
    Redis,
}

impl Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "Postgres",
            Self::Redis => "Redis",
        })
    }
}

/// What can be done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// SIGKILL.
    Kill,
    /// An orderly stop that keeps the data.
    Stop,
    /// The same port and data again.
    Start,
    /// SIGSTOP.
    Freeze,
    /// SIGCONT.
    Thaw,
}

/// A value with the number of its request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Numbered<T> {
    /// Counts the requests of one program from 1.
    pub number: u64,
    /// The request or its answer.
    pub value: T,
}

/// How a request ended: `None` when it was done, else why not.
pub type Answer = Option<String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_not_taken_for_a_greeting_nor_the_reverse() {
        let failed: FirstLine = serde_json::from_str(r#"{"error":"no initdb"}"#).unwrap();
        assert!(matches!(failed, FirstLine::Failed { error } if error == "no initdb"));
        let ready: FirstLine = serde_json::from_str(r#"{"redis_url":"redis://127.0.0.1:1"}"#).unwrap();
        assert!(matches!(ready, FirstLine::Ready(Greeting { redis_url: Some(_), .. })));
    }
}
