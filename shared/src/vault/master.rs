//! A master key: what seals the keys of people, and stands where the tables are not.

use std::fmt;

use aes_gcm::Aes256Gcm;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::secret::{self, Secret};
use super::{Vault, VaultError};

/// One of `MASTER_KEY`.
#[derive(Clone)]
pub struct MasterKey {
    id: String,
    secret: Secret,
    waiting: Aes256Gcm,
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
        // A key of its own for another use (NIST SP 800-108: one for each).
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).ok()?;
        mac.update(b"postly waiting work");
        let waiting = Secret::of(&mac.finalize().into_bytes())?.cipher();
        Some(Self { id: hex::encode(&digest[..4]), secret, waiting })
    }

    /// By what it is told apart: eight digits of its digest, which operators may see.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
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
    /// Seals what waits in a queue for seconds, where there is no time to look for its person: under a key that follows from the
    /// current master, for one place.
    pub(crate) fn seal_waiting(&self, place: &str, bytes: &[u8]) -> Result<String, VaultError> {
        let master = self.0.first().ok_or(VaultError::UnknownMaster)?;
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
