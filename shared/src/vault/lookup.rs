//! How a name is found that stands nowhere as it is: by a digest under a key that only this database has (HMAC-SHA-256, of
//! which 128 bits are kept). Numbers are few enough to try them all, so a digest without a key would hide none.
//!
//! The key stands in `wa.data_key` as those of people do, sealed under the master key and nobody's. It stays the same when a new
//! master key comes, and so do the digests.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgExecutor};

use super::{PersonKey, Row, Secret, Vault, VaultError};
use crate::message::Address;
use crate::phone::E164;

/// What stands before every digest, with the version of how: whatever has none is a name from before there was a key.
pub const DIGEST: &str = "k1:";

/// Bytes of a digest that are kept.
const KEPT: usize = 16;

/// Makes the digests of names. Cheap to clone.
#[derive(Clone)]
pub struct Lookup(Hmac<Sha256>);

impl fmt::Debug for Lookup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Lookup(..)")
    }
}

impl Lookup {
    /// That of a number, whichever of its spellings this is.
    #[must_use]
    pub fn phone(&self, phone: &E164) -> String {
        self.digest("phone", phone.canonical().as_str())
    }

    /// That of one spelling of a number.
    pub(crate) fn spelling(&self, phone: &E164) -> String {
        self.digest("spelling", phone.as_str())
    }

    /// That of a number for what is remembered of it when nobody has it any more: over the digest that was kept before there
    /// was a key, so that what was kept then can be brought under it.
    pub(crate) fn welcomed(&self, phone: &E164) -> String {
        self.welcomed_before(&Sha256::digest(phone.canonical().as_str()))
    }

    /// The same from the digest without a key.
    pub(crate) fn welcomed_before(&self, digest: &[u8]) -> String {
        self.digest("welcomed", &hex::encode(digest))
    }

    /// That of an id.
    #[must_use]
    pub fn id(&self, id: &str) -> String {
        self.digest("id", id)
    }

    /// That of where something is sent: of the name in it, so that it is the same whoever carries it.
    #[must_use]
    pub fn address(&self, address: &Address) -> String {
        match address {
            Address::Phone(phone) => self.phone(phone),
            Address::Bsuid(id) => self.id(id),
            Address::Channel(channel) => {
                let name = channel.strip_prefix("whatsapp:").unwrap_or(channel);
                name.parse().map_or_else(|_| self.id(name), |phone: E164| self.phone(&phone))
            }
        }
    }

    fn digest(&self, kind: &str, name: &str) -> String {
        digest(self.0.clone(), kind, name)
    }
}

/// The digest of a name of a kind under a key.
pub(super) fn digest(mut mac: Hmac<Sha256>, kind: &str, name: &str) -> String {
    mac.update(kind.as_bytes());
    mac.update(b"\n");
    mac.update(name.as_bytes());
    format!("{DIGEST}{}", BASE64_URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..KEPT]))
}

/// Whether this database has a key by which names are looked up.
pub async fn can_look_up(db: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from wa.data_key where user_id is null)").fetch_one(db).await
}

impl Vault {
    /// By what names are looked up in this database. Asks it once.
    pub async fn lookup(&self, db: impl PgExecutor<'_>) -> Result<Lookup, sqlx::Error> {
        let read = || async move {
            let row: Option<Row> =
                sqlx::query_as("select id, master, wrapped from wa.data_key where user_id is null")
                    .fetch_optional(db)
                    .await?;
            let secret = row.ok_or(VaultError::NoLookup)?.secret(self)?;
            let mac = Hmac::new_from_slice(secret.bytes()).map_err(|_| VaultError::Touched)?;
            Ok::<_, sqlx::Error>(Lookup(mac))
        };
        self.lookup.get_or_try_init(read).await.cloned()
    }

    /// Makes the key by which names are looked up, if there is none, and says whether it did. Belongs in the lock of the
    /// migrations. Nobody may look one up with this vault before the transaction has come to its end: the key would be remembered,
    /// whatever becomes of it.
    pub(crate) async fn prepare(&self, db: &mut PgConnection) -> Result<bool, sqlx::Error> {
        if can_look_up(&mut *db).await? {
            return Ok(false);
        }
        let (id, secret) = (PersonKey::new_id(), Secret::random()?);
        let master = self.masters.first().ok_or(VaultError::UnknownMaster)?;
        // Who has not the keys of people has not the right master key: under this one nobody else could look anybody up.
        let is_strange: bool =
            sqlx::query_scalar("select exists (select from wa.data_key where master <> all($1))")
                .bind(self.masters().collect::<Vec<_>>())
                .fetch_one(&mut *db)
                .await?;
        if is_strange {
            return Err(VaultError::UnknownMaster.into());
        }
        sqlx::query("insert into wa.data_key (id, master, wrapped) values ($1, $2, $3)")
            .bind(&id)
            .bind(master.id())
            .bind(master.wrap(&id, &secret))
            .execute(db)
            .await?;
        Ok(true)
    }

    /// The same keys, with nothing remembered of any database.
    pub(crate) fn fresh(&self) -> Self {
        Self { masters: self.masters.clone(), lookup: Arc::default() }
    }
}
