//! A master key: what seals the keys of people, and stands where the tables are not.

use std::fmt;

use aes_gcm::Aes256Gcm;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::secret::{self, Secret};
use super::{Vault, VaultError, lookup};

/// One of `MASTER_KEY`.
#[derive(Clone)]
pub struct MasterKey {
    id: String,
    secret: Secret,
    waiting: Aes256Gcm,
    lanes: Hmac<Sha256>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("MasterKey").field(&self.id).finish()
    }
}

impl MasterKey {
    /// Reads one, in base64. `None`: not 32 bytes.
    #[must_use]
    pub fn read(text: &SecretString) -> Option<Self> {
        let secret = Secret::of(&BASE64_STANDARD.decode(text.expose_secret().trim()).ok()?)?;
        let digest =
            Sha256::new().chain_update("postly master key\n").chain_update(secret.bytes()).finalize();
        // A key of its own for each other use (NIST SP 800-108).
        let derived = |what_for: &[u8]| {
            let mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).ok()?;
            Some(mac.chain_update(what_for).finalize().into_bytes())
        };
        let waiting = Secret::of(&derived(b"postly waiting work")?)?.cipher();
        let lanes = Hmac::new_from_slice(&derived(b"postly lanes")?).ok()?;
        Some(Self { id: hex::encode(&digest[..4]), secret, waiting, lanes })
    }

    /// By what it is told apart: eight digits of its digest, which operators may see.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn who(&self, name: &str) -> String {
        lookup::digest(self.lanes.clone(), "who", name)
    }

    /// Seals the secret of the key that has this id.
    pub(super) fn wrap(&self, id: &str, secret: &Secret) -> Vec<u8> {
        secret::seal(&self.secret.cipher(), &place(id), secret.bytes())
    }

    /// Opens it.
    pub(super) fn unwrap(&self, id: &str, wrapped: &[u8]) -> Result<Secret, VaultError> {
        let bytes = secret::open(&self.secret.cipher(), &place(id), wrapped)?;
        Secret::of(&bytes).ok_or(VaultError::Touched)
    }
}

impl Vault {
    /// Who has a conversation, as its lane and whatever else in Redis says it: a digest under a key that follows from a master key,
    /// since the door must make it while Postgres is away. From the oldest that is named: a new one, put in front, changes no
    /// lane, and the conversations of the time go on in theirs.
    #[must_use]
    pub fn who(&self, name: &str) -> String {
        self.masters.last().map_or_else(|| name.to_owned(), |master| master.who(name))
    }

    /// The same by each of the keys, for whoever looks for what was written under any of them.
    pub(crate) fn whos(&self, name: &str) -> impl Iterator<Item = String> {
        self.masters.iter().map(move |master| master.who(name))
    }

    /// Seals what waits in a queue for seconds, where there is no time to look for its person: under a key that follows from the
    /// current master, for one place.
    pub(crate) fn seal_waiting(&self, place: &str, bytes: &[u8]) -> Result<String, VaultError> {
        let master = self.masters.first().ok_or(VaultError::UnknownMaster)?;
        let sealed = secret::seal(&master.waiting, place, bytes);
        Ok(format!("{}:{}", master.id, BASE64_STANDARD.encode(sealed)))
    }

    /// Opens it.
    pub(crate) fn open_waiting(&self, place: &str, sealed: &str) -> Result<Vec<u8>, VaultError> {
        let (id, sealed) = sealed.split_once(':').ok_or(VaultError::Touched)?;
        let master = self.master(id)?;
        let sealed = BASE64_STANDARD.decode(sealed).map_err(|_| VaultError::Touched)?;
        secret::open(&master.waiting, place, &sealed)
    }
}

fn place(id: &str) -> String {
    format!("data_key\n{id}")
}
