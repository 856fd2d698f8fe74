//! Whatever a browser, or somebody who calls himself one, may send as its session.

use axum::http::header::COOKIE;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;
use crate::kept::at;
use crate::mutated::{often, texts};

/// Sessions of both versions.
fn sessions() -> impl Strategy<Value = Sessions> {
    select(vec![Version::V4, Version::V5]).prop_map(|version| {
        let cookie = Cookie::new(version, false, Some("s".to_owned()), None).unwrap();
        Sessions::new(version, &["a secret of ours".to_owned().into()], cookie)
    })
}

/// Tokens made with NextAuth's own packages, under secrets that are not ours.
fn theirs() -> Vec<Vec<u8>> {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../fixtures/nextauth-vectors.json")).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    vectors.iter().map(|vector| vector["token"].as_str().unwrap().as_bytes().to_vec()).collect()
}

fn token(sessions: &Sessions, user: &str) -> String {
    sessions.token(&UserId::from_stored(user.to_owned()), None, "s1", at()).unwrap()
}

/// Of each version, one of ours and what was made of it.
fn altered() -> impl Strategy<Value = (Sessions, String, String)> {
    sessions().prop_flat_map(|sessions| {
        let token = token(&sessions, "cm3");
        (Just(sessions), Just(token.clone()), texts(vec![token.into()]))
    })
}

proptest! {
    #![proptest_config(often())]

    #[test]
    fn what_somebody_else_made_is_not_believed(sessions in sessions(), token in texts(theirs())) {
        prop_assert_eq!(sessions.told(&token, at()), None);
    }

    #[test]
    fn what_somebody_has_changed_is_not_believed((sessions, token, altered) in altered()) {
        let told = Some(("cm3".to_owned(), Some("s1".to_owned())));
        prop_assert_eq!(sessions.told(&altered, at()), told.filter(|_| altered == token));
    }

    #[test]
    fn what_is_ours_says_what_was_put_into_it(sessions in sessions(), user in "\\PC{0,60}", email in "\\PC{0,60}") {
        let token = sessions.token(&UserId::from_stored(user.clone()), Some(&email), &email, at()).unwrap();
        prop_assert_eq!(sessions.told(&token, at()), Some((user.clone(), Some(email))));
        prop_assert!(user.len() < 8 || !token.contains(&user));
        prop_assert_eq!(sessions.told(&token, at() + LIFETIME + TimeDelta::minutes(1)), None);
    }

    #[test]
    fn no_cookie_is_read_but_its_own(line in texts(vec![b"s=abc; a=1".into(), b"a=1; s.0=a; s.1=b; s.2=c".into()])) {
        let Ok(line) = HeaderValue::try_from(&line) else { return Ok(()) };
        let cookie = Cookie::new(Version::V4, false, Some("s".to_owned()), None).unwrap();
        let read = cookie.read(&HeaderMap::from_iter([(COOKIE, line.clone())]));
        let Ok(line) = line.to_str() else {
            prop_assert_eq!(read, None);
            return Ok(());
        };
        let named = |name: &str| line.split(';').find_map(|pair| Some(pair.trim().strip_prefix(name)?.to_owned()));
        match (read, named("s=")) {
            (Some(read), Some(whole)) => prop_assert_eq!(read, whole),
            // In pieces, whose numbers may be written in other ways (`s.00`), as NextAuth reads them.
            (Some(read), None) => prop_assert!(line.contains("s.") && read.len() <= line.len(), "{read} of {line}"),
            (None, whole) => prop_assert_eq!((whole, named("s.0=")), (None, None)),
        }
    }

    #[test]
    fn a_device_is_two_known_words(agent in texts(vec![b"Mozilla/5.0 (Linux; Android 10; K) Chrome/142.0.0.0 Mobile Safari/537.36".into()])) {
        let Ok(agent) = HeaderValue::try_from(&agent) else { return Ok(()) };
        let device = Device::of(&HeaderMap::from_iter([(axum::http::header::USER_AGENT, agent)]));
        prop_assert!([device.browser(), device.system()].into_iter().flatten().all(|word| word.len() < 20));
    }
}
