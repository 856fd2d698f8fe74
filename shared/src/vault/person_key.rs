//! A person's key, and what it seals: `sealed:1:<key>:<nonce and text in base64url>`, so that a column of text stays one.

use std::collections::HashMap;
use std::fmt;

use aes_gcm::Aes256Gcm;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::secret::{self, Secret};
use super::{Place, VaultError};

/// What stands before everything that is sealed, with the version of how.
const SEALED: &str = "sealed:1:";

/// Seals what one person writes and is written.
pub struct PersonKey {
    id: String,
    cipher: Aes256Gcm,
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("PersonKey").field(&self.id).finish()
    }
}

impl PersonKey {
    pub(super) fn new(id: String, secret: &Secret) -> Self {
        Self { id, cipher: secret.cipher() }
    }

    pub(super) fn new_id() -> String {
        hex::encode(rand::random::<[u8; 8]>())
    }

    /// Seals words for a row of a place.
    #[must_use]
    pub fn seal(&self, place: Place, row: &str, words: &str) -> String {
        let sealed = secret::seal(&self.cipher, &at(place, row), words.as_bytes());
        format!("{SEALED}{}:{}", self.id, BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    fn open(&self, place: Place, row: &str, sealed: &str) -> Result<String, VaultError> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).map_err(|_| VaultError::Touched)?;
        let words = secret::open(&self.cipher, &at(place, row), &sealed)?;
        String::from_utf8(words).map_err(|_| VaultError::Touched)
    }
}

fn at(place: Place, row: &str) -> String {
    format!("{}\n{row}", place.as_str())
}

fn parts(stored: &str) -> Option<(&str, &str)> {
    stored.strip_prefix(SEALED)?.split_once(':')
}

/// The id of the key that has sealed this. `None`: nothing has.
pub(super) fn id_of(stored: &str) -> Option<&str> {
    parts(stored).map(|(id, _)| id)
}

/// The keys of some texts.
#[derive(Debug, Default)]
pub struct Keys(HashMap<String, PersonKey>);

impl From<HashMap<String, PersonKey>> for Keys {
    fn from(keys: HashMap<String, PersonKey>) -> Self {
        Self(keys)
    }
}

impl Keys {
    /// The key of this id.
    pub(crate) fn get(&self, id: &str) -> Option<&PersonKey> {
        self.0.get(id)
    }

    /// The words that stand in a row of a place. `None`: their key is gone, and they with it.
    pub fn open(&self, place: Place, row: &str, stored: String) -> Result<Option<String>, VaultError> {
        let Some((id, sealed)) = parts(&stored) else { return Ok(Some(stored)) };
        self.0.get(id).map(|key| key.open(place, row, sealed)).transpose()
    }

    /// The words that stand in a row, sealed for the name that it has now and had not when they were sealed. `None`: they are not
    /// sealed, or their key is gone.
    pub(crate) fn reseal(
        &self,
        place: Place,
        (was, row): (&str, &str),
        stored: &str,
    ) -> Result<Option<String>, VaultError> {
        let Some((id, sealed)) = parts(stored) else { return Ok(None) };
        let Some(key) = self.0.get(id) else { return Ok(None) };
        Ok(Some(key.seal(place, row, &key.open(place, was, sealed)?)))
    }
}
