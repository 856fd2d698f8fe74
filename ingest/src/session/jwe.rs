//! An encrypted token in its compact form: `header..iv.text.tag`, each in base64url. The second part is empty, since both
//! sides have the key already ("dir", RFC 7516 and RFC 7518). The header is readable, and vouched for by the tag.

use aes::Aes256;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha512;

/// The ways of encrypting that NextAuth knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// What version 4 writes.
    Gcm,
    /// What version 5 writes: half of the key is for the tag.
    CbcHmac,
}

/// The tag of [`Encryption::CbcHmac`] is this much of its HMAC (RFC 7518, 5.2.5).
const CBC_TAG: usize = 32;

impl Encryption {
    /// The word in a header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gcm => "A256GCM",
            Self::CbcHmac => "A256CBC-HS512",
        }
    }

    /// The length of its key, in bytes.
    pub(super) fn key_length(self) -> usize {
        match self {
            Self::Gcm => 32,
            Self::CbcHmac => 64,
        }
    }

    fn iv_length(self) -> usize {
        match self {
            Self::Gcm => 12,
            Self::CbcHmac => 16,
        }
    }
}

/// A key, and what it is for.
pub(super) struct Key {
    pub(super) encryption: Encryption,
    pub(super) bytes: SecretSlice<u8>,
}

impl Key {
    /// Encrypts with an initialisation vector that is new each time. `None`: the key has not the length of its kind.
    pub(super) fn seal(&self, header: &str, text: &[u8]) -> Option<String> {
        let iv: [u8; 16] = rand::random();
        self.seal_with(header, &iv[..self.encryption.iv_length()], text)
    }

    pub(super) fn seal_with(&self, header: &str, iv: &[u8], text: &[u8]) -> Option<String> {
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        let (sealed, tag) = match self.encryption {
            Encryption::Gcm => {
                let payload = Payload { msg: text, aad: header.as_bytes() };
                let mut sealed = self.gcm()?.encrypt(&Nonce::try_from(iv).ok()?, payload).ok()?;
                let tag = sealed.split_off(sealed.len().checked_sub(16)?);
                (sealed, tag)
            }
            Encryption::CbcHmac => {
                let (_, key) = self.halves()?;
                let cipher = cbc::Encryptor::<Aes256>::new_from_slices(key, iv).ok()?;
                let sealed = cipher.encrypt_padded_vec::<Pkcs7>(text);
                let mac = self.mac(&header, iv, &sealed)?.finalize().into_bytes();
                (sealed, mac[..CBC_TAG].to_vec())
            }
        };
        let [iv, sealed, tag] = [iv, &sealed, &tag].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        Some(format!("{header}..{iv}.{sealed}.{tag}"))
    }

    /// Decrypts. `None`: this key has not sealed it, or somebody has touched it.
    pub(super) fn open(&self, token: &Token<'_>) -> Option<Vec<u8>> {
        match self.encryption {
            Encryption::Gcm => {
                if token.tag.len() != 16 {
                    return None;
                }
                let sealed = [&*token.sealed, &*token.tag].concat();
                let payload = Payload { msg: &sealed, aad: token.header.as_bytes() };
                self.gcm()?.decrypt(&Nonce::try_from(&*token.iv).ok()?, payload).ok()
            }
            Encryption::CbcHmac => {
                // The tag first: padding tells nothing to who cannot make a tag.
                if token.tag.len() != CBC_TAG {
                    return None;
                }
                self.mac(token.header, &token.iv, &token.sealed)?.verify_truncated_left(&token.tag).ok()?;
                let (_, key) = self.halves()?;
                let cipher = cbc::Decryptor::<Aes256>::new_from_slices(key, &token.iv).ok()?;
                cipher.decrypt_padded_vec::<Pkcs7>(&token.sealed).ok()
            }
        }
    }

    fn gcm(&self) -> Option<Aes256Gcm> {
        Aes256Gcm::new_from_slice(self.bytes.expose_secret()).ok()
    }

    /// The key of the tag, and that of the text.
    fn halves(&self) -> Option<(&[u8], &[u8])> {
        self.bytes.expose_secret().split_at_checked(32)
    }

    fn mac(&self, header: &str, iv: &[u8], sealed: &[u8]) -> Option<Hmac<Sha512>> {
        let mut mac = Hmac::<Sha512>::new_from_slice(self.halves()?.0).ok()?;
        mac.update(header.as_bytes());
        mac.update(iv);
        mac.update(sealed);
        mac.update(&(u64::try_from(header.len()).ok()? * 8).to_be_bytes());
        Some(mac)
    }
}

/// A token taken apart, and not opened yet.
pub(super) struct Token<'a> {
    header: &'a str,
    iv: Vec<u8>,
    sealed: Vec<u8>,
    tag: Vec<u8>,
}

impl<'a> Token<'a> {
    /// `None`: these five parts are not there.
    pub(super) fn read(token: &'a str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, "") = (parts.next()?, parts.next()?) else { return None };
        let mut bytes = || BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok();
        let (iv, sealed, tag) = (bytes()?, bytes()?, bytes()?);
        parts.next().is_none().then_some(Self { header, iv, sealed, tag })
    }

    /// What the header says, which nobody vouches for before the token is open.
    pub(super) fn header(&self) -> Option<Vec<u8>> {
        BASE64_URL_SAFE_NO_PAD.decode(self.header).ok()
    }
}
