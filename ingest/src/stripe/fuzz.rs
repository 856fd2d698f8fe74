//! Whatever Stripe, or somebody who calls himself Stripe, may send.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use shared::payment::EVENTS;
use shared::person::UserId;

use super::*;
use crate::mutated::{Foreign, bytes, documents, often, texts};

/// The events of the official library's vectors, and each kind that we act upon around each of their objects.
fn events() -> Vec<Vec<u8>> {
    let vectors = include_str!("../../../fixtures/stripe-signature-vectors.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let payloads =
        vectors["vectors"].as_array().unwrap().iter().map(|vector| vector["payload"].as_str().unwrap());
    let payloads: Vec<Value> = payloads.map(|payload| serde_json::from_str(payload).unwrap()).collect();
    let kinds = EVENTS.iter().flat_map(|kind| {
        payloads.iter().map(move |payload| {
            let mut event = payload.clone();
            event["type"] = (*kind).into();
            event.to_string().into_bytes()
        })
    });
    kinds.collect()
}

fn bodies() -> impl Strategy<Value = Foreign> {
    prop_oneof![
        bytes(events()),
        documents(&events()).prop_map(|document| Foreign(document.to_string().into()))
    ]
}

const NOW: i64 = 1_790_000_000;

fn header(secret: &str, signed_at: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{signed_at}.").as_bytes());
    mac.update(body);
    format!("t={signed_at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

fn taken(header: &str, body: &[u8]) -> bool {
    let secrets = vec!["whsec_old".to_owned().into(), "whsec_1".to_owned().into()];
    let door = Door { secrets, packs: Packs::default() };
    let Ok(header) = header.try_into() else { return false };
    let headers = HeaderMap::from_iter([(SIGNATURE.parse().unwrap(), header)]);
    door.verify(&headers, body, DateTime::from_timestamp(NOW, 0).unwrap())
}

fn kept(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains('\0')
}

proptest! {
    #![proptest_config(often())]

    #[test]
    fn an_event_is_told_in_words_that_can_be_kept(body in bodies()) {
        let Some(event) = event::read(&body) else { return Ok(()) };
        prop_assert!(kept(&event.id) && event.id.len() <= 255 && kept(&event.kind), "{event:?}");
        match event.told {
            Told::Completed { checkout, .. } | Told::Failed(checkout) => {
                prop_assert!(kept(&checkout.session) && kept(&checkout.pack), "{checkout:?}");
                for id in [checkout.payment_intent.as_deref(), checkout.account.as_ref().map(UserId::as_str)] {
                    prop_assert!(id.is_none_or(|id| kept(id) && id.len() <= 255), "{checkout:?}");
                }
            }
            Told::Returned(back) => {
                prop_assert!(back.amount >= 0 && kept(&back.id) && kept(&back.payment_intent), "{back:?}");
            }
            Told::Nothing => {}
        }
    }

    #[test]
    fn what_nobody_has_signed_is_not_taken(
        body in bodies(),
        header in texts(vec![header("whsec_2", NOW, b"x").into(), header("whsec_1", NOW, b"x").into()]),
    ) {
        prop_assert!(!taken(&header, &body));
    }

    #[test]
    fn what_is_signed_is_taken_until_one_bit_or_the_moment_differs(
        mut body in bodies(),
        place in any::<Index>(),
        bit in 0_u8..8,
        late in prop_oneof![NOW - 400..NOW + 400, any::<i64>()],
    ) {
        for secret in ["whsec_1", "whsec_old"] {
            prop_assert!(taken(&header(secret, NOW, &body), &body));
        }
        prop_assert_eq!(taken(&header("whsec_1", late, &body), &body), NOW.abs_diff(late) <= 300);
        let header = header("whsec_1", NOW, &body);
        prop_assert!(!taken(&header.replace(&NOW.to_string(), &(NOW + 1).to_string()), &body), "another moment");
        if !body.is_empty() {
            let place = place.index(body.len());
            body.0[place] ^= 1 << bit;
            prop_assert!(!taken(&header, &body));
        }
    }
}
