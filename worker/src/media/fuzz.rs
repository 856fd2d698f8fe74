//! Whatever the keepers of media may tell and send.

use proptest::prelude::*;
use reqwest::Url;

use super::*;
use crate::mutated::{bytes, documents, often, texts};

/// A recorded note of two pages.
fn note() -> Vec<u8> {
    let page = |position: u64, payload: &[u8]| {
        let position = position.to_le_bytes();
        [b"OggS\0\0".as_slice(), &position, &[0; 13], payload].concat()
    };
    [page(0, b"OpusHead\x01\x01"), page(48_000 * 7, &[7; 300])].concat()
}

fn addresses() -> impl Strategy<Value = String> {
    texts(vec![
        b"https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&hash=ARB".into(),
        b"https://graph.facebook.com/v25.0/1".into(),
        b"https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1".into(),
        b"https://user:pass@evil.example:8443/x".into(),
    ])
}

proptest! {
    #![proptest_config(often())]

    #[test]
    fn a_note_is_as_long_as_its_last_page_says(bytes in bytes(vec![note()])) {
        if let Some(seconds) = ogg::seconds(&bytes) {
            prop_assert!(bytes.windows(4).any(|word| word == b"OggS") && seconds <= u64::MAX / 48_000);
        }
    }

    #[test]
    fn a_secret_goes_to_known_hosts_alone(address in addresses()) {
        let host = |url: &Url| url.host_str().unwrap_or_default().to_owned();
        if let Ok(url) = meta::trusted(&address, "https://graph.facebook.com") {
            let known = [".fbsbx.com", ".whatsapp.net"].iter().any(|known| host(&url).ends_with(known));
            prop_assert!(url.scheme() == "https" && (known || host(&url) == "graph.facebook.com"), "{url}");
            // As the client will read it: nothing that looks like the host stands in another part.
            prop_assert_eq!(host(&Url::parse(url.as_str()).unwrap()), host(&url));
        }
        let api = Url::parse("https://api.twilio.com").unwrap();
        if let Some(url) = Url::parse(&address).ok().filter(|url| twilio::trusted(url, &api)) {
            prop_assert!(url.scheme() == "https" && host(&url).ends_with(".twilio.com") && url.port().is_none(), "{url}");
        }
    }

    #[test]
    fn what_is_told_of_a_medium_is_read_or_left(document in documents(&[include_bytes!("../../../fixtures/meta/api_response_media_url.json").to_vec()])) {
        let Ok(medium) = serde_json::from_value::<meta::Medium>(document) else { return Ok(()) };
        if let Err(error) = meta::trusted(&medium.url, "https://graph.facebook.com") {
            prop_assert!(matches!(error, Unfetched::Retry(_) | Unfetched::Operator(_)));
        }
    }

    #[test]
    fn a_digest_proves_all_or_nothing(told in texts(vec![b"29ed500fa64eb55fc19dc4124acb300e5dcca0f822a301ae99944db16bf7b0c3".into(), b"RYKMCTJ2WWEyZ0FxZ0FxZ0FxZ0FxZ0FxZ0FxZ0FxZ0E=".into()])) {
        prop_assert!(meta::digest(&told).is_none_or(|digest| digest.len() == 32));
    }

    #[test]
    fn a_format_is_one_that_a_server_takes(kind in texts(vec![b"audio/ogg; codecs=opus".into(), b"audio/mpeg".into()]), status in 100_u16..1000) {
        if let Some(format) = Format::of(&kind) {
            prop_assert!(kind.to_ascii_lowercase().contains("audio/") && format.mime_type.starts_with("audio/"));
        }
        prop_assert_eq!(judge(StatusCode::from_u16(status).unwrap()).is_ok(), (200..300).contains(&status));
    }
}
