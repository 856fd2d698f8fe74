//! Whatever Twilio, or somebody who calls itself Twilio, may send.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::payload::arrival;
use super::*;
use crate::kept::{at, whole};
use crate::mutated::{Foreign, bytes, fixtures, odd_value, often, texts};
use crate::webhook::Arrival;

type Pairs = Vec<(String, String)>;

fn forms() -> Vec<Vec<u8>> {
    [fixtures("twilio", "inbound_"), fixtures("twilio", "status_")].concat()
}

/// What a form says, in the order of Twilio's signature. Told again here, in other words than there.
fn said(form: &[u8]) -> String {
    let mut pairs: Pairs = form_urlencoded::parse(form).into_owned().collect();
    pairs.sort();
    pairs.dedup();
    pairs.into_iter().map(|(name, value)| name + &value).collect()
}

/// Forms of which some values were exchanged, extended or taken away.
fn pairs() -> impl Strategy<Value = Foreign> {
    let forms: Vec<Pairs> =
        forms().iter().map(|form| form_urlencoded::parse(form).into_owned().collect()).collect();
    let odd = prop_oneof![
        odd_value().prop_map(|value| value.as_str().unwrap_or_default().to_owned()),
        select(vec!["whatsapp:", "whatsapp:+", "received", "undelivered", "STOP", "audio/ogg", "0"])
            .prop_map(str::to_owned),
    ];
    (select(forms), vec((any::<Index>(), odd, 0..4), 0..5)).prop_map(|(mut form, changes)| {
        for (place, odd, how) in changes {
            let place = place.index(form.len());
            match how {
                0 => form[place].1 = odd,
                1 => form[place].1.push_str(&odd),
                2 => form[place].0.push_str(&odd),
                _ => drop(form.remove(place)),
            }
        }
        Foreign(form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into())
    })
}

fn bodies() -> impl Strategy<Value = Foreign> {
    prop_oneof![bytes(forms()), pairs()]
}

fn signature(token: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(b"https://hooks.example/api/whatsapp/webhook");
    mac.update(said(body).as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

fn taken(signature: &str, kind: &str, body: &[u8]) -> bool {
    let door = Door {
        auth_tokens: vec!["old".to_owned().into(), "token".to_owned().into()],
        public_url: "https://hooks.example".parse().unwrap(),
        shared_key: Some("id:key".parse().unwrap()),
    };
    let (Ok(signature), Ok(kind)) = (signature.try_into(), kind.try_into()) else { return false };
    let headers = HeaderMap::from_iter([(SIGNATURE.parse().unwrap(), signature), (CONTENT_TYPE, kind)]);
    door.verify(&headers, &Uri::from_static("/api/whatsapp/webhook"), body)
}

const FORM: &str = "application/x-www-form-urlencoded";

proptest! {
    #![proptest_config(often())]

    #[test]
    fn whatever_comes_is_one_arrival_that_can_be_kept(body in bodies(), query in texts(vec![b"outbox=12".into()])) {
        match arrival(&body, &query, at()) {
            // What is escaped in JSON takes six bytes for one.
            Arrival::Job(job) => prop_assert!(whole(&job)? <= 6 * body.len() + 2_000),
            Arrival::Unreadable { id, bytes, .. } => prop_assert!(id.as_str().len() < 300 && bytes == *body),
            Arrival::Ignored(kind) => prop_assert_eq!(kind, "status"),
        }
    }

    #[test]
    fn what_nobody_has_signed_is_not_taken(
        body in bodies(),
        header in texts(vec![signature("another", b"x").into(), signature("token", b"x").into()]),
        kind in texts(vec![FORM.into(), b"application/json".into()]),
    ) {
        // Of a form that says nothing, and of one that says x, the signatures are at hand.
        prop_assume!(said(&body) != "x");
        prop_assert!(!taken(&header, &kind, &body));
    }

    #[test]
    fn what_is_signed_is_taken_until_it_says_something_else(
        mut body in bodies(),
        place in any::<Index>(),
        bits in 1..=u8::MAX,
    ) {
        prop_assume!(form_urlencoded::parse(&body).count() <= limits::PARAMETERS);
        for token in ["old", "token"] {
            prop_assert!(taken(&signature(token, &body), FORM, &body));
        }
        let signature = signature("token", &body);
        prop_assert!(!taken(&signature, "application/json", &body), "a form is not JSON");
        let before = said(&body);
        if !body.is_empty() {
            let place = place.index(body.len());
            body.0[place] ^= bits;
            // A digit of an escape may be written in two ways: it is the same form.
            prop_assert_eq!(taken(&signature, FORM, &body), said(&body) == before);
        }
    }

    #[test]
    fn no_address_breaks_what_is_signed(address in texts(vec![b"https://user:pass@hooks.example:8443/base/#rc=5".into()]), path in "/[a-z/?=&%]{0,40}") {
        let Ok(url) = address.parse::<PublicUrl>() else { return Ok(()) };
        let addresses = url.addresses(&path);
        prop_assert!((2..=4).contains(&addresses.len()));
        prop_assert!(addresses.iter().all(|it| it.starts_with("http") && !it.contains('#')), "{addresses:?}");
    }
}
