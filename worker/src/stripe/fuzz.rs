//! Whatever Stripe's API, or something that stands before it, may answer.

use proptest::prelude::*;
use reqwest::header::{HeaderValue, RETRY_AFTER};

use super::*;
use crate::mutated::{documents, often, texts};

const PRICE: &str = r#"{"id":"price_1","active":true,"recurring":null,"lookup_key":"pack_20","unit_amount":490,"currency":"eur"}"#;
const ERROR: &str =
    r#"{"error":{"code":"resource_missing","type":"invalid_request_error","message":"No such price"}}"#;

proptest! {
    #![proptest_config(often())]

    #[test]
    fn a_price_is_read_and_written_in_every_language(price in documents(&[PRICE.into()]), minor in any::<i64>()) {
        let Some((name, (id, price))) = read(&price, None) else { return Ok(()) };
        prop_assert!(name.len() + id.len() < 2500);
        for language in Language::ALL {
            let _ = price.in_language(language);
            let _ = Price { minor, ..price.clone() }.in_language(language);
        }
    }

    #[test]
    fn a_refusal_is_told_in_a_word(error in documents(&[ERROR.into()]), status in 100_u16..1000, after in texts(vec![b"7".into(), b"18446744073709551615".into()])) {
        let headers = HeaderValue::try_from(&after).ok().map(|value| (RETRY_AFTER, value));
        let refusal = Refusal::read(StatusCode::from_u16(status).unwrap(), &HeaderMap::from_iter(headers), &error);
        let error = JobError::from(refusal);
        prop_assert!(error.to_string().len() < 120, "{error}");
        if let JobError::Retry { after: Some(after), .. } = error {
            prop_assert!(after <= policy::RETRY.longest);
        }
    }
}
