//! What must hold of every job that foreign bytes led to: it can be kept, and read again by a worker of another day.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::Value;
use shared::job::{Job, Work};
use shared::message::{Address, Content};
use shared::phone::E164;

/// When everything arrives.
pub(crate) fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

/// Judges a job, and tells how many bytes it has in the queue.
pub(crate) fn whole(job: &Job) -> Result<usize, TestCaseError> {
    let written = serde_json::to_string(job).unwrap();
    prop_assert_eq!(&serde_json::from_str::<Job>(&written).unwrap(), job);
    prop_assert!(!holds_nul(&serde_json::to_value(job).unwrap()), "Postgres takes no NUL: {written}");
    // An index takes no more than a third of a page.
    prop_assert!(job.id.as_str().len() < 600 && job.lane.as_str().len() < 600, "{written}");
    prop_assert!(!job.id.provider_part().is_empty(), "an id that says nothing: {written}");
    prop_assert!(!job.id.as_str().contains("wamid."), "an id that tells a number: {written}");
    let shown = format!("{job:?}");
    match &job.work {
        Work::Message(inbound) => {
            let sender = &inbound.sender;
            // Nobody is found under an empty name: all such people would share one account.
            prop_assert!(!sender.address.as_str().trim().is_empty(), "an address of nobody: {written}");
            prop_assert!(
                sender.bsuid.as_ref().is_none_or(|id| !id.trim().is_empty()),
                "an id of nobody: {written}"
            );
            if let Address::Phone(phone) = &sender.address {
                prop_assert_eq!(sender.phone.as_ref(), Some(phone));
            }
            // No log shows a person.
            for name in
                [sender.phone.as_ref().map(E164::as_str), sender.bsuid.as_deref()].into_iter().flatten()
            {
                let sender = format!("{sender:?} {:?} {:?}", inbound.id, inbound.lane());
                prop_assert!(name.len() < 7 || !sender.contains(name), "{sender}");
            }
            match &inbound.content {
                Content::Text(text) | Content::Edit { text, .. } => {
                    prop_assert!(
                        !text.trim().is_empty() && (text.len() < 20 || !shown.contains(text.as_str()))
                    );
                }
                Content::Tap { id, .. } => prop_assert!(!id.trim().is_empty(), "{written}"),
                Content::Reaction { to, emoji } => {
                    prop_assert!(
                        !to.is_empty() && emoji.as_ref().is_none_or(|emoji| !emoji.trim().is_empty()),
                        "{written}"
                    );
                }
                Content::Voice(voice) => prop_assert!(!voice.media.is_empty() && voice.media.len() <= 1000),
                _ => {}
            }
        }
        Work::Status(report) => {
            prop_assert!(!report.provider_message_id.is_empty(), "a report on nothing: {written}");
            prop_assert!(!job.lane.as_str().contains("wamid."), "a lane that tells a number: {written}");
            prop_assert!(report.error_code.as_ref().is_none_or(|code| code.len() <= 200));
        }
        Work::Notice(notice) => {
            prop_assert!(notice.kind.len() <= 200);
            prop_assert!(
                notice.body.len() < 20 || !shown.contains(&notice.body),
                "a log would show all of it"
            );
        }
        other => prop_assert!(false, "no webhook of a provider asks for {other:?}"),
    }
    Ok(written.len())
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(holds_nul),
        Value::Object(map) => map.values().any(holds_nul),
        _ => false,
    }
}
