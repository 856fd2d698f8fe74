//! Thirty-two bytes that seal: of a master, or of a person.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use rand::TryRng as _;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret as _, SecretSlice};

use super::VaultError;

/// The nonce before what it sealed, in bytes (NIST SP 800-38D, 8.2.2: random, and for less than 2³² texts of one key).
const NONCE: usize = 12;

/// A key of AES-256. Mute, and not left in memory.
#[derive(Debug, Clone)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Its length, in bytes.
    pub const LENGTH: usize = 32;

    /// A new one, from the operating system's generator.
    pub(super) fn random() -> Result<Self, sqlx::Error> {
        let mut bytes = vec![0; Self::LENGTH];
        SysRng.try_fill_bytes(&mut bytes).map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
        Ok(Self(bytes.into()))
    }

    /// These bytes. `None`: not as many as a key has.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == Self::LENGTH).then(|| Self(bytes.to_vec().into()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }

    pub(super) fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new_from_slice(self.bytes())
            .unwrap_or_else(|_| unreachable!("a secret has the length of a key"))
    }
}

/// Seals bytes for one place: the nonce, then what was sealed with its tag.
pub(super) fn seal(cipher: &Aes256Gcm, place: &str, bytes: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE] = rand::random();
    let payload = Payload { msg: bytes, aad: place.as_bytes() };
    let sealed = cipher
        .encrypt(&Nonce::from(nonce), payload)
        .unwrap_or_else(|_| unreachable!("AES-GCM seals anything below 64 GiB"));
    [&nonce[..], &sealed].concat()
}

/// Opens what was sealed for this place.
pub(super) fn open(cipher: &Aes256Gcm, place: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or(VaultError::Touched)?;
    let nonce = Nonce::try_from(nonce).map_err(|_| VaultError::Touched)?;
    cipher.decrypt(&nonce, Payload { msg: sealed, aad: place.as_bytes() }).map_err(|_| VaultError::Touched)
}
