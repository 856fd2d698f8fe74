//! What NextAuth's two versions put around the claims of a session, and which keys each derives from the secret.
//!
//! Version 4 takes the same key for every cookie; version 5 one for each name of a cookie, and names it in the header.
//! Each refuses what the other wrote, and so do we.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256, Sha512};

use super::jwe::{Encryption, Key, Token};

/// Which NextAuth the web app runs (`NEXTAUTH_VERSION`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `next-auth` 4.
    V4,
    /// `next-auth` 5, which is `@auth/core`.
    V5,
}

/// Clocks differ: a token counts this much longer than it says, and this much earlier (next-auth: clockTolerance).
const TOLERANCE: i64 = 15;

/// Longer ones are nobody's: four cookies of the size at which NextAuth cuts are more than servers take in a head.
const LONGEST: usize = 16 * 1024;

/// What a token of ours says, in NextAuth's names.
#[derive(Debug, Serialize)]
pub(super) struct Claims<'a> {
    pub(super) sub: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) email: Option<&'a str>,
    pub(super) picture: Option<&'a str>,
    pub(super) sid: &'a str,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) jti: String,
}

/// What we look at in a token, ours or the web app's.
#[derive(Debug, Deserialize)]
pub(super) struct Read {
    /// The account.
    pub(super) sub: String,
    /// The session, in tokens of ours and in what the web app made of them.
    #[serde(default)]
    pub(super) sid: Option<String>,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
}

/// The keys of every secret, of the current one first.
#[derive(Clone)]
pub(super) struct Keys(Arc<[Named]>);

struct Named {
    key: Key,
    /// How version 5 names it.
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    kid: Option<String>,
    /// Extensions that must be understood, and compression: NextAuth uses neither.
    crit: Option<serde_json::Value>,
    zip: Option<serde_json::Value>,
}

impl Keys {
    /// Derives the keys from the secrets, the current one first, for the cookie of this name.
    pub(super) fn derive(version: Version, secrets: &[SecretString], cookie: &str) -> Self {
        let named = secrets.iter().flat_map(|secret| match version {
            Version::V4 => {
                let info = "NextAuth.js Generated Encryption Key";
                vec![Named { key: key(secret, "", info, Encryption::Gcm), kid: None }]
            }
            // It writes the first, and reads the second as well.
            Version::V5 => [Encryption::CbcHmac, Encryption::Gcm]
                .map(|encryption| {
                    let info = format!("Auth.js Generated Encryption Key ({cookie})");
                    let key = key(secret, cookie, &info, encryption);
                    let kid = Some(thumbprint(&key));
                    Named { key, kid }
                })
                .into(),
        });
        Self(named.collect())
    }

    /// Writes a token. `None`: there is no secret.
    pub(super) fn write(&self, claims: &Claims<'_>) -> Option<String> {
        let current = self.0.first()?;
        current.key.seal(&current.header(), &serde_json::to_vec(claims).ok()?)
    }

    /// A keyed digest, under a key that is derived for nothing else.
    pub(super) fn digest(&self, text: &str) -> String {
        let mut digest = [0; 16];
        let key = self.0.first().map(|current| current.key.bytes.expose_secret()).unwrap_or_default();
        Hkdf::<Sha256>::new(Some(b"postly digest"), key)
            .expand(text.as_bytes(), &mut digest)
            .expect("a digest is shorter than what can be derived");
        hex::encode(digest)
    }

    /// What a token says, if one of our secrets made it and its time is not over.
    pub(super) fn read(&self, token: &str, now: DateTime<Utc>) -> Option<Read> {
        if token.len() > LONGEST {
            return None;
        }
        let token = Token::read(token)?;
        let header: Header = serde_json::from_slice(&token.header()?).ok()?;
        if header.alg != "dir" || header.crit.is_some() || header.zip.is_some() {
            return None;
        }
        let text = self
            .0
            .iter()
            .filter(|named| named.key.encryption.name() == header.enc)
            .filter(|named| header.kid.is_none() || named.kid.is_none() || header.kid == named.kid)
            .find_map(|named| named.key.open(&token))?;
        let read: Read = serde_json::from_slice(&text).ok()?;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
        let (soon, late) = ((now.timestamp() + TOLERANCE) as f64, (now.timestamp() - TOLERANCE) as f64);
        (read.exp > late && read.nbf.is_none_or(|nbf| nbf <= soon)).then_some(read)
    }
}

impl Named {
    fn header(&self) -> String {
        let enc = self.key.encryption.name();
        match &self.kid {
            None => format!(r#"{{"alg":"dir","enc":"{enc}"}}"#),
            Some(kid) => format!(r#"{{"alg":"dir","enc":"{enc}","kid":"{kid}"}}"#),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Keys({})", self.0.len())
    }
}

fn key(secret: &SecretString, salt: &str, info: &str, encryption: Encryption) -> Key {
    let mut bytes = vec![0; encryption.key_length()];
    Hkdf::<Sha256>::new(Some(salt.as_bytes()), secret.expose_secret().as_bytes())
        .expand(info.as_bytes(), &mut bytes)
        .expect("both keys are shorter than what can be derived");
    Key { encryption, bytes: bytes.into() }
}

/// The name that everybody can give a key without showing it (RFC 7638, with SHA-512).
fn thumbprint(key: &Key) -> String {
    let k = BASE64_URL_SAFE_NO_PAD.encode(key.bytes.expose_secret());
    BASE64_URL_SAFE_NO_PAD.encode(Sha512::digest(json!({ "k": k, "kty": "oct" }).to_string()))
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
