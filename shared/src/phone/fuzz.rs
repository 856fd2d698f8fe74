//! Whatever people type for a number, and providers call one.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::mutated::{often, texts};

fn typed() -> impl Strategy<Value = String> {
    let spellings = [
        "06 39 98 01 23",
        "+33 (0)6 39 98 01 23",
        "0033 6.39.98.01.23",
        "whatsapp:+33639980123",
        "tel:+33-6-39-98-01-23",
        "(514) 555-0123",
        "011 33 6 39 98 01 23",
        "+49 0151 12345678",
        "+52 1 55 1234 5678",
        "+55 31 9876 5432",
        "+54 9 11 2345 6789",
        "0692 12 34 56",
        "\u{202a}+33 6 39 98 01 23\u{202c}",
        "\u{ff10}\u{ff16}39980123",
    ];
    prop_oneof![
        texts(spellings.map(|text| text.as_bytes().to_vec()).into()),
        "[+0-9 ()]{0,20}",
        "(\\+|00|0|)[0-9]{5,16}",
    ]
}

fn region() -> impl Strategy<Value = Region> {
    select(vec!["FR", "BE", "LU", "CA", "RE", "YT", "GP", "CI", "GA", "GB", "DE", "IT", "BR", "NC"])
        .prop_map(|name| name.parse().unwrap())
}

proptest! {
    #![proptest_config(often())]

    #[test]
    fn a_number_is_the_same_wherever_it_is_typed_in_full(text in typed(), here in region(), there in region()) {
        match E164::typed(&text, here) {
            Ok(number) => {
                let shown = number.as_str();
                prop_assert!(shown.len() <= 16 && shown[1..].bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert_eq!(E164::typed(shown, there), Ok(number.clone()), "{} typed in {}", text, here);
                prop_assert_eq!(format!("{number:?}").len(), "E164(+33…23)".len());
            }
            Err(error) => prop_assert!(!error.to_string().contains(|c: char| c.is_ascii_digit()), "{error}"),
        }
    }

    #[test]
    fn every_spelling_of_a_number_is_that_number(text in typed()) {
        let Ok(number) = E164::from_provider(&text) else { return Ok(()) };
        prop_assert_eq!(number.as_str(), format!("+{}", text.strip_prefix('+').unwrap_or(&text)));
        prop_assert_eq!(&serde_json::from_str::<E164>(&serde_json::to_string(&number).unwrap()).unwrap(), &number);
        let spellings = number.spellings();
        prop_assert!(spellings.contains(&number) && spellings.len() <= 2, "{spellings:?}");
        for spelling in spellings {
            prop_assert!(spelling.as_str().parse::<E164>().is_ok());
            prop_assert_eq!(spelling.canonical(), number.canonical());
        }
    }

    #[test]
    fn a_region_is_known_by_its_name(name in "[A-Za-z]{0,3}") {
        match name.parse::<Region>() {
            Ok(region) => prop_assert_eq!(region.to_string(), name.to_ascii_uppercase()),
            Err(error) => prop_assert!(error.contains("FR BE")),
        }
    }
}
