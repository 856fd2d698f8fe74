//! What stands in a table may be anything: somebody may have touched it.

use proptest::prelude::*;
use secrecy::SecretString;

use super::person_key::Keys;
use super::*;

fn master(byte: u8) -> MasterKey {
    use base64::Engine as _;
    let text = base64::prelude::BASE64_STANDARD.encode([byte; Secret::LENGTH]);
    MasterKey::read(&SecretString::from(text)).unwrap()
}

fn keys(id: &str, byte: u8) -> Keys {
    let key = PersonKey::new(id.to_owned(), &Secret::of(&[byte; Secret::LENGTH]).unwrap());
    Keys::from(HashMap::from([(id.to_owned(), key)]))
}

fn key(id: &str, byte: u8) -> PersonKey {
    PersonKey::new(id.to_owned(), &Secret::of(&[byte; Secret::LENGTH]).unwrap())
}

#[test]
fn words_open_where_they_were_sealed_for_and_nowhere_else() {
    let sealed = key("k1", 1).seal(Place::Brief, "meta:1", "Crée un post pour ma boulangerie");
    assert!(!sealed.contains("post") && sealed.starts_with("sealed:1:k1:"), "{sealed}");
    let open = |keys: &Keys, place, row| keys.open(place, row, sealed.clone());
    assert_eq!(
        open(&keys("k1", 1), Place::Brief, "meta:1").unwrap().as_deref(),
        Some("Crée un post pour ma boulangerie")
    );
    assert_eq!(open(&keys("k1", 1), Place::Brief, "meta:2"), Err(VaultError::Touched));
    assert_eq!(open(&keys("k1", 1), Place::KeptBrief, "meta:1"), Err(VaultError::Touched));
    assert_eq!(open(&keys("k1", 2), Place::Brief, "meta:1"), Err(VaultError::Touched));
    // The key is gone, and the words with it.
    assert_eq!(open(&Keys::default(), Place::Brief, "meta:1"), Ok(None));
}

#[test]
fn nothing_is_sealed_twice_alike() {
    let key = key("k1", 1);
    assert_ne!(key.seal(Place::Body, "a", "Bonjour"), key.seal(Place::Body, "a", "Bonjour"));
}

#[test]
fn what_was_written_before_there_was_a_key_is_read_as_it_is() {
    for words in ["Bonjour", "", "sealed:2:x", "sealed:1:"] {
        assert_eq!(Keys::default().open(Place::Body, "a", words.to_owned()).unwrap().as_deref(), Some(words));
    }
}

#[test]
fn a_key_opens_under_the_master_that_sealed_it() {
    let secret = Secret::of(&[9; Secret::LENGTH]).unwrap();
    let wrapped = master(1).wrap("k1", &secret);
    assert_eq!(master(1).unwrap("k1", &wrapped).unwrap().bytes(), secret.bytes());
    assert!(matches!(master(2).unwrap("k1", &wrapped), Err(VaultError::Touched)));
    assert!(matches!(master(1).unwrap("k2", &wrapped), Err(VaultError::Touched)));
    assert_eq!(master(1).id().len(), 8);
    assert_ne!(master(1).id(), master(2).id());
}

#[test]
fn a_master_key_is_thirty_two_bytes_in_base64_and_mute() {
    for text in ["", "abc", "c2hvcnQ=", &"A".repeat(44)] {
        assert!(MasterKey::read(&SecretString::from(text.to_owned())).is_none(), "{text}");
    }
    let vault = |value: &str| {
        let mut env = Env::from_values([("MASTER_KEY".to_owned(), value.to_owned())].into());
        let vault = Vault::from_env(&mut env);
        env.finish(vault)
    };
    let (new, old) =
        ("bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE=", "b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE=");
    let both = vault(&format!("{new}, {old}")).unwrap();
    assert_eq!(both.current(), MasterKey::read(&SecretString::from(new.to_owned())).unwrap().id());
    assert!(!format!("{both:?}").contains("bmV3"));
    for wrong in ["", " , ", "c2VjcmV0LXRoaW5n", &format!("{new},c2VjcmV0LXRoaW5n")] {
        let error = vault(wrong).unwrap_err().to_string();
        assert!(
            error.contains("MASTER_KEY") && !error.contains("c2Vj") && error.contains("1 problem"),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn anything_is_sealed_and_opened(words in ".*", row in ".*") {
        let sealed = key("k1", 1).seal(Place::Body, &row, &words);
        prop_assert_eq!(keys("k1", 1).open(Place::Body, &row, sealed).unwrap(), Some(words));
    }

    #[test]
    fn what_was_touched_does_not_open(words in ".{1,60}", at in any::<prop::sample::Index>(), with in any::<char>()) {
        let sealed = key("k1", 1).seal(Place::Body, "a", &words);
        let mut touched: Vec<char> = sealed.chars().collect();
        let at = at.index(touched.len());
        touched[at] = with;
        let touched: String = touched.into_iter().collect();
        prop_assume!(touched != sealed);
        match keys("k1", 1).open(Place::Body, "a", touched.clone()) {
            Ok(None) | Err(VaultError::Touched) => {}
            // It does not look sealed any more.
            Ok(Some(read)) => prop_assert_eq!(read, touched),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn whatever_stands_there_is_no_panic(stored in "(sealed:1:)?[a-z0-9]{0,4}:?.*") {
        let _ = keys("k1", 1).open(Place::Menu, "a", stored.clone());
        let _ = person_key::id_of(&stored);
    }

    #[test]
    fn whatever_is_no_key_is_no_panic(text in ".*", wrapped in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = MasterKey::read(&SecretString::from(text));
        prop_assert!(master(1).unwrap("k1", &wrapped).is_err());
    }
}
