//! What was queued yesterday is read today, and what is one piece of work has one key.

use super::*;
use crate::message::{Address, Content, ProviderId, Sender, Voice, opaque};
use crate::person::Change;

#[test]
fn last_weeks_jobs_are_still_read() {
    let job = Job::message(
        Inbound {
            lane: None,
            id: MessageId::new(Provider::Meta, "1098", "wamid.A"),
            provider_id: ProviderId::of("wamid.A"),
            provider: Provider::Meta,
            business: "1098".into(),
            sender: Sender {
                address: Address::Phone("+33639980123".parse().unwrap()),
                phone: Some("+33639980123".parse().unwrap()),
                bsuid: Some("FR.1".into()),
            },
            sent_at: DateTime::UNIX_EPOCH,
            content: Content::Text("Crée un post".into()),
        },
        DateTime::UNIX_EPOCH,
    );
    let pinned = r#"{"v":1,"id":"meta:1098:wamid.A","lane":"meta:1098:FR.1","received_at":"1970-01-01T00:00:00Z","work":{"message":{"id":"meta:1098:wamid.A","provider":"meta","business":"1098","sender":{"address":{"phone":"+33639980123"},"phone":"+33639980123","bsuid":"FR.1"},"sent_at":"1970-01-01T00:00:00Z","content":{"text":"Crée un post"}}}}"#;
    // From when the provider's own id was the key: the same message, and calls can still name it.
    assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), job);
    let id = format!("meta:1098:{}", opaque("wamid.A"));
    let named = format!(r#"{{"message":{{"id":"{id}","provider_id":"wamid.A","provider":"meta""#);
    let today = pinned
        .replace(r#"{"message":{"id":"meta:1098:wamid.A","provider":"meta""#, &named)
        .replace("meta:1098:wamid.A", &id);
    assert_eq!(serde_json::to_string(&job).unwrap(), today);
    assert_eq!(serde_json::from_str::<Job>(&today).unwrap(), job);
    let Work::Message(inbound) = &job.work else { unreachable!("it is one") };
    assert_eq!(inbound.provider_id(), "wamid.A");
}

#[test]
fn an_edit_of_an_older_version_is_of_the_same_message() {
    let of = MessageId::new(Provider::Meta, "1098", "wamid.A");
    let edit: Content = serde_json::from_str(r#"{"edit":{"of":"meta:1098:wamid.A","text":"x"}}"#).unwrap();
    assert_eq!(edit, Content::Edit { of: of.clone(), text: "x".into() });
    assert_eq!(
        serde_json::from_str::<Content>(r#"{"revoke":{"of":"meta:1098:wamid.A"}}"#).unwrap(),
        Content::Revoke { of }
    );
}

#[test]
fn a_trace_travels_and_what_is_none_costs_no_message() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let job = Job::shelf(DateTime::UNIX_EPOCH).traced(TraceContext::read(trace));
    let pinned = format!(
        r#"{{"v":1,"id":"shelf:0","lane":"shelf:shelf","received_at":"1970-01-01T00:00:00Z","work":"shelf","trace":"{trace}"}}"#
    );
    assert_eq!(serde_json::to_string(&job).unwrap(), pinned);
    assert_eq!(serde_json::from_str::<Job>(&pinned).unwrap(), job);
    let foreign = pinned.replace("00-4bf", "99-4bf");
    assert_eq!(serde_json::from_str::<Job>(&foreign).unwrap(), job.traced(None));
}

#[test]
fn a_voice_note_travels_without_what_was_said() {
    let inbound = |voice: Voice| Inbound {
        lane: None,
        id: MessageId::new(Provider::Twilio, "AC1", "MM1"),
        provider_id: ProviderId::of("MM1"),
        provider: Provider::Twilio,
        business: "whatsapp:+33199001234".into(),
        sender: Sender {
            address: Address::Channel("whatsapp:+33639980123".into()),
            phone: None,
            bsuid: None,
        },
        sent_at: DateTime::UNIX_EPOCH,
        content: Content::Voice(voice.into()),
    };
    let voice = Voice {
        media: "https://api.twilio.com/ME1".into(),
        mime_type: Some("audio/ogg".into()),
        sha256: None,
        words: None,
    };
    let job = Job::message(inbound(voice.heard("mes mots".into())), DateTime::UNIX_EPOCH);
    let pinned = r#"{"v":1,"id":"twilio:AC1:MM1","lane":"twilio:whatsapp:+33199001234:whatsapp:+33639980123","received_at":"1970-01-01T00:00:00Z","work":{"message":{"id":"twilio:AC1:MM1","provider":"twilio","business":"whatsapp:+33199001234","sender":{"address":{"channel":"whatsapp:+33639980123"}},"sent_at":"1970-01-01T00:00:00Z","content":{"voice":{"media":"https://api.twilio.com/ME1","mime_type":"audio/ogg"}}}}}"#;
    assert_eq!(serde_json::to_string(&job).unwrap(), pinned);
    let read = Job::message(inbound(voice), DateTime::UNIX_EPOCH);
    assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), read);
}

#[test]
fn an_announced_change_is_still_read() {
    let content = Content::Identity(Box::new(Change {
        previous_bsuid: Some("FR.1".into()),
        previous_phone: Some("+33639980123".parse().unwrap()),
        bsuid: Some("FR.2".into()),
        phone: None,
    }));
    let pinned = r#"{"identity":{"previous_bsuid":"FR.1","previous_phone":"+33639980123","bsuid":"FR.2"}}"#;
    assert_eq!(serde_json::to_string(&content).unwrap(), pinned);
    assert_eq!(serde_json::from_str::<Content>(pinned).unwrap(), content);
    assert_eq!(
        serde_json::from_str::<Content>(r#"{"identity":{}}"#).unwrap(),
        Content::Identity(Box::default())
    );
}

#[test]
fn an_answer_has_one_job_for_each_time_that_its_message_was_handled() {
    let answer = |replays| {
        let cause = MessageId::new(Provider::Meta, "1098", "wamid.A");
        let lane = Lane::from_stored("meta:1098:FR.1".into());
        Job::answer(Provider::Meta, cause, lane, replays, DateTime::UNIX_EPOCH)
    };
    assert_ne!(answer(0).id, answer(1).id);
    let pinned = r#"{"v":1,"id":"meta:answer:meta:1098:wamid.A:0","lane":"meta:1098:FR.1","received_at":"1970-01-01T00:00:00Z","work":{"answer":"meta:1098:wamid.A"}}"#;
    assert_eq!(serde_json::to_string(&answer(0)).unwrap(), pinned.replace("wamid.A", &opaque("wamid.A")));
    assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), answer(0));
}

#[test]
fn a_payment_is_told_once_for_each_thing_that_becomes_of_it() {
    let job = |told| {
        let notice = PaymentNotice { session: "cs_test_1".into(), told };
        Job::payment(notice, DateTime::UNIX_EPOCH)
    };
    assert_ne!(job(PaymentTold::Paid).id, job(PaymentTold::Failed).id);
    let pinned = r#"{"v":1,"id":"payment:cs_test_1:paid","lane":"payment:cs_test_1","received_at":"1970-01-01T00:00:00Z","work":{"payment":{"session":"cs_test_1","told":"paid"}}}"#;
    assert_eq!(serde_json::to_string(&job(PaymentTold::Paid)).unwrap(), pinned);
    assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), job(PaymentTold::Paid));
}

#[test]
fn a_page_is_opened_once_for_its_key_and_a_look_is_shared() {
    let pinned = r#"{"v":1,"id":"checkout:c1:k1","lane":"checkout:c1:k1","received_at":"1970-01-01T00:00:00Z","work":{"checkout":"c1:k1"}}"#;
    assert_eq!(serde_json::to_string(&Job::checkout("c1:k1", DateTime::UNIX_EPOCH)).unwrap(), pinned);
    assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), Job::checkout("c1:k1", DateTime::UNIX_EPOCH));
    let look = |seconds| Job::shelf(DateTime::from_timestamp(seconds, 0).unwrap());
    assert_eq!((look(4).id, look(5).id == look(4).id), (look(0).id, false));
    let pinned =
        r#"{"v":1,"id":"shelf:0","lane":"shelf:shelf","received_at":"1970-01-01T00:00:00Z","work":"shelf"}"#;
    assert_eq!(serde_json::to_string(&look(0)).unwrap(), pinned);
    assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), look(0));
}

#[test]
fn a_code_travels_without_its_digits() {
    let wish = CodeWish::new("c1".into(), 2);
    let pinned = r#"{"v":1,"id":"code:c1:2","lane":"code:c1","received_at":"1970-01-01T00:00:00Z","work":{"code":{"challenge":"c1","number":2}}}"#;
    let job = Job::code(wish.clone(), DateTime::UNIX_EPOCH);
    assert_eq!(serde_json::to_string(&job).unwrap(), pinned);
    assert_eq!(serde_json::from_str::<Job>(pinned).unwrap(), job);
    let route = CodeRoute {
        provider: Provider::Meta,
        business: "1098".into(),
        address: Address::Phone("+33639980123".parse().unwrap()),
        lane: Lane::from_stored("meta:1098:FR.1".into()),
    };
    let pinned = r#"{"challenge":"c1","number":2,"at":{"provider":"meta","business":"1098","address":{"phone":"+33639980123"},"lane":"meta:1098:FR.1"}}"#;
    let wish = wish.at(route);
    assert_eq!(serde_json::to_string(&wish).unwrap(), pinned);
    assert_eq!(serde_json::from_str::<CodeWish>(pinned).unwrap(), wish);
    assert_eq!(wish.cause().as_str(), "code:c1:2");
}

#[test]
fn what_is_reported_is_not_in_the_debug_output() {
    // An id of Meta's holds the number of its person, in base64.
    let told = "wamid.HBgLMzM2Mzk5ODAxMjM";
    let notice = Notice { provider: Provider::Meta, kind: "messages".into(), body: told.into() };
    let report = StatusReport {
        provider: Provider::Meta,
        provider_message_id: told.into(),
        outbox_id: Some(7),
        status: SendStatus::Failed,
        at: DateTime::UNIX_EPOCH,
        error_code: Some("131026".into()),
        pricing: None,
    };
    let shown = format!("{notice:?} {report:?}");
    assert!(shown.contains("Notice(meta messages)") && shown.contains("131026"), "{shown}");
    assert!(!shown.contains("wamid"), "{shown}");
}

#[test]
fn each_stage_of_a_delivery_is_its_own_event() {
    let report = |status| StatusReport {
        provider: Provider::Twilio,
        provider_message_id: "SM1".into(),
        outbox_id: Some(7),
        status,
        at: DateTime::UNIX_EPOCH,
        error_code: None,
        pricing: None,
    };
    let sent = Job::status(report(SendStatus::Sent), DateTime::UNIX_EPOCH);
    let read = Job::status(report(SendStatus::Read), DateTime::UNIX_EPOCH);
    assert_ne!(sent.id, read.id);
    assert_eq!(sent.lane, read.lane);
}

#[test]
fn a_report_from_before_pricing_is_still_read() {
    let pinned = r#"{"v":1,"id":"meta:status:wamid.B:sent","lane":"status:wamid.B","received_at":"1970-01-01T00:00:00Z","work":{"status":{"provider":"meta","provider_message_id":"wamid.B","outbox_id":7,"status":"sent","at":"1970-01-01T00:00:00Z"}}}"#;
    let job: Job = serde_json::from_str(pinned).unwrap();
    let Work::Status(report) = &job.work else { unreachable!("it is one") };
    let today = Job::status(report.clone(), DateTime::UNIX_EPOCH);
    let id = opaque("wamid.B");
    assert_eq!((job.id, today.lane.as_str()), (today.id.clone(), &*format!("status:{id}")));
    assert_eq!(today.id.as_str(), format!("meta:status:{id}:sent"));
    let priced = r#"{"provider":"meta","provider_message_id":"wamid.B","status":"sent","at":"1970-01-01T00:00:00Z","pricing":{"billable":false,"model":"PMP","kind":"free_customer_service","category":"service"}}"#;
    let report: StatusReport = serde_json::from_str(priced).unwrap();
    assert_eq!(report.pricing.as_ref().unwrap().category.as_deref(), Some("service"));
    assert_eq!(serde_json::to_string(&report).unwrap(), priced);
}
