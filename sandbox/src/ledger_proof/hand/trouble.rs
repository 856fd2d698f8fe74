//! Why a transaction came to nothing: harm that was meant, or something that must never happen.

use shared::ledger::LedgerError;
use shared::payment::PaymentError;
use shared::spill::SpillError;
use sqlx::postgres::PgDatabaseError;

use crate::ledger_proof::tally::{Tally, count};

/// Why a transaction came to nothing.
#[derive(Debug)]
pub enum Trouble {
    /// Postgres says so, or does not answer.
    Database(sqlx::Error),
    /// The books say so.
    Other(String),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Database(error) => Self::Database(error),
            LedgerError::NoSuchPerson => Self::Other(error.to_string()),
        }
    }
}

impl From<PaymentError> for Trouble {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::Ledger(error) => error.into(),
            PaymentError::Spill(SpillError::Database(error)) => Self::Database(error),
            PaymentError::Spill(error) => Self::Other(error.to_string()),
        }
    }
}

impl Trouble {
    /// Counts it, and whatever was not meant as a breach.
    pub(super) fn count(&self, tally: &Tally, what: &str) {
        let error = match self {
            Self::Other(error) => return tally.breach(None, format!("{what}: {error}")),
            Self::Database(error) => error,
        };
        let Some(told) = error.as_database_error() else {
            return match error {
                // The server's last words may be lost with the connection.
                sqlx::Error::Io(_) => count(&tally.terminated),
                error => tally.breach(None, format!("{what}: {error}")),
            };
        };
        let code = told.code().unwrap_or_default();
        match &*code {
            "57P01" => count(&tally.terminated),
            "40P01" => count(&tally.deadlocks),
            "40001" => count(&tally.serialization),
            _ => {}
        }
        if code != "57P01" {
            let detail = told.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::detail);
            tally.breach(None, format!("{what}: {code} {told} {}", detail.unwrap_or_default()));
        }
    }
}
