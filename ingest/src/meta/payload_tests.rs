//! Every fixture of Meta leads to what it should, and hostile payloads lead to something.

use std::path::Path;

use shared::message::Content;

use super::*;

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

/// What a payload led to, in words.
fn led_to(body: &[u8]) -> Vec<String> {
    arrivals(body, Some("1098"), at())
        .into_iter()
        .map(|arrival| match arrival {
            Arrival::Ignored(kind) => format!("ignored {kind}"),
            Arrival::Unreadable { reason, .. } => format!("unreadable: {reason}"),
            Arrival::Job(job) => match job.work {
                shared::job::Work::Message(inbound) => match inbound.content {
                    Content::Text(_) => "text".to_owned(),
                    Content::Voice(voice) => format!("voice {}", voice.mime_type.unwrap_or_default()),
                    Content::Reaction { emoji, .. } => format!("reaction {}", emoji.unwrap_or_default()),
                    Content::Tap { id, .. } => format!("tap {id}"),
                    Content::Unreadable(kind) => format!("hint {kind}"),
                    Content::Silent(kind) => format!("silent {kind}"),
                    Content::Edit { .. } => "edit".to_owned(),
                    Content::Revoke { .. } => "revoke".to_owned(),
                    Content::Identity(_) => "identity".to_owned(),
                },
                shared::job::Work::Status(report) => format!("status {}", report.status.as_str()),
                shared::job::Work::Notice(notice) => format!("notice {}", notice.kind),
                shared::job::Work::Answer(_)
                | shared::job::Work::Payment(_)
                | shared::job::Work::Code(_)
                | shared::job::Work::Checkout(_)
                | shared::job::Work::Shelf => {
                    unreachable!("no webhook of a provider asks for this")
                }
            },
        })
        .collect()
}

#[test]
fn every_fixture_leads_to_what_it_should() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/meta");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension() == Some("json".as_ref()) && !name.starts_with("api_"))
        .collect();
    names.sort();
    assert!(names.len() > 70);
    let page: Vec<String> = names
        .iter()
        .map(|name| {
            let body = std::fs::read(format!("{folder}/{name}")).unwrap();
            format!("{name}: {}", led_to(&body).join(", "))
        })
        .collect();
    insta::assert_snapshot!(page.join("\n"));
}

fn message(fields: &str) -> String {
    format!(
        r#"{{"entry":[{{"changes":[{{"field":"messages","value":{{"metadata":{{"phone_number_id":"1"}},"messages":[{fields}]}}}}]}}]}}"#
    )
}

#[test]
fn one_unreadable_message_does_not_take_its_neighbours_along() {
    let good = r#"{"id":"a","from":"33639980123","type":"text","text":{"body":"un"}}"#;
    let lone_surrogate = r#"{"id":"b","from":"33639980123","type":"text","text":{"body":"\ud800"}}"#;
    let nobody = r#"{"id":"c","type":"text","text":{"body":"trois"}}"#;
    let led = led_to(message(&[good, lone_surrogate, nobody, "17", good].join(",")).as_bytes());
    assert_eq!(
        led,
        [
            "text",
            "unreadable: a message that is not valid JSON text",
            "unreadable: a message from nobody",
            "unreadable: a message from nobody",
            "text"
        ]
    );
}

#[test]
fn absurd_values_lose_nothing() {
    for (fields, expected) in [
        // No id, no timestamp, no type, a number for a number.
        (r#"{"from":33639980123,"text":{"body":"x"}}"#, "text"),
        (
            r#"{"id":7,"from":"+33639980123","timestamp":"soon","type":"text","text":{"body":"x\u0000y"}}"#,
            "text",
        ),
        (
            r#"{"id":"a","from":"33639980123","timestamp":99999999999999,"type":"text","text":{"body":"x"}}"#,
            "text",
        ),
        (r#"{"id":"a","from":"33639980123","type":"text","text":{"body":"   "}}"#, "silent empty"),
        (r#"{"id":"a","from":"33639980123","type":"text","text":null}"#, "silent empty"),
        (r#"{"id":"a","from":"33639980123","type":"hologram","hologram":{}}"#, "hint hologram"),
        (r#"{"id":"a","from":"","from_user_id":"FR.1","type":"text","text":{"body":"x"}}"#, "text"),
        (
            r#"{"id":"a","from":"nonsense","type":"text","text":{"body":"x"}}"#,
            "unreadable: a message from nobody",
        ),
    ] {
        assert_eq!(led_to(message(fields).as_bytes()), [expected], "{fields}");
    }
    for (body, expected) in [
        ("", "unreadable: not a webhook envelope"),
        ("null", "unreadable: not a webhook envelope"),
        (r#"{"entry":{}}"#, "unreadable: not a webhook envelope"),
        (r#"{"entry":[]}"#, "ignored empty"),
        (r#"{"entry":[{"changes":7}]}"#, "unreadable: not a webhook entry"),
        (r#"{"entry":[{"changes":[{"field":"messages"}]}]}"#, "unreadable: not a webhook change"),
        (
            r#"{"entry":[{"changes":[{"field":"messages","value":{"messages":{}}}]}]}"#,
            "unreadable: not a list of messages",
        ),
        (r#"{"entry":[{"changes":[{"field":"messages","value":{"messages":null}}]}]}"#, "ignored empty"),
    ] {
        assert_eq!(led_to(body.as_bytes()), [expected], "{body}");
    }
}

#[test]
fn sound_is_named_by_its_id_and_never_by_its_address() {
    let audio = |audio: &str| {
        message(&format!(r#"{{"id":"a","from":"33639980123","type":"audio","audio":{audio}}}"#))
    };
    for (fields, expected) in [
        (
            r#"{"id":"1908","mime_type":"audio/ogg; codecs=opus","url":"https://lookaside.fbsbx.com/x"}"#,
            "voice audio/ogg; codecs=opus",
        ),
        (r#"{"id":1908}"#, "voice "),
        // It would become a part of a path.
        (r#"{"id":"../me?access_token=1"}"#, "hint audio"),
        (r#"{"mime_type":"audio/ogg"}"#, "hint audio"),
        ("null", "hint audio"),
    ] {
        assert_eq!(led_to(audio(fields).as_bytes()), [expected], "{fields}");
    }
    let body = include_bytes!("../../../fixtures/meta/inbound_audio_voice_note.json");
    let Some(Arrival::Job(job)) = arrivals(body, None, at()).pop() else { panic!("no job") };
    assert!(!serde_json::to_string(&job).unwrap().contains("lookaside"));
}

#[test]
fn a_batch_of_a_thousand_is_taken_whole() {
    let one = r#"{"id":"a","from":"33639980123","type":"text","text":{"body":"x"}}"#;
    let batch = message(&vec![one; 1000].join(","));
    assert_eq!(led_to(batch.as_bytes()).len(), 1000);
}

#[test]
fn a_flood_of_unreadable_parts_is_kept_as_one() {
    let good = r#"{"id":"a","from":"33639980123","type":"text","text":{"body":"x"}}"#;
    let led = led_to(message(&format!("{good},{}", vec!["0"; 1000].join(","))).as_bytes());
    assert_eq!(led.len(), 1 + limits::UNREADABLE_PARTS + 1);
    assert_eq!((led[0].as_str(), led[21].as_str()), ("text", "unreadable: many unreadable parts"));
}

#[test]
fn a_change_is_noticed_once_however_much_is_in_it() {
    let system = vec![r#"{"type":"system"}"#; 1000].join(",");
    assert_eq!(led_to(message(&system).as_bytes()), ["notice messages"]);
}

#[test]
fn a_number_that_is_no_part_of_a_path_is_nobodys() {
    let good = r#"{"id":"a","from":"33639980123","type":"text","text":{"body":"x"}}"#;
    for number in ["../../me", "1?a=b", "1/2", " ", "é"] {
        let body =
            message(good).replace(r#""phone_number_id":"1""#, &format!(r#""phone_number_id":"{number}""#));
        let expected = if number == " " { "text" } else { "unreadable: a message to an unnamed number" };
        assert_eq!(led_to(body.as_bytes()), [expected], "{number}");
    }
}

#[test]
fn a_name_of_nothing_is_nobodys() {
    // NUL is taken out of everything that is kept. What is left of these would be one account for whoever sends them.
    let from =
        |names: &str| led_to(message(&format!(r#"{{"id":"a",{names},"text":{{"body":"x"}}}}"#)).as_bytes());
    for nothing in [r#""""#, r#"" ""#, r#""\u0000""#, r#""\u0000 ""#] {
        assert_eq!(
            from(&format!(r#""from_user_id":{nothing}"#)),
            ["unreadable: a message from nobody"],
            "{nothing}"
        );
    }
    let unnamed = |id: &str| {
        let body = message(&format!(r#"{{"id":"{id}","from":"33639980123","text":{{"body":"x"}}}}"#));
        let Some(Arrival::Job(job)) = arrivals(body.as_bytes(), None, at()).pop() else { panic!("no job") };
        job.id
    };
    assert!(unnamed("\\u0000").provider_part().starts_with("unnamed-"), "one id for all such messages");
    let reaction =
        r#"{"id":"a","from":"33639980123","type":"reaction","reaction":{"message_id":"m","emoji":"\u0000"}}"#;
    assert_eq!(led_to(message(reaction).as_bytes()), ["reaction "], "taken back");
}

#[test]
fn our_own_id_comes_back_with_a_status() {
    let body = include_bytes!("../../../fixtures/meta/status_with_opaque_data.json");
    let text = std::str::from_utf8(body).unwrap();
    let opaque = text.split("biz_opaque_callback_data").nth(1).unwrap().split('"').nth(2).unwrap();
    let body = text.replace(opaque, "outbox:42");
    let Some(Arrival::Job(job)) = arrivals(body.as_bytes(), None, at()).pop() else { panic!("no job") };
    let shared::job::Work::Status(report) = job.work else { panic!("no status") };
    assert_eq!(report.outbox_id, Some(42));
}

#[test]
fn what_meta_bills_is_read_where_it_is_said() {
    let pricing = |name: &str| {
        let path = format!("{}/../fixtures/meta/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let Some(Arrival::Job(job)) = arrivals(&std::fs::read(path).unwrap(), None, at()).pop() else {
            panic!("no job")
        };
        let shared::job::Work::Status(report) = job.work else { panic!("no status") };
        report.pricing
    };
    let said = pricing("status_sent").unwrap();
    assert_eq!((said.billable, said.model.as_deref()), (Some(false), Some("PMP")));
    assert_eq!(
        (said.kind.as_deref(), said.category.as_deref()),
        (Some("free_customer_service"), Some("service"))
    );
    assert!(pricing("status_delivered").is_some());
    for silent in ["status_read", "status_failed_131047_window"] {
        assert_eq!(pricing(silent), None, "{silent}");
    }
}

#[test]
fn an_announced_change_waits_in_the_conversation_of_the_old_names() {
    let announced = |body: &str| {
        let Some(Arrival::Job(job)) = arrivals(body.as_bytes(), None, at()).pop() else { panic!("no job") };
        let shared::job::Work::Message(inbound) = job.work else { panic!("no message") };
        let Content::Identity(change) = inbound.content.clone() else { panic!("no change") };
        (inbound, change)
    };
    let (inbound, change) =
        announced(include_str!("../../../fixtures/meta/inbound_system_user_changed_number.json"));
    assert!(inbound.lane().as_str().ends_with(":FR.1390021865530274"));
    assert_eq!(change.previous_phone.unwrap().as_str(), "+33639980123");
    assert_eq!(change.phone.unwrap().as_str(), "+33639980456");
    assert_eq!(change.bsuid.as_deref(), Some("FR.2471130976641385"));
    let (inbound, change) =
        announced(include_str!("../../../fixtures/meta/inbound_system_user_changed_user_id.json"));
    assert!(inbound.lane().as_str().ends_with(":FR.1390021865530274"));
    assert_eq!((change.previous_phone, change.phone), (None, None));
    // What is announced of nobody, or without anything new, is no change.
    for system in [
        r#"{"type":"system","system":{"type":"user_changed_user_id","user_id":"FR.2"}}"#,
        r#"{"type":"system","system":{"type":"user_changed_user_id","previous_user_id":"FR.1"}}"#,
    ] {
        assert_eq!(led_to(message(system).as_bytes()), ["notice messages"], "{system}");
    }
}
