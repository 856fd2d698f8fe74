//! Twilio's side of the door: the signature over the public address and every parameter. What the parameters say
//! is read in [`payload`].

#[cfg(test)]
mod fuzz;
pub mod payload;
mod public_url;

use std::str::FromStr;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Uri};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
pub use public_url::PublicUrl;
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::limits;

/// The header that carries the base64 of the HMAC.
pub const SIGNATURE: &str = "x-twilio-signature";

/// The header of the 2026 beta in which a shared key signs instead of the auth token.
const SIGNATURE_SETTINGS: &str = "x-twilio-webhooks-signature-settings";

/// What is needed to know Twilio when it knocks.
#[derive(Debug, Clone)]
pub struct Door {
    /// The account's auth tokens, current first.
    pub auth_tokens: Vec<SecretString>,
    /// The address that Twilio calls, and therefore signs.
    pub public_url: PublicUrl,
    /// A shared key of the webhook configuration API, if the operator has chosen to use one.
    pub shared_key: Option<SharedKey>,
}

/// A key that the operator made with Twilio's webhook configuration API: `id:secret`.
#[derive(Debug, Clone)]
pub struct SharedKey {
    id: String,
    secret: SecretString,
}

impl FromStr for SharedKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
                Ok(Self { id: id.to_owned(), secret: secret.to_owned().into() })
            }
            _ => Err("must be written as id:secret"),
        }
    }
}

impl Door {
    /// Whether Twilio signed this request to our public address (Twilio: Webhooks security). The parameters are
    /// decoded for that and read by nobody. Which algorithm counts is decided by our configuration.
    #[must_use]
    pub fn verify(&self, headers: &HeaderMap, uri: &Uri, body: &[u8]) -> bool {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(Ok(signature)) = header(SIGNATURE).map(|text| BASE64_STANDARD.decode(text)) else {
            return false;
        };
        let path_and_query = uri.path_and_query().map_or("/", |part| part.as_str());
        let Some(parameters) = signed_parameters(header(CONTENT_TYPE.as_str()), uri.query(), body) else {
            return false;
        };
        let shared_key = match (header(SIGNATURE_SETTINGS), &self.shared_key) {
            (None, _) => None,
            (Some(settings), Some(key)) if settings == format!("key={},algorithm=HMAC_SHA256", key.id) => {
                Some(key)
            }
            (Some(_), _) => return false,
        };
        let mut matched = false;
        for address in self.public_url.addresses(path_and_query) {
            let signed = [address.as_bytes(), &parameters];
            match shared_key {
                Some(key) => matched |= mac_matches::<Hmac<Sha256>>(&key.secret, signed, &signature),
                None => {
                    for token in &self.auth_tokens {
                        matched |= mac_matches::<Hmac<Sha1>>(token, signed, &signature);
                    }
                }
            }
        }
        matched
    }
}

/// In constant time.
fn mac_matches<M: Mac + KeyInit>(key: &SecretString, signed: [&[u8]; 2], signature: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key.expose_secret().as_bytes()) else { return false };
    for part in signed {
        mac.update(part);
    }
    mac.verify_slice(signature).is_ok()
}

/// What follows the address in the signed string: names and values of a form, decoded, untrimmed, sorted by name;
/// a name that stands several times has each of its values once, sorted. A JSON body is signed through its hash,
/// which the address carries. `None`: a body that nothing vouches for.
fn signed_parameters(content_type: Option<&str>, query: Option<&str>, body: &[u8]) -> Option<Vec<u8>> {
    let form =
        content_type.is_none_or(|kind| kind.trim_start().starts_with("application/x-www-form-urlencoded"));
    if form {
        // Anybody can make us do this: it must stay cheap until the signature has matched.
        let mut parameters: Vec<_> = form_urlencoded::parse(body).take(limits::PARAMETERS + 1).collect();
        if parameters.len() > limits::PARAMETERS {
            return None;
        }
        parameters.sort_unstable();
        parameters.dedup();
        let mut signed = Vec::with_capacity(body.len());
        for (name, value) in &parameters {
            signed.extend_from_slice(name.as_bytes());
            signed.extend_from_slice(value.as_bytes());
        }
        return Some(signed);
    }
    let announced = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "bodySHA256")
        .map(|(_, hash)| hash.into_owned())?;
    let actual = hex::encode(Sha256::digest(body));
    let equal: bool = announced.as_bytes().ct_eq(actual.as_bytes()).into();
    equal.then(Vec::new)
}

#[cfg(test)]
#[path = "twilio_tests.rs"]
mod tests;
