//! The vectors made with Twilio's own packages, all of them.

use serde_json::Value;

use super::*;

struct Case {
    door: Door,
    headers: HeaderMap,
    uri: Uri,
    body: Vec<u8>,
}

/// The request of a vector as it reaches us, at a door that is configured with the address it was sent to.
fn case(vector: &Value) -> Case {
    let text = |name: &str| vector[name].as_str();
    let received = text("received_url").or(text("url")).unwrap();
    let after_scheme = received.find("://").unwrap() + 3;
    let path_at = received[after_scheme..].find('/').map_or(received.len(), |at| at + after_scheme);
    let (origin, path) = received.split_at(path_at);
    let shared_key = text("signature_settings_header").map(|settings| {
        let id = settings.trim_start_matches("key=").split(',').next().unwrap();
        format!("{id}:{}", text("auth_token").unwrap()).parse().unwrap()
    });
    let tokens =
        if shared_key.is_some() { vec![] } else { vec!["a-previous-token", text("auth_token").unwrap()] };
    let mut headers = HeaderMap::new();
    let signature = text("signature").or(text("expected")).unwrap();
    headers.insert(SIGNATURE, signature.parse().unwrap());
    if let Some(settings) = text("signature_settings_header") {
        headers.insert(SIGNATURE_SETTINGS, settings.parse().unwrap());
    }
    let body = text("raw_body").or(text("form_body")).unwrap_or_default();
    let kind = if text("raw_body").is_some() {
        "application/json"
    } else {
        "application/x-www-form-urlencoded; charset=UTF-8"
    };
    headers.insert(CONTENT_TYPE, kind.parse().unwrap());
    Case {
        door: Door {
            auth_tokens: tokens.into_iter().map(|token| SecretString::from(token.to_owned())).collect(),
            public_url: origin.parse().unwrap(),
            shared_key,
        },
        headers,
        uri: path.split('#').next().unwrap().parse().unwrap(),
        body: body.as_bytes().to_vec(),
    }
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../fixtures/twilio-signature-vectors.json")).unwrap()
}

#[test]
fn every_signature_vector_gets_its_verdict() {
    let vectors = vectors();
    let (valid, invalid) = (vectors["valid"].as_array().unwrap(), vectors["invalid"].as_array().unwrap());
    assert!(valid.len() >= 19 && invalid.len() >= 8);
    for vector in valid {
        let Case { door, headers, uri, body } = case(vector);
        assert!(door.verify(&headers, &uri, &body), "{}", vector["name"]);
    }
    for vector in invalid {
        let Case { door, headers, uri, body } = case(vector);
        assert!(!door.verify(&headers, &uri, &body), "{}", vector["name"]);
    }
}

#[test]
fn any_altered_byte_of_a_form_is_noticed() {
    let vectors = vectors();
    let Case { door, headers, uri, body } = case(&vectors["valid"][3]);
    for place in 0..body.len() {
        let mut altered = body.clone();
        altered[place] = if altered[place] == b'Z' { b'Y' } else { b'Z' };
        assert!(!door.verify(&headers, &uri, &altered), "byte {place}");
    }
}

#[test]
fn a_json_body_that_its_hash_does_not_fit_is_refused() {
    let vectors = vectors();
    let json =
        vectors["valid"].as_array().unwrap().iter().find(|vector| vector["raw_body"].is_string()).unwrap();
    let Case { door, headers, uri, mut body } = case(json);
    body.push(b' ');
    assert!(!door.verify(&headers, &uri, &body));
}

#[test]
fn a_header_cannot_choose_an_algorithm_that_is_not_configured() {
    let vectors = vectors();
    let Case { door, mut headers, uri, body } = case(&vectors["valid"][1]);
    assert!(door.verify(&headers, &uri, &body));
    headers.insert(SIGNATURE_SETTINGS, "key=x,algorithm=HMAC_SHA256".parse().unwrap());
    assert!(!door.verify(&headers, &uri, &body));
}

#[test]
fn a_form_of_absurdly_many_parameters_is_not_sorted_for_anybody() {
    let form = |count: usize| vec!["a=1"; count].join("&").into_bytes();
    assert!(signed_parameters(None, None, &form(limits::PARAMETERS)).is_some());
    assert!(signed_parameters(None, None, &form(limits::PARAMETERS + 1)).is_none());
}
