//! Why a message is not finished. The error is the decision: what happens to it next.

use std::time::Duration;

use shared::ledger::LedgerError;

/// What to do with a message that is not finished.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Try again; the attempt counts.
    #[error("will be tried again: {cause:#}")]
    Retry {
        /// When somebody said when; otherwise the usual backoff.
        after: Option<Duration>,
        /// Why.
        cause: anyhow::Error,
    },
    /// Try again; not the message's fault, so the attempt does not count.
    #[error("waits: {cause:#}")]
    Wait {
        /// How long.
        after: Duration,
        /// For what.
        cause: anyhow::Error,
    },
    /// Never again: it becomes a dead letter with this reason, which holds no text of a person.
    #[error("failed: {reason}")]
    Fail {
        /// For the operator.
        reason: String,
    },
}

impl JobError {
    /// Try again, with the usual backoff.
    pub fn retry(cause: impl Into<anyhow::Error>) -> Self {
        Self::Retry { after: None, cause: cause.into() }
    }

    /// Try again after some time, without counting.
    pub fn wait(after: Duration, cause: impl Into<anyhow::Error>) -> Self {
        Self::Wait { after, cause: cause.into() }
    }

    /// Never again.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::Fail { reason: reason.into() }
    }
}

/// Postgres away is nobody's fault and burns no attempt; Postgres refusing a statement is a failed attempt.
impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        let away = match &error {
            // A master key is missing: an operator's affair (shared/src/vault.rs).
            sqlx::Error::Configuration(_)
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            // Connection exceptions, insufficient resources, operator intervention (PostgreSQL, Appendix A); and the
            // tables not being there yet, while another process still migrates.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                ["08", "53", "57"].iter().any(|class| code.starts_with(class))
                    || code == "42P01"
                    || code == "3F000"
            }),
            _ => false,
        };
        let cause = anyhow::Error::msg(shared::db::told(&error));
        if away { Self::wait(crate::policy::DEPENDENCY_AWAY, cause) } else { Self::retry(cause) }
    }
}

impl From<LedgerError> for JobError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Database(error) => error.into(),
            LedgerError::NoSuchPerson => Self::retry(error),
        }
    }
}
