//! Whatever the providers' APIs, or something that stands before them, may answer.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;
use shared::message::opaque;

use super::*;
use crate::mutated::{documents, fixtures, often, texts};

/// As many of those that took a message as of all others.
fn answers(provider: &str) -> impl Strategy<Value = Value> + use<> {
    prop_oneof![documents(&fixtures(provider, "api_response")), documents(&fixtures(provider, "api_"))]
}

fn statuses() -> impl Strategy<Value = StatusCode> {
    prop_oneof![Just(200), Just(201), Just(400), Just(429), 100_u16..1000]
        .prop_map(|status| StatusCode::from_u16(status).unwrap())
}

fn judged(read: Result<Accepted, SendError>, status: StatusCode) -> Result<(), TestCaseError> {
    match read {
        // The same words by which a report names it later.
        Ok(Accepted(id)) => {
            prop_assert!(status.is_success() && !id.trim().is_empty() && opaque(&id) == id, "{id:?}");
        }
        Err(error) => {
            let ours = format!("http_{}", status.as_u16());
            prop_assert!(error.code == ours || error.code.parse::<i64>().is_ok(), "{}", error.code);
            prop_assert!(error.trace.is_none_or(|trace| trace.len() <= 200 && !trace.contains('\0')));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(often())]

    #[test]
    fn an_answer_of_metas_is_an_id_or_a_decision(answer in answers("meta"), status in statuses()) {
        judged(meta::read(status, &answer), status)?;
    }

    #[test]
    fn an_uploads_answer_is_an_id_or_a_decision(answer in answers("meta"), status in statuses()) {
        judged(meta::uploaded(status, &answer).map(|MediaId(id)| Accepted(id)), status)?;
    }

    #[test]
    fn an_answer_of_twilios_is_an_id_or_a_decision(answer in answers("twilio"), status in statuses(), after in texts(vec![b"7".into(), b"18446744073709551615".into()])) {
        let after = HeaderValue::try_from(&after).ok().map(|value| (RETRY_AFTER, value));
        judged(twilio::read(status, &HeaderMap::from_iter(after), &answer), status)?;
        judged(twilio::read(status, &HeaderMap::new(), &Value::Null), status)?;
    }

    #[test]
    fn every_code_is_in_a_table_or_in_none(code in any::<i64>(), text in texts(vec![b"131026".into(), b"63016".into()])) {
        for provider in Provider::ALL {
            prop_assert_eq!(reported(provider, &code.to_string()).is_some(), reported(provider, &format!("{code:+}")).is_some());
            prop_assert!(text.parse::<i64>().is_ok() || reported(provider, &text).is_none());
        }
    }
}
