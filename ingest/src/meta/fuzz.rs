//! Whatever Meta, or somebody who calls himself Meta, may send.

use proptest::prelude::*;
use proptest::sample::Index;
use shared::job::Work;

use super::payload::arrivals;
use super::*;
use crate::kept::{at, whole};
use crate::mutated::{Foreign, bytes, documents, fixtures, often, texts};
use crate::webhook::Arrival;

/// Every webhook of the fixtures, and the answers of the API, which are JSON of another shape.
fn webhooks() -> Vec<Vec<u8>> {
    fixtures("meta", "")
}

fn bodies() -> impl Strategy<Value = Foreign> {
    prop_oneof![
        bytes(webhooks()),
        documents(&webhooks()).prop_map(|document| Foreign(document.to_string().into()))
    ]
}

fn signature(secret: &str, body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes())).into_bytes()
}

fn taken(signature: &[u8], body: &[u8]) -> bool {
    let door = Door {
        app_secrets: vec!["old".to_owned().into(), "secret".to_owned().into()],
        verify_token: Some("verify-me".to_owned().into()),
        business: None,
    };
    let Ok(value) = signature.try_into() else { return false };
    door.verify(&HeaderMap::from_iter([(SIGNATURE.parse().unwrap(), value)]), body)
}

proptest! {
    #![proptest_config(often())]

    #[test]
    fn no_body_leads_to_more_than_it_holds(body in bodies()) {
        let found = arrivals(&body, Some("1098"), at());
        // Every arrival comes of an element of a list, but for the one that says that many were unreadable.
        let elements = body.iter().filter(|byte| b"[,".contains(byte)).count();
        prop_assert!((1..=elements + 1).contains(&found.len()), "{} of {elements}", found.len());
        let mut size = 0;
        for arrival in &found {
            match arrival {
                Arrival::Job(job) => size += whole(job)?,
                Arrival::Unreadable { id, bytes, .. } => {
                    prop_assert!(id.as_str().len() < 300);
                    size += bytes.len();
                }
                Arrival::Ignored(_) => {}
            }
        }
        // A quotation mark takes two bytes where a text is quoted, and each job has a head.
        prop_assert!(size <= 4 * body.len() + 2_000 * found.len(), "{size} of {}", body.len());
    }

    #[test]
    fn a_message_goes_to_one_number_and_one_person(document in documents(&webhooks())) {
        for arrival in arrivals(document.to_string().as_bytes(), None, at()) {
            let Arrival::Job(job) = arrival else { continue };
            let Work::Message(inbound) = &job.work else { continue };
            // A part of a path.
            prop_assert!(!inbound.business.is_empty() && inbound.business.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            prop_assert_eq!((&job.id, &job.lane), (&inbound.id, &inbound.lane()));
        }
    }

    #[test]
    fn what_nobody_has_signed_is_not_taken(body in bodies(), header in texts(vec![signature("another", b"x"), signature("secret", b"x")])) {
        prop_assert!(!taken(header.as_bytes(), &body));
    }

    #[test]
    fn what_is_signed_is_taken_until_one_bit_differs(mut body in bodies(), place in any::<Index>(), bit in 0_u8..8) {
        for secret in ["secret", "old"] {
            prop_assert!(taken(&signature(secret, &body), &body));
        }
        let signature = signature("secret", &body);
        let mut altered = signature.clone();
        let digit = &mut altered["sha256=".len() + place.index(64)];
        *digit = if *digit == b'0' { b'1' } else { b'0' };
        prop_assert!(!taken(&altered, &body));
        prop_assert!(!taken(&signature[..signature.len() - 2], &body), "a part of it is not enough");
        if !body.is_empty() {
            let place = place.index(body.len());
            body.0[place] ^= 1 << bit;
            prop_assert!(!taken(&signature, &body));
        }
    }

    #[test]
    fn no_handshake_succeeds_by_chance(query in texts(vec![b"hub.mode=subscribe&hub.challenge=11%2058&hub.verify_token=verify-m".into()])) {
        let door = Door { app_secrets: vec![], verify_token: Some("verify-me".to_owned().into()), business: None };
        if let Some(challenge) = door.handshake(&query) {
            prop_assert!(query.contains("verify") && (1..=limits::CHALLENGE).contains(&challenge.len()));
        }
    }
}
