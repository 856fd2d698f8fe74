//! The vectors made with NextAuth's own packages, all of them, and what was never one of their tokens.

use serde_json::Value;

use super::*;

const SECRET: &str = "test-nextauth-secret-please-change";
const COOKIE: &str = "authjs.session-token";

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../../fixtures/nextauth-vectors.json")).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn keys(version: Version, secret: &str, cookie: &str) -> Keys {
    Keys::derive(version, &[secret.to_owned().into()], cookie)
}

/// The keys of a vector: of version 5 when it has a salt.
fn keys_of(vector: &Value) -> Keys {
    let salt = vector["salt"].as_str().unwrap();
    let version = if salt.is_empty() { Version::V4 } else { Version::V5 };
    keys(version, vector["secret"].as_str().unwrap(), salt)
}

/// When the vectors were made.
fn then() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_400_000, 0).unwrap()
}

fn claims(exp: i64) -> Claims<'static> {
    let jti = "6f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a4b".to_owned();
    Claims { sub: "cm3", name: None, email: None, picture: None, sid: "s1", iat: exp - 60, exp, jti }
}

/// A token with this header and these claims, sealed with the first key.
fn sealed(keys: &Keys, header: &str, text: &str) -> String {
    keys.0[0].key.seal(header, text.as_bytes()).unwrap()
}

#[test]
fn every_vector_gets_its_verdict() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 12);
    for vector in vectors {
        let read = keys_of(&vector).read(vector["token"].as_str().unwrap(), then());
        let wanted = vector["decoded"]["sub"].as_str();
        assert_eq!(read.as_ref().map(|read| read.sub.as_str()), wanted, "{}", vector["name"]);
    }
}

#[test]
fn keys_are_derived_and_named_as_by_nextauth() {
    for vector in vectors() {
        let keys = keys_of(&vector);
        if let Some(key) = vector["derived_key_hex"].as_str() {
            assert_eq!(hex::encode(keys.0[0].key.bytes.expose_secret()), key, "{}", vector["name"]);
        }
        if let Some(kid) = vector["kid"].as_str() {
            assert_eq!(keys.0[0].kid.as_deref(), Some(kid), "{}", vector["name"]);
        }
    }
}

#[test]
fn with_the_same_initialisation_vector_the_token_is_the_same_to_the_byte() {
    let mut compared = 0;
    for vector in vectors() {
        let Some(iv) = vector["iv_hex"].as_str() else { continue };
        let current = &keys_of(&vector).0[0];
        assert_eq!(current.header(), vector["protected_header_json"].as_str().unwrap());
        let text = vector["payload_json"].as_str().unwrap().as_bytes();
        let token = current.key.seal_with(&current.header(), &hex::decode(iv).unwrap(), text).unwrap();
        assert_eq!(token, vector["token"].as_str().unwrap(), "{}", vector["name"]);
        compared += 1;
    }
    assert_eq!(compared, 3);
}

#[test]
fn what_was_written_is_read_until_its_time_is_over() {
    for version in [Version::V4, Version::V5] {
        let keys = keys(version, SECRET, COOKIE);
        let token = keys.write(&claims(then().timestamp())).unwrap();
        assert_ne!(token, keys.write(&claims(then().timestamp())).unwrap(), "each has its own vector");
        let at = |seconds| keys.read(&token, then() + chrono::TimeDelta::seconds(seconds));
        let read = at(TOLERANCE - 1).unwrap();
        assert_eq!((read.sub.as_str(), read.sid.as_deref()), ("cm3", Some("s1")));
        assert!(at(TOLERANCE).is_none());
    }
}

#[test]
fn another_version_another_secret_or_another_cookie_reads_nothing() {
    let all = [
        keys(Version::V4, SECRET, COOKIE),
        keys(Version::V5, SECRET, COOKIE),
        keys(Version::V4, "another", COOKIE),
        keys(Version::V5, "another", COOKIE),
        keys(Version::V5, SECRET, "__Secure-authjs.session-token"),
    ];
    for (writer, written) in
        all.iter().map(|keys| keys.write(&claims(i64::from(u32::MAX))).unwrap()).enumerate()
    {
        for (reader, keys) in all.iter().enumerate() {
            assert_eq!(keys.read(&written, then()).is_some(), writer == reader, "{writer} for {reader}");
        }
    }
}

#[test]
fn a_rotated_secret_still_reads_and_the_new_one_writes() {
    for version in [Version::V4, Version::V5] {
        let [old, new] = ["old", "new"].map(|secret| keys(version, secret, COOKIE));
        let both = Keys::derive(version, &["new".to_owned().into(), "old".to_owned().into()], COOKIE);
        let claims = claims(i64::from(u32::MAX));
        assert!(both.read(&old.write(&claims).unwrap(), then()).is_some());
        assert!(new.read(&both.write(&claims).unwrap(), then()).is_some());
        assert!(old.read(&both.write(&claims).unwrap(), then()).is_none());
    }
}

#[test]
fn any_altered_character_is_noticed() {
    for version in [Version::V4, Version::V5] {
        let keys = keys(version, SECRET, COOKIE);
        let token = keys.write(&claims(i64::from(u32::MAX))).unwrap();
        for place in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(
                keys.read(&altered, then()).is_none(),
                "{version:?}: character {place} of {}",
                token.len()
            );
        }
        for end in 0..token.len() {
            assert!(keys.read(&token[..end], then()).is_none());
        }
    }
}

#[test]
fn what_was_never_a_token_is_refused_without_a_fuss() {
    let oversized = "a".repeat(LONGEST + 1);
    let hostile = ["", ".", "....", "a..b.c.d", "é..é.é.é", "a.b.c.d.e", "eyJhbGciOiJub25lIn0..", &oversized];
    for version in [Version::V4, Version::V5] {
        let keys = keys(version, SECRET, COOKIE);
        for token in hostile {
            assert!(keys.read(token, then()).is_none());
        }
        let header = keys.0[0].header();
        let valid = r#"{"sub":"cm3","exp":4000000000}"#;
        assert!(keys.read(&sealed(&keys, &header, valid), then()).is_some());
        for text in [
            "",
            "[]",
            "{}",
            r#"{"sub":"cm3"}"#,
            r#"{"sub":1,"exp":4000000000}"#,
            r#"{"exp":4000000000}"#,
            r#"{"sub":"cm3","exp":"4000000000"}"#,
            r#"{"sub":"cm3","exp":4000000000,"nbf":3000000000}"#,
        ] {
            assert!(keys.read(&sealed(&keys, &header, text), then()).is_none(), "{text}");
        }
        for further in [r#","crit":["exp"]}"#, r#","zip":"DEF"}"#] {
            let header = header.replace('}', further);
            assert!(keys.read(&sealed(&keys, &header, valid), then()).is_none(), "{header}");
        }
        let other = header.replace("dir", "A256KW");
        assert!(keys.read(&sealed(&keys, &other, valid), then()).is_none());
    }
}
