//! `Stripe-Signature`.
//!
//! `t` is the moment of the attempt in Unix seconds, each `v1` the hexadecimal HMAC-SHA256 of `{t}.{body}` keyed with
//! one of the endpoint's secrets, its `whsec_` included. While a secret is rolled there are two. Other schemes prove
//! nothing.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// One `v1`: these bytes, at this moment, under this secret.
#[must_use]
pub fn sign(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The header's value. With several secrets, each signs, and a `v0` that nobody can have made joins them.
#[must_use]
pub fn header(secrets: &[String], timestamp: i64, body: &[u8]) -> String {
    let mut parts = vec![format!("t={timestamp}")];
    parts.extend(secrets.iter().map(|secret| format!("v1={}", sign(secret, timestamp, body))));
    if secrets.len() > 1 {
        parts.push(format!("v0={}", hex::encode(rand::random::<[u8; 32]>())));
    }
    parts.join(",")
}
