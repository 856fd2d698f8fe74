//! `X-Twilio-Signature`.
//!
//! Base64 of the HMAC-SHA1, keyed with the auth token, over the configured URL (without fragment and credentials,
//! query byte for byte) followed by every form parameter, sorted by name, decoded, name and value glued together.
//! A name that occurs several times contributes its distinct values in order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The header's value for a POST of these parameters to the URL as it was configured.
#[must_use]
pub fn sign(auth_token: &str, url: &str, parameters: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = parameters.iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut mac =
        Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(signed_url(url).as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The URL as Twilio signs it. Cut by hand: a URL parser would normalise what must stay as it was written.
fn signed_url(url: &str) -> String {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    let host = rest[..authority].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[host..])
}
