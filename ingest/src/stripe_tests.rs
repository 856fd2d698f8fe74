//! Every vector of the official library, and what a stranger might try.

use serde_json::Value;

use super::*;

fn door(secrets: &[&str]) -> Door {
    let secrets = secrets.iter().map(|secret| SecretString::from((*secret).to_owned())).collect();
    Door { secrets, packs: Packs::default() }
}

fn signed(header: &str) -> HeaderMap {
    HeaderMap::from_iter([(SIGNATURE.parse().unwrap(), header.parse().unwrap())])
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

#[test]
fn every_signature_vector_gets_its_verdict() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../fixtures/stripe-signature-vectors.json")).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 12);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let now = at(vector["received_at"].as_i64().unwrap());
        let official = vector["official_lib_accepts"].as_bool().unwrap();
        // The official library takes any moment of the future; we take five minutes of it.
        let expected = official && !text("name").starts_with("future timestamp");
        for secrets in [vec![text("secret")], vec!["whsec_another", text("secret")]] {
            let verdict = door(&secrets).verify(&signed(text("header")), text("payload").as_bytes(), now);
            assert_eq!(verdict, expected, "{}", vector["name"]);
        }
        assert!(!door(&[]).verify(&signed(text("header")), text("payload").as_bytes(), now));
    }
}

#[test]
fn clocks_may_differ_by_five_minutes_both_ways() {
    let secret = "whsec_1";
    let sign = |seconds: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{seconds}.body").as_bytes());
        signed(&format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes())))
    };
    let verdict = |seconds: &str, now: i64| door(&[secret]).verify(&sign(seconds), b"body", at(now));
    for (seconds, now, expected) in [
        ("1000", 1000, true),
        ("1000", 1300, true),
        ("1000", 1301, false),
        ("1300", 1000, true),
        ("1301", 1000, false),
        ("-9223372036854775808", 1000, false),
        ("9223372036854775807", 1000, false),
        ("soon", 1000, false),
    ] {
        assert_eq!(verdict(seconds, now), expected, "{seconds} at {now}");
    }
}

#[test]
fn two_headers_and_half_a_header_are_nobodys() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../fixtures/stripe-signature-vectors.json")).unwrap();
    let vector = &vectors["vectors"][0];
    let text = |name: &str| vector[name].as_str().unwrap();
    let (door, now) = (door(&[text("secret")]), at(vector["received_at"].as_i64().unwrap()));
    let verdict = |headers: &HeaderMap| door.verify(headers, text("payload").as_bytes(), now);
    let mut twice = signed(text("header"));
    twice.append(SIGNATURE, text("header").parse().unwrap());
    assert!(verdict(&signed(text("header"))) && !verdict(&twice) && !verdict(&HeaderMap::new()));
    for header in ["", "t=1790000000", "v1=00", "t=,v1=", "t=1790000000,v1=zz"] {
        assert!(!verdict(&signed(header)), "{header}");
    }
    let many = format!("t=1790000000{},{}", ",v1=00".repeat(10_000), text("header"));
    assert!(!verdict(&signed(&many)), "ten thousand signatures were tried");
}

#[test]
fn why_an_event_is_not_kept_quotes_nothing_of_it() {
    let quoted = || sqlx::Error::Decode("no number: \"a secret\"".into());
    for error in [PaymentError::from(quoted()), SpillError::from(quoted()).into()] {
        assert_eq!(told(&error), "an unexpected value");
    }
}
