//! Meta's side of the door: the handshake and the signature. What the bytes say is read in [`payload`].

#[cfg(test)]
mod fuzz;
mod message;
pub mod payload;
mod scalar;
mod status;

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::limits;

/// The header that carries `sha256=` and 64 hexadecimal digits.
pub const SIGNATURE: &str = "x-hub-signature-256";

/// What is needed to know Meta when it knocks.
#[derive(Debug, Clone)]
pub struct Door {
    /// The app's secrets, current first: the key of every signature. Never the verify token.
    pub app_secrets: Vec<SecretString>,
    /// What the handshake must know. Without it no handshake succeeds.
    pub verify_token: Option<SecretString>,
    /// The number that a message without `metadata` is taken to be for.
    pub business: Option<String>,
}

impl Door {
    /// Whether one of our secrets signed exactly these bytes (Meta: Webhooks, Validating payloads). Compared in
    /// constant time; every secret is tried whatever the others said.
    #[must_use]
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let Some(signature) = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let Some(Ok(signature)) = signature.strip_prefix("sha256=").map(hex::decode) else { return false };
        self.app_secrets.iter().fold(false, |matched, secret| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
                return matched;
            };
            mac.update(body);
            mac.verify_slice(&signature).is_ok() | matched
        })
    }

    /// The challenge to repeat, if the caller subscribes and knows the verify token.
    #[must_use]
    pub fn handshake(&self, query: &str) -> Option<String> {
        let value = |wanted: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let token = self.verify_token.as_ref()?.expose_secret();
        let known: bool = value("hub.verify_token").as_bytes().ct_eq(token.as_bytes()).into();
        let challenge = value("hub.challenge");
        let sound = value("hub.mode") == "subscribe" && (1..=limits::CHALLENGE).contains(&challenge.len());
        (known && sound).then_some(challenge)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use serde_json::Value;

    use super::*;

    fn door(secrets: &[&str]) -> Door {
        Door {
            app_secrets: secrets.iter().map(|secret| SecretString::from((*secret).to_owned())).collect(),
            verify_token: Some("verify-me".to_owned().into()),
            business: None,
        }
    }

    fn signed(signature: &str) -> HeaderMap {
        HeaderMap::from_iter([(SIGNATURE.parse().unwrap(), signature.parse().unwrap())])
    }

    #[test]
    fn every_signature_vector_gets_its_verdict() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../fixtures/meta-signature-vectors.json")).unwrap();
        let vectors = vectors["vectors"].as_array().unwrap();
        assert!(vectors.len() >= 12);
        for vector in vectors {
            let body = BASE64_STANDARD.decode(vector["body_base64"].as_str().unwrap()).unwrap();
            let door = door(&["another", vector["app_secret"].as_str().unwrap()]);
            let verdict = door.verify(&signed(vector["x_hub_signature_256"].as_str().unwrap()), &body);
            // Upper-case hexadecimal is the same bytes; we take it.
            assert_eq!(verdict, vector["valid"].as_bool().unwrap_or(true), "{}", vector["name"]);
        }
    }

    #[test]
    fn without_a_secret_nothing_is_let_in() {
        let empty_key = "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
        assert!(!door(&[]).verify(&signed(empty_key), b""));
    }

    #[test]
    fn the_handshake_repeats_the_challenge_only_to_who_knows_the_token() {
        let door = door(&["secret"]);
        let ask = |query: &str| door.handshake(query);
        let good = "hub.mode=subscribe&hub.challenge=11%2058&hub.verify_token=verify-me";
        assert_eq!(ask(good).as_deref(), Some("11 58"));
        for bad in [
            "hub.mode=subscribe&hub.challenge=1158&hub.verify_token=verify-m",
            "hub.mode=unsubscribe&hub.challenge=1158&hub.verify_token=verify-me",
            "hub.mode=subscribe&hub.challenge=&hub.verify_token=verify-me",
            "",
        ] {
            assert_eq!(ask(bad), None, "{bad}");
        }
        let endless =
            format!("hub.mode=subscribe&hub.challenge={}&hub.verify_token=verify-me", "1".repeat(257));
        assert_eq!(ask(&endless), None);
        assert_eq!(
            Door { verify_token: None, ..door.clone() }
                .handshake("hub.mode=subscribe&hub.challenge=1&hub.verify_token="),
            None
        );
    }
}
