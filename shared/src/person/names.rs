//! How the names of people stand in our tables: found by a digest, readable under the key of whose they are.

use sqlx::{PgConnection, PgExecutor};

use super::UserId;
use crate::phone::E164;
use crate::vault::{Lookup, PersonKey, Place, Vault};

/// A name of an account.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// `phone`, or `bsuid` for an id.
    pub(crate) kind: &'static str,
    /// By what it is found.
    pub(crate) digest: String,
    /// The number as people dial it, or the id. `None`: the key of whose it was is gone.
    pub(crate) value: Option<String>,
}

impl Name {
    /// The number that it is.
    pub(crate) fn number(&self) -> Option<E164> {
        self.value.as_deref().filter(|_| self.kind == kind(true)).and_then(|number| number.parse().ok())
    }

    /// What the names of one message, and of one account, are held by.
    pub(super) fn key(&self) -> (&'static str, String) {
        (self.kind, self.digest.clone())
    }
}

/// Writes and reads names.
#[derive(Clone)]
pub(super) struct Names {
    vault: Vault,
    lookup: Lookup,
}

/// The word of the tables for a kind.
pub(super) fn kind(is_number: bool) -> &'static str {
    if is_number { "phone" } else { "bsuid" }
}

impl Names {
    /// As this database has them.
    pub(super) async fn of(vault: &Vault, db: impl PgExecutor<'_>) -> Result<Self, sqlx::Error> {
        Ok(Self { lookup: vault.lookup(db).await?, vault: vault.clone() })
    }

    /// By what a number is found, whichever of its spellings this is.
    pub(super) fn phone(&self, phone: &E164) -> String {
        self.lookup.phone(phone)
    }

    /// By what an id is found.
    pub(super) fn id(&self, id: &str) -> String {
        self.lookup.id(id)
    }

    /// Tells two spellings of a number apart.
    pub(super) fn spelling(&self, phone: &E164) -> String {
        self.lookup.spelling(phone)
    }

    /// By what it is known that a number has had the welcome gift.
    pub(super) fn welcomed(&self, phone: &E164) -> Vec<u8> {
        self.lookup.welcomed(phone).into_bytes()
    }

    /// The same from the digest that was kept before there was a key.
    pub(super) fn welcomed_before(&self, digest: &[u8]) -> Vec<u8> {
        self.lookup.welcomed_before(digest).into_bytes()
    }

    /// The name of a kind that stands in a column of the web app, as ours would have it. A number that is none is found by
    /// what stands there.
    pub(super) fn of_column(&self, is_number: bool, value: String) -> Name {
        let number = value.parse::<E164>().ok().filter(|_| is_number);
        let digest = number.as_ref().map_or_else(|| self.id(&value), |number| self.phone(number));
        let value = number.map_or(value, |number| String::from(number.canonical()));
        Name { kind: kind(is_number), digest, value: Some(value) }
    }

    /// The key of an account, which is held.
    pub(super) async fn key(&self, db: &mut PgConnection, user: &UserId) -> Result<PersonKey, sqlx::Error> {
        self.vault.key(db, user).await
    }

    /// Reads sealed names, each with the digest that it stands beside.
    pub(super) async fn open(
        &self,
        db: impl PgExecutor<'_>,
        sealed: Vec<(String, String)>,
    ) -> Result<Vec<Option<String>>, sqlx::Error> {
        let stored: Vec<&str> = sealed.iter().map(|(_, stored)| stored.as_str()).collect();
        let keys = self.vault.keys(db, &stored).await?;
        let opened = sealed.into_iter().map(|(digest, stored)| keys.open(Place::Name, &digest, stored));
        Ok(opened.collect::<Result<_, _>>()?)
    }
}
