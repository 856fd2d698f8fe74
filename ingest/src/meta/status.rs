//! What Meta reports of a message of ours.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::job::{Pricing, SendStatus, StatusReport};
use shared::message::{Provider, opaque, short};

use super::scalar::{Scalar, first, part};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow, rename = "status")]
    stage: Scalar<'a>,
    #[serde(borrow)]
    timestamp: Scalar<'a>,
    #[serde(borrow)]
    biz_opaque_callback_data: Scalar<'a>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
    #[serde(borrow)]
    pricing: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem<'a> {
    #[serde(borrow)]
    code: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bill<'a> {
    #[serde(borrow)]
    billable: Scalar<'a>,
    #[serde(borrow)]
    pricing_model: Scalar<'a>,
    #[serde(borrow, rename = "type")]
    kind: Scalar<'a>,
    #[serde(borrow)]
    category: Scalar<'a>,
}

/// One report. `None`: of a stage that nobody here waits for.
pub(super) fn read(raw: &RawValue, now: DateTime<Utc>) -> Result<Option<StatusReport>, &'static str> {
    let not_text = |_| "a status that is not valid JSON text";
    let status: Status<'_> = part(Some(raw)).map_err(not_text)?;
    let stage = match status.stage.text() {
        Some("sent") => SendStatus::Sent,
        Some("delivered") => SendStatus::Delivered,
        Some("read" | "played") => SendStatus::Read,
        Some("failed") => SendStatus::Failed,
        _ => return Ok(None),
    };
    let problem: Problem<'_> = part(first(status.errors)).map_err(not_text)?;
    Ok(Some(StatusReport {
        provider: Provider::Meta,
        provider_message_id: status.id.id().map(|id| opaque(&id)).ok_or("a status of no message")?,
        outbox_id: (status.biz_opaque_callback_data.text())
            .and_then(|data| data.strip_prefix("outbox:")?.parse().ok()),
        status: stage,
        at: status.timestamp.moment().map_or(now, |second| within(second, now)),
        error_code: problem.code.id().map(|code| short(&code)),
        pricing: pricing(&part(status.pricing).map_err(not_text)?),
    }))
}

/// Comes with `sent`, and with one of `delivered` and `read` (Meta: Status webhooks).
fn pricing(bill: &Bill<'_>) -> Option<Pricing> {
    let word = |word: &Scalar<'_>| word.said().map(short);
    let pricing = Pricing {
        billable: bill.billable.truth(),
        model: word(&bill.pricing_model),
        kind: word(&bill.kind),
        category: word(&bill.category),
    };
    (pricing != Pricing::default()).then_some(pricing)
}

/// Meta names the second; within that second the moment of arrival is the finer one.
fn within(second: DateTime<Utc>, arrival: DateTime<Utc>) -> DateTime<Utc> {
    arrival.clamp(second, second + TimeDelta::milliseconds(999))
}
