//! Message ids in Meta's own form: base64 of a small binary that contains the person's number in clear.
//!
//! The product must treat them as opaque and as personal data; the simulator builds them like Meta, so that a
//! column that is too short or a log that prints them shows itself here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The id of a message that a person wrote.
#[must_use]
pub fn inbound(wa_id: &str) -> String {
    wamid(wa_id, 0x12, 10)
}

/// The id of a message that the business wrote.
#[must_use]
pub fn outbound(wa_id: &str) -> String {
    wamid(wa_id, 0x11, 9)
}

fn wamid(wa_id: &str, direction: u8, entropy: usize) -> String {
    let unique = hex::encode_upper(&rand::random::<[u8; 16]>()[..entropy]);
    let mut bytes = vec![0x1c, 0x18, length(wa_id)];
    bytes.extend_from_slice(wa_id.as_bytes());
    bytes.extend_from_slice(&[0x15, 0x02, 0x00, direction, 0x18, length(&unique)]);
    bytes.extend_from_slice(unique.as_bytes());
    bytes.push(0x00);
    format!("wamid.{}", STANDARD.encode(bytes))
}

fn length(text: &str) -> u8 {
    u8::try_from(text.len()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_metas_form_and_is_never_the_same() {
        let id = inbound("33639980123");
        assert!(id.starts_with("wamid.HBgLMzM2Mzk5ODAxMjMVAgASGB"), "{id}");
        assert_ne!(id, inbound("33639980123"));
        assert!(outbound("33639980123").starts_with("wamid.HBgLMzM2Mzk5ODAxMjMVAgARGB"));
    }
}
