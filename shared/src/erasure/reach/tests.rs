//! Whose a job is.

use super::*;
use crate::job::{CodeWish, Notice, SendStatus, StatusReport};
use crate::message::{MessageId, Provider, opaque};
use crate::person::Change;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn alice() -> Reach {
    let set = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    Reach {
        before: NOW,
        numbers: set(&["+5511961234567", "+551161234567"]),
        ids: set(&["BR.1"]),
        digests: HashSet::new(),
        emails: set(&["alice@example.com"]),
        messages: set(&[MessageId::new(Provider::Meta, "1098", "wamid.A").as_str()]),
        told: set(&[&opaque("wamid.B")]),
        challenges: set(&["c1"]),
    }
}

fn message(
    address: Address,
    phone: Option<&str>,
    bsuid: Option<&str>,
    content: Content,
    at: DateTime<Utc>,
) -> Job {
    let sender =
        Sender { address, phone: phone.map(|phone| phone.parse().unwrap()), bsuid: bsuid.map(str::to_owned) };
    let id = MessageId::new(Provider::Meta, "1098", "wamid.Z");
    let inbound = Inbound {
        id,
        provider_id: None,
        provider: Provider::Meta,
        business: "1098".into(),
        sender,
        sent_at: NOW,
        content,
        lane: None,
    };
    Job::message(inbound, at)
}

fn text(words: &str) -> Content {
    Content::Text(words.to_owned())
}

#[test]
fn a_message_is_theirs_by_who_sent_it_and_never_by_its_words() {
    let phone = |number: &str| Address::Phone(number.parse().unwrap());
    let channel = |number: &str| Address::Channel(format!("whatsapp:{number}"));
    for (address, number, id, theirs) in [
        (phone("+551161234567"), Some("+551161234567"), None, true),
        (channel("+5511961234567"), None, None, true),
        (Address::Bsuid("BR.1".into()), None, Some("BR.1"), true),
        // Their number, and another person's id beside it: it has been given to somebody else.
        (phone("+551161234567"), Some("+551161234567"), Some("BR.2"), false),
        (phone("+33639980123"), Some("+33639980123"), Some("BR.1"), true),
        (phone("+33639980123"), Some("+33639980123"), None, false),
        (channel("+33639980123"), None, None, false),
    ] {
        let job = message(address, number, id, text("appelez +5511961234567 ou alice@example.com"), NOW);
        assert_eq!(alice().has(&job), theirs, "{job:?}");
    }
}

#[test]
fn whose_number_was_never_seen_with_an_id_is_known_by_the_number() {
    let here = Address::Phone("+5511961234567".parse().unwrap());
    let job = message(here, Some("+5511961234567"), Some("BR.7"), text("bonjour"), NOW);
    assert!(!alice().has(&job));
    assert!(Reach { ids: HashSet::new(), ..alice() }.has(&job));
}

#[test]
fn what_came_later_is_somebody_new_and_an_announcement_of_their_names_is_theirs() {
    let here = || Address::Bsuid("BR.1".into());
    let later = NOW + chrono::TimeDelta::milliseconds(1);
    assert!(!alice().has(&message(here(), None, Some("BR.1"), text("bonjour"), later)));
    let change =
        Change { previous_bsuid: Some("BR.1".into()), bsuid: Some("BR.9".into()), ..Change::default() };
    let job =
        message(Address::Bsuid("BR.9".into()), None, Some("BR.9"), Content::Identity(change.into()), NOW);
    assert!(alice().has(&job));
}

#[test]
fn reports_answers_codes_and_notices_are_theirs_by_what_they_are_about() {
    let report = |id: &str| StatusReport {
        provider: Provider::Meta,
        provider_message_id: id.to_owned(),
        outbox_id: None,
        status: SendStatus::Read,
        at: NOW,
        error_code: None,
        pricing: None,
    };
    let notice = |body: &str| {
        let notice = Notice { provider: Provider::Meta, kind: "user_preferences".into(), body: body.into() };
        Job::notice(notice, "k", NOW)
    };
    let answer = |key: &str| {
        let lane = crate::message::Lane::from_stored("meta:1098:x".into());
        Job::answer(Provider::Meta, MessageId::from_stored(key.into()), lane, 0, NOW)
    };
    let code = |challenge: &str| Job::code(CodeWish::new(challenge.into(), 1), NOW);
    for (hers, others) in [
        (Job::status(report("wamid.B"), NOW), Job::status(report("wamid.C"), NOW)),
        (answer("meta:1098:wamid.A"), answer("meta:1098:wamid.Y")),
        (code("c1"), code("c2")),
        (notice(r#"{"wa_id":"5511961234567"}"#), notice(r#"{"wa_id":"33639980123"}"#)),
    ] {
        assert!(alice().has(&hers) && !alice().has(&others), "{hers:?}");
    }
    assert!(!alice().has(&Job::shelf(NOW)));
}

#[test]
fn what_is_written_down_in_between_is_read_again() {
    let text = serde_json::to_string(&alice()).unwrap();
    assert_eq!(serde_json::from_str::<Reach>(&text).unwrap(), alice());
}
