//! Words at rest. What people write and are written stands in our tables sealed, under a key of its person's own; that key
//! stands in `wa.data_key`, sealed under a master key that stands in no table. Who is forgotten loses the key, and what is
//! left of their words anywhere, in a backup too, is noise.
//!
//! AES-256-GCM (NIST SP 800-38D), with a new random nonce for each text; what is sealed for one place of one row opens in no
//! other. What was written before there was a master key stands there as it was, and is read as it is.
//!
//! Owner of `wa.data_key`.

mod lookup;
mod master;
mod person_key;
mod rotate;
mod secret;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use sqlx::{PgConnection, PgExecutor};
use tokio::sync::OnceCell;

use crate::env::Env;
use crate::person::UserId;

pub(crate) use lookup::DIGEST;
pub use lookup::{Lookup, can_look_up};
pub use master::MasterKey;
pub use person_key::{Keys, PersonKey};
pub use rotate::{Held, held};
pub use secret::Secret;

/// Where sealed words stand: a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `wa.receipt.brief`, by the message.
    Brief,
    /// `wa.step.output`, by the message and the step.
    Output,
    /// `wa.outbox.body`, by its cause.
    Body,
    /// `wa.outbox.menu`, by its cause.
    Menu,
    /// `wa.outbox.address`, by its cause.
    Address,
    /// `wa.kept_brief.brief`.
    KeptBrief,
    /// `wa.identity.name`, by its digest.
    Name,
    /// The columns of the web app that `wa.joined` keeps, by the column and the account.
    Joined,
}

impl Place {
    fn as_str(self) -> &'static str {
        match self {
            Self::Brief => "receipt.brief",
            Self::Output => "step.output",
            Self::Body => "outbox.body",
            Self::Menu => "outbox.menu",
            Self::Address => "outbox.address",
            Self::KeptBrief => "kept_brief.brief",
            Self::Name => "identity.name",
            Self::Joined => "joined",
        }
    }
}

/// Why sealed words could not be read or written. Neither a key nor a word is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The key was sealed by a master key that is not, or not any more, in `MASTER_KEY`.
    #[error("a person's key is sealed under a master key that MASTER_KEY does not name")]
    UnknownMaster,
    /// What stands there is not what was sealed.
    #[error("sealed words have been touched, or stand where they were not sealed for")]
    Touched,
    /// By what names are looked up is not there.
    #[error(
        "wa.data_key has no key for looking names up: either the migrations have not been applied with MASTER_KEY, or \
             a backup was restored without that table"
    )]
    NoLookup,
}

/// In the words of those who read and write the tables. A master key that is not there is the operator's affair and mended by
/// them, like a dependency that is away; whatever was touched stays so.
impl From<VaultError> for sqlx::Error {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::UnknownMaster | VaultError::NoLookup => Self::Configuration(error.into()),
            VaultError::Touched => Self::Decode(error.into()),
        }
    }
}

/// The master keys: what opens the keys of people. Cheap to clone. Belongs to one database.
#[derive(Clone)]
pub struct Vault {
    masters: Arc<[MasterKey]>,
    /// Read once, since it never changes.
    lookup: Arc<OnceCell<Lookup>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Vault").field(&self.masters.len()).finish()
    }
}

impl Vault {
    /// Reads `MASTER_KEY`, noting what is wrong with it there: 32 bytes in base64 each, separated by commas. The first seals,
    /// all of them open.
    pub fn from_env(env: &mut Env) -> Self {
        let what_for = "the key under which what people write is sealed (openssl rand -base64 32)";
        let set = !env.required("MASTER_KEY", what_for).is_empty();
        let read: Vec<Option<MasterKey>> = env.secrets("MASTER_KEY").iter().map(MasterKey::read).collect();
        if set && (read.is_empty() || read.iter().any(Option::is_none)) {
            env.problem("MASTER_KEY must be 32 bytes in base64 (openssl rand -base64 32), or several with commas between them");
        }
        Self::new(read.into_iter().flatten().collect())
    }

    /// A vault of these keys, of which the first seals.
    #[must_use]
    pub fn new(keys: Vec<MasterKey>) -> Self {
        Self { masters: keys.into(), lookup: Arc::default() }
    }

    /// The key of this person, made if they have none. Belongs in the transaction that writes what it seals.
    pub async fn key(&self, db: &mut PgConnection, user: &UserId) -> Result<PersonKey, sqlx::Error> {
        if let Some(row) = Row::of(&mut *db, user).await? {
            return Ok(row.open(self)?);
        }
        // The account before its key, as whoever holds the account comes to need one: in two orders each of two conversations of
        // one person would wait for the other. Whoever had it first may have made one.
        sqlx::query(r#"select from "User" where "id" = $1 for no key update"#)
            .bind(user.as_str())
            .execute(&mut *db)
            .await?;
        if let Some(row) = Row::of(&mut *db, user).await? {
            return Ok(row.open(self)?);
        }
        let (id, secret) = (PersonKey::new_id(), Secret::random()?);
        let master = self.masters.first().ok_or(VaultError::UnknownMaster)?;
        sqlx::query("insert into wa.data_key (id, user_id, master, wrapped) values ($1, $2, $3, $4)")
            .bind(&id)
            .bind(user.as_str())
            .bind(master.id())
            .bind(master.wrap(&id, &secret))
            .execute(&mut *db)
            .await?;
        Ok(PersonKey::new(id, &secret))
    }

    /// The key that this person has, made with their first message. An error: they are forgotten, and what was written for them
    /// is nobody's.
    pub async fn theirs(&self, db: &mut PgConnection, user: &UserId) -> Result<PersonKey, sqlx::Error> {
        Ok(Row::of(db, user).await?.ok_or(sqlx::Error::RowNotFound)?.open(self)?)
    }

    /// The keys of these texts, as they stand in the tables. Asks nothing where none of them is sealed.
    pub async fn keys(&self, db: impl PgExecutor<'_>, stored: &[&str]) -> Result<Keys, sqlx::Error> {
        let mut ids: Vec<&str> = stored.iter().copied().filter_map(person_key::id_of).collect();
        ids.sort_unstable();
        ids.dedup();
        self.keys_of(db, &ids).await
    }

    /// The keys that have these ids, as far as they are there. Asks nothing for none.
    pub(crate) async fn keys_of(&self, db: impl PgExecutor<'_>, ids: &[&str]) -> Result<Keys, sqlx::Error> {
        if ids.is_empty() {
            return Ok(Keys::default());
        }
        let rows: Vec<Row> = sqlx::query_as("select id, master, wrapped from wa.data_key where id = any($1)")
            .bind(ids)
            .fetch_all(db)
            .await?;
        let opened = rows.into_iter().map(|row| Ok((row.id.clone(), row.open(self)?)));
        Ok(Keys::from(opened.collect::<Result<HashMap<_, _>, VaultError>>()?))
    }

    fn master(&self, id: &str) -> Result<&MasterKey, VaultError> {
        self.masters.iter().find(|master| master.id() == id).ok_or(VaultError::UnknownMaster)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    master: String,
    wrapped: Vec<u8>,
}

impl Row {
    async fn of(db: &mut PgConnection, user: &UserId) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as("select id, master, wrapped from wa.data_key where user_id = $1")
            .bind(user.as_str())
            .fetch_optional(db)
            .await
    }

    fn secret(&self, vault: &Vault) -> Result<Secret, VaultError> {
        vault.master(&self.master)?.unwrap(&self.id, &self.wrapped)
    }

    fn open(&self, vault: &Vault) -> Result<PersonKey, VaultError> {
        Ok(PersonKey::new(self.id.clone(), &self.secret(vault)?))
    }
}

#[cfg(test)]
mod fuzz;
