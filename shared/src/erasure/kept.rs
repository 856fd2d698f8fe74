//! A reach in the table, for the seconds in which the queue is searched by it: it is full of names, and so it is sealed, like what
//! waits in the queue.

use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;

use super::Reach;
use crate::vault::Vault;

/// A reach, as it stands in the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Kept {
    /// Sealed, like what waits in the queue.
    Sealed(String),
    /// From before reaches were sealed.
    Plain(Box<Reach>),
}

impl Kept {
    pub(super) fn of(reach: &Reach, vault: &Vault, receipt: &str) -> Result<Self, sqlx::Error> {
        let text = serde_json::to_vec(reach).map_err(|error| sqlx::Error::Encode(error.into()))?;
        Ok(Self::Sealed(vault.seal_waiting(&place(receipt), &text)?))
    }

    pub(super) fn read(&self, vault: &Vault, receipt: &str) -> Result<Reach, sqlx::Error> {
        match self {
            Self::Plain(reach) => Ok(reach.as_ref().clone()),
            Self::Sealed(sealed) => {
                let text = vault.open_waiting(&place(receipt), sealed)?;
                serde_json::from_slice(&text).map_err(|error| sqlx::Error::Decode(error.into()))
            }
        }
    }
}

fn place(receipt: &str) -> String {
    format!("erasure.reach\n{receipt}")
}

/// By whom reaches are sealed that stand in the table at this moment: a master for each.
pub async fn waiting(db: impl PgExecutor<'_>) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select split_part(reach #>> '{}', ':', 1) from wa.erasure where jsonb_typeof(reach) = 'string'",
    )
    .fetch_all(db)
    .await
}
