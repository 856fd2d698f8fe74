//! Whatever a page, or somebody who calls himself one, may ask the portal for.

use proptest::prelude::*;

use super::guard::is_site;
use super::id::Id;
use crate::mutated::{documents, often, texts};

proptest! {
    #![proptest_config(often())]

    #[test]
    fn an_id_is_one_that_the_books_can_be_asked_about(id in documents(&[br#""cs_test_a1B2c3D4e5F6g""#.into()])) {
        let Ok(Id(read)) = serde_json::from_value(id.clone()) else { return Ok(()) };
        prop_assert!(read.len() <= 255 && !read.contains('\0'));
        prop_assert_eq!(id.as_str(), Some(read.as_str()));
    }

    #[test]
    fn a_browser_is_sent_back_to_a_host_and_to_nothing_within_it(origin in texts(vec![b"https://postly.example:8443".into(), b"http://[::1]:8080".into(), b"https://user@postly.example/path".into()])) {
        if is_site(&origin) {
            let (scheme, place) = origin.split_once("://").unwrap();
            prop_assert!(["http", "https"].contains(&scheme) && !place.is_empty());
            prop_assert!(!place.contains(['/', '?', '#', '@', '\\', '"', '<', '%', ' ']), "{origin}");
        }
    }
}
