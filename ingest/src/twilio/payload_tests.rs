//! Every fixture of Twilio leads to what it should, and hostile forms lead to something.

use std::path::Path;

use super::*;

fn led_to(body: &[u8], query: &str) -> String {
    match arrival(body, query, DateTime::UNIX_EPOCH) {
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
                Content::Edit { .. } | Content::Revoke { .. } | Content::Identity(_) => {
                    unreachable!("Twilio tells of no changes")
                }
            },
            shared::job::Work::Status(report) => {
                format!("status {} {}", report.status.as_str(), report.error_code.unwrap_or_default())
            }
            shared::job::Work::Notice(notice) => format!("notice {}", notice.kind),
            shared::job::Work::Answer(_)
            | shared::job::Work::Payment(_)
            | shared::job::Work::Code(_)
            | shared::job::Work::Checkout(_)
            | shared::job::Work::Shelf => {
                unreachable!("no webhook of a provider asks for this")
            }
        },
    }
}

#[test]
fn every_fixture_leads_to_what_it_should() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/twilio");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension() == Some("form".as_ref()) && !name.starts_with("api_"))
        .collect();
    names.sort();
    assert!(names.len() > 35);
    let page: Vec<String> = names
        .iter()
        .map(|name| format!("{name}: {}", led_to(&std::fs::read(format!("{folder}/{name}")).unwrap(), "")))
        .collect();
    insta::assert_snapshot!(page.join("\n"));
}

#[test]
fn our_own_id_comes_back_in_the_address() {
    let body = b"MessageSid=SM1&MessageStatus=delivered&From=whatsapp%3A%2B33199001234";
    let Arrival::Job(job) = arrival(body, "outbox=42&x=1", DateTime::UNIX_EPOCH) else { panic!("no job") };
    let shared::job::Work::Status(report) = job.work else { panic!("no status") };
    assert_eq!((report.outbox_id, report.provider_message_id.as_str()), (Some(42), "SM1"));
}

#[test]
fn an_id_of_nothing_is_none() {
    for id in ["whatsapp%3A", "whatsapp%3A+", "%00"] {
        let body = format!("From=whatsapp%3AFR.139&To=t&Body=x&ExternalUserId={id}");
        let Arrival::Job(job) = arrival(body.as_bytes(), "", DateTime::UNIX_EPOCH) else { panic!("no job") };
        let shared::job::Work::Message(inbound) = job.work else { panic!("no message") };
        assert_eq!(inbound.sender.bsuid.as_deref(), Some("FR.139"), "{id}");
    }
}

#[test]
fn words_beside_sound_are_the_message() {
    let sound = "From=whatsapp%3A%2B33639980123&To=t&NumMedia=1&MediaContentType0=audio%2Fogg";
    for (more, expected) in [
        ("&MediaUrl0=https%3A%2F%2Fapi.twilio.com%2FME1", "voice audio/ogg"),
        ("&MediaUrl0=https%3A%2F%2Fapi.twilio.com%2FME1&Body=solde", "text"),
        ("", "hint audio"),
    ] {
        assert_eq!(led_to(format!("{sound}{more}").as_bytes(), ""), expected, "{more}");
    }
}

#[test]
fn absurd_forms_lose_nothing() {
    for (body, expected) in [
        ("", "unreadable: a message from nobody"),
        ("From=whatsapp%3A%2B33639980123", "unreadable: a message to an unnamed number"),
        ("From=whatsapp%3A%2B33639980123&To=whatsapp%3A%2B33199001234&Body=x", "text"),
        ("From=whatsapp%3A%2B33639980123&To=t&Body=%00%00", "silent empty"),
        ("From=whatsapp%3AFR.139&To=t&Body=x&Body=y", "text"),
        // The name of nothing would be one account for whoever comes under it.
        ("From=whatsapp%3A&To=t&Body=x", "unreadable: a message from nobody"),
        ("From=whatsapp%3A+&To=t&Body=x", "unreadable: a message from nobody"),
        ("MessageStatus=delivered", "unreadable: a status of no message"),
        ("MessageSid=SM1&MessageStatus=queued", "ignored status"),
        ("%ff%fe=&&&=", "unreadable: a message from nobody"),
    ] {
        assert_eq!(led_to(body.as_bytes(), ""), expected, "{body}");
    }
}
