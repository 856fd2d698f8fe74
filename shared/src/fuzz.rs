//! Whatever stands in the queue, and whatever people and browsers send that is read here.

use proptest::prelude::*;
use serde_json::Value;

use crate::job::Job;
use crate::language::Language;
use crate::menu::Pick;
use crate::message::{MessageId, Provider, clean, conceal, opaque, short};
use crate::mutated::{bytes, documents, fixtures, often, texts};
use crate::signin::Secret;
use crate::trace::TraceContext;

/// A job of each kind, as its own tests have pinned it.
fn jobs() -> Vec<Vec<u8>> {
    let work = [
        r#"{"message":{"id":"meta:1098:wamid.A","provider":"meta","business":"1098","sender":{"address":{"phone":"+33639980123"},"phone":"+33639980123","bsuid":"FR.1"},"sent_at":"1970-01-01T00:00:00Z","content":{"text":"Cr\u00e9e un post"}}}"#,
        r#"{"message":{"id":"twilio:AC1:MM1","provider":"twilio","business":"whatsapp:+33199001234","sender":{"address":{"channel":"whatsapp:+33639980123"}},"sent_at":"2026-09-21T14:13:20.123Z","content":{"voice":{"media":"https://api.twilio.com/ME1","mime_type":"audio/ogg","sha256":"aa"}}}}"#,
        r#"{"message":{"id":"meta:1098:wamid.B","provider":"meta","business":"1098","sender":{"address":{"bsuid":"FR.1"},"bsuid":"FR.1"},"sent_at":"1970-01-01T00:00:00Z","content":{"edit":{"of":"meta:1098:wamid.A","text":"x"}}}}"#,
        r#"{"message":{"id":"meta:1098:wamid.C","provider":"meta","business":"1098","sender":{"address":{"bsuid":"FR.1"},"bsuid":"FR.1"},"sent_at":"1970-01-01T00:00:00Z","content":{"identity":{"previous_bsuid":"FR.1","previous_phone":"+33639980123","bsuid":"FR.2"}}}}"#,
        r#"{"message":{"id":"meta:1098:wamid.D","provider":"meta","business":"1098","sender":{"address":{"bsuid":"FR.1"},"bsuid":"FR.1"},"sent_at":"1970-01-01T00:00:00Z","content":{"reaction":{"to":"wamid.E","emoji":"x"}}}}"#,
        r#"{"status":{"provider":"meta","provider_message_id":"wamid.B","outbox_id":7,"status":"failed","at":"1970-01-01T00:00:00Z","error_code":"131026","pricing":{"billable":false,"model":"PMP","kind":"regular","category":"service"}}}"#,
        r#"{"notice":{"provider":"meta","kind":"account_update","body":"{}"}}"#,
        r#"{"answer":"meta:1098:wamid.A"}"#,
        r#"{"payment":{"session":"cs_test_1","told":"paid"}}"#,
        r#"{"checkout":"c1:k1"}"#,
        r#"{"code":{"challenge":"c1","number":2,"at":{"provider":"meta","business":"1098","address":{"phone":"+33639980123"},"lane":"meta:1098:FR.1"}}}"#,
        r#""shelf""#,
    ];
    let job = |work: &str| {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let head =
            r#"{"v":1,"id":"meta:1098:wamid.A","lane":"meta:1098:FR.1","received_at":"2026-11-28T08:00:00Z""#;
        format!(r#"{head},"work":{work},"trace":"{trace}"}}"#).into_bytes()
    };
    work.map(job).into()
}

/// What a person may write, the words of a link among it.
fn words() -> impl Strategy<Value = String> {
    let link = b"Connexion Postly : postly-0123456789abcdef0123456789abcdef".to_vec();
    let mut seeds = fixtures("twilio", "inbound_text");
    seeds.extend(vec![link; seeds.len()]);
    texts(seeds)
}

fn ids() -> impl Strategy<Value = String> {
    let ids = [
        "buy",
        "buy:pack_20",
        "gen:kept",
        "post:c1:3",
        "history:c1",
        "again:c1",
        "translate:en:c1",
        "shorter:c1",
        "lang:fr",
        "start",
        "erase:yes",
        "signin:c1:47",
    ];
    let shapes = "(post|signin|translate|again|shorter|history|buy|lang):[a-z0-9 ]{0,3}(:[0-9+]{0,3})?";
    prop_oneof![texts(ids.map(|id| id.as_bytes().to_vec()).into()), shapes]
}

proptest! {
    #![proptest_config(often())]

    #[test]
    fn a_job_is_read_whole_or_not_at_all(bytes in bytes(jobs()), document in documents(&jobs())) {
        for json in [bytes.0, document.to_string().into()] {
            let Ok(job) = serde_json::from_slice::<Job>(&json) else { continue };
            let written = serde_json::to_vec(&job).unwrap();
            prop_assert_eq!(&serde_json::from_slice::<Job>(&written).unwrap(), &job, "{}", written.escape_ascii());
            // What nobody asks for may be no text at all: it is skipped unread.
            let Ok(before) = serde_json::from_slice::<Value>(&json) else { continue };
            let after: Value = serde_json::from_slice(&written).unwrap();
            prop_assert_eq!(after["id"].as_str().unwrap(), conceal(before["id"].as_str().unwrap()));
            prop_assert_eq!(&after["lane"], &before["lane"]);
            prop_assert!(!format!("{job:?}").contains("639980123"), "{job:?}");
        }
    }

    #[test]
    fn a_trace_is_written_as_it_was_read(text in texts(vec![b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()])) {
        if let Some(trace) = TraceContext::read(&text) {
            prop_assert_eq!(trace.to_string(), text.to_ascii_lowercase());
            prop_assert_eq!(trace.id(), &text.to_ascii_lowercase()[3..35]);
        }
    }

    #[test]
    fn a_token_is_found_where_its_words_stand_and_nowhere_else(text in words(), before in "\\PC{0,20}", behind in "[^0-9a-zA-Z]\\PC{0,20}") {
        if let Some(token) = Secret::found_in(&text) {
            prop_assert!(text.to_ascii_lowercase().contains(&token.in_words()));
            let again = format!("{before}{}{behind}", token.in_words().to_uppercase());
            prop_assert!(Secret::found_in(&again).is_some(), "{again}");
            prop_assert_eq!(format!("{token:?}"), "Secret");
        }
        if let Err(error) = text.parse::<Secret>() {
            prop_assert_eq!(error.to_string(), "not 32 hexadecimal digits");
        }
    }

    #[test]
    fn a_choice_is_the_one_that_its_id_names(id in ids()) {
        if let Some(pick) = Pick::of(&id) {
            prop_assert_eq!(Pick::of(&pick.id()), Some(pick.clone()));
            if let Pick::Post { number, .. } = pick {
                prop_assert!((1..=3).contains(&number), "{id}");
            }
            // A number may stand there in more digits than it needs, and with a sign.
            prop_assert!(pick.id().len() <= id.len(), "{} of {id}", pick.id());
        }
    }

    #[test]
    fn a_key_is_short_and_of_one_thing_alone(scope in words(), id in prop_oneof![words(), texts(vec![b"wamid.HBgLMzM2Mzk5ODAxMjM=".into()])]) {
        let key = MessageId::new(Provider::Meta, &scope, &id);
        prop_assert!(key.as_str().len() <= 410 && !key.as_str().contains('\0'));
        prop_assert!(!key.as_str().contains("wamid."));
        prop_assert_eq!(MessageId::from_stored(key.as_str().to_owned()), key.clone());
        prop_assert_eq!(opaque(&opaque(&id)), opaque(&id));
        let text = format!("{scope}{id}");
        prop_assert!(!conceal(&text).contains("wamid.") && conceal(&conceal(&text)) == conceal(&text));
        prop_assert_eq!(short(&short(&id)), short(&id));
        prop_assert_eq!(clean(&id).len() + id.matches('\0').count(), id.len());
        let shown = format!("{key:?}");
        prop_assert!(id.len() < 7 || !shown.contains(&id), "{shown}");
    }

    #[test]
    fn a_language_is_one_of_ours_or_none(tag in texts(vec![b"fr-CA".into(), b"English".into(), "fran\u{e7}ais".into()])) {
        if let Some(language) = Language::from_tag(&tag) {
            prop_assert!(tag.trim().to_lowercase().starts_with(&language.code()[..1]) || tag.trim().to_lowercase() == "anglais");
        }
    }
}
