//! Where something goes, as it stands in the table: sealed under the key of whoever gets it. A code, or an apology to somebody
//! whom the books do not know, has nobody's key: it is sealed under one that follows from the master key, like what waits in
//! the queue.

use serde::Deserialize;
use sqlx::{PgConnection, PgExecutor};

use crate::message::{Address, MessageId, Provider};
use crate::vault::{Keys, PersonKey, Place, Vault};

/// What stands before an address that is sealed under nobody's key, with the version of how.
const NOBODYS: &str = "waiting:1:";

/// An address, as it stands in the table.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Stored {
    /// Sealed, under a person's key or nobody's.
    Sealed(String),
    /// From before addresses were sealed.
    Plain(Address),
}

impl Stored {
    /// As it stands in the table, where it may be sealed.
    pub(super) fn stored(&self) -> Option<&str> {
        match self {
            Self::Sealed(stored) => Some(stored),
            Self::Plain(_) => None,
        }
    }

    /// The address. `None`: its key is gone, and it is nobody's any more.
    pub(super) fn read(
        self,
        cause: &str,
        vault: &Vault,
        keys: &Keys,
    ) -> Result<Option<Address>, sqlx::Error> {
        let stored = match self {
            Self::Plain(address) => return Ok(Some(address)),
            Self::Sealed(stored) => stored,
        };
        let opened = match stored.strip_prefix(NOBODYS) {
            Some(sealed) => Some(vault.open_waiting(&place(cause), sealed)?),
            None => keys.open(Place::Address, cause, stored)?.map(String::into_bytes),
        };
        let address = opened.map(|opened| serde_json::from_slice(&opened)).transpose();
        address.map_err(|error| sqlx::Error::Decode(error.into()))
    }
}

/// Seals the address of what a cause brings about.
pub(crate) fn seal(
    (vault, key): (&Vault, Option<&PersonKey>),
    cause: &str,
    address: &Address,
) -> Result<String, sqlx::Error> {
    let address = serde_json::to_string(address).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(match key {
        Some(key) => key.seal(Place::Address, cause, &address),
        None => format!("{NOBODYS}{}", vault.seal_waiting(&place(cause), address.as_bytes())?),
    })
}

fn place(cause: &str) -> String {
    format!("outbox.address\n{cause}")
}

/// By what an erasure finds a row that answers no message: a digest of where it went. `None`: it answers one, and is found by
/// that.
pub(super) async fn reached(
    db: &mut PgConnection,
    vault: &Vault,
    cause: &MessageId,
    address: &Address,
) -> Result<Option<String>, sqlx::Error> {
    if is_aside(cause.as_str()) { Ok(Some(vault.lookup(db).await?.address(address))) } else { Ok(None) }
}

/// Whether this is the cause of something that answers no message.
pub(crate) fn is_aside(cause: &str) -> bool {
    let carried = |provider: Provider| cause.split(':').next() == Some(provider.as_str());
    !Provider::ALL.into_iter().any(carried)
}

/// By whom the addresses of nobody's are sealed to which something is still to be sent: a master for each row.
pub async fn waiting(db: impl PgExecutor<'_>) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select split_part(address #>> '{}', ':', 3) from wa.outbox
         where state in ('pending', 'sending', 'unknown') and starts_with(address #>> '{}', $1)",
    )
    .bind(NOBODYS)
    .fetch_all(db)
    .await
}
