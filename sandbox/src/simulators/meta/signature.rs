//! What Meta puts on the wire and how it signs it.
//!
//! `X-Hub-Signature-256` is the HMAC-SHA256 of the exact body bytes, keyed with the app secret (not the verify
//! token). The escaped form is the one Meta's documentation described for years: ASCII only, lower-case hex.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The value of `X-Hub-Signature-256` for these bytes.
#[must_use]
pub fn sign(app_secret: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// The same JSON text with every non-ASCII character as `\uXXXX` and every slash as `\/`.
///
/// Both only occur inside strings, so the text can be rewritten without being parsed.
#[must_use]
pub fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '/' => escaped.push_str("\\/"),
            ' '..='~' | '\n' | '\r' | '\t' => escaped.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(escaped, "\\u{unit:04x}").expect("writing to a String cannot fail");
                }
            }
        }
    }
    escaped
}
