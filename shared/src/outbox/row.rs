//! A row of the outbox, as it is read: what is sealed in it is opened, and its words become ours.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::address::Stored;
use super::{Document, OutboxId, Outgoing, Reply, State};
use crate::menu::Menu;
use crate::message::{Address, MessageId};
use crate::vault::{Keys, Place, Vault};

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    provider: String,
    business: String,
    address: Json<Stored>,
    body: String,
    challenge: Option<String>,
    document: Option<String>,
    menu: Option<Json<Kept>>,
    state: String,
    attempts: i32,
    error_code: Option<String>,
    refusals: i32,
    created_at: DateTime<Utc>,
    sending_at: Option<DateTime<Utc>>,
    apology: Option<bool>,
}

/// A menu, as it stands in the table.
#[derive(serde::Deserialize)]
#[serde(untagged)]
pub(super) enum Kept {
    /// Sealed, or as JSON where there was no key.
    Sealed(String),
    /// From before there was a vault.
    Plain(Menu),
}

impl Kept {
    /// As it stands in the table, where it may be sealed.
    pub(super) fn stored(&self) -> Option<&str> {
        match self {
            Self::Sealed(stored) => Some(stored),
            Self::Plain(_) => None,
        }
    }

    pub(super) fn read(self, cause: &str, keys: &Keys) -> Result<Option<Menu>, sqlx::Error> {
        match self {
            Self::Plain(menu) => Ok(Some(menu)),
            Self::Sealed(stored) => {
                let menu = keys.open(Place::Menu, cause, stored)?;
                let menu = menu.map(|menu| serde_json::from_str(&menu)).transpose();
                menu.map_err(|error| sqlx::Error::Decode(error.into()))
            }
        }
    }
}

impl Row {
    /// What of it may be sealed, as it stands in the table.
    pub(super) fn stored(&self) -> impl Iterator<Item = &str> {
        let menu = self.menu.as_ref().and_then(|menu| menu.0.stored());
        menu.into_iter().chain(self.address.0.stored()).chain([self.body.as_str()])
    }

    /// What nobody can read any more, since its person is forgotten, has failed: it must not be sent.
    pub(super) fn read(self, cause: &MessageId, vault: &Vault, keys: &Keys) -> Result<Outgoing, sqlx::Error> {
        let body = keys.open(Place::Body, cause.as_str(), self.body)?;
        let address = self.address.0.read(cause.as_str(), vault, keys)?;
        let menu = match self.menu {
            Some(menu) => menu.0.read(cause.as_str(), keys)?,
            None => None,
        };
        let state = match self.state.as_str() {
            _ if body.is_none() || address.is_none() => State::Failed,
            "pending" => State::Pending,
            "sending" => State::Sending,
            "unknown" => State::Unknown,
            "failed" => State::Failed,
            _ => State::Accepted,
        };
        Ok(Outgoing {
            id: OutboxId(self.id),
            provider: self.provider.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?,
            business: self.business,
            address: address.unwrap_or_else(Address::nowhere),
            body: body.unwrap_or_default(),
            challenge: self.challenge,
            document: self.document.as_deref().map(Document::from_stored).transpose()?,
            menu,
            state,
            attempts: self.attempts,
            refused: self.error_code.zip(u32::try_from(self.refusals).ok()),
            created_at: self.created_at,
            sending_at: self.sending_at,
            reply: self.apology.map(|apology| if apology { Reply::Apology } else { Reply::Answer }),
        })
    }
}
