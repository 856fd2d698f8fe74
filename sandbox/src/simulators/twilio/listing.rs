//! `GET …/Messages.json`: what a reconciliation reads, and `GET …/Messages/{sid}.json` for one message.
//!
//! Both directions, newest first, filtered by exact addresses and by the day or instant they were sent.

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Twilio;
use super::account::Message;
use super::api::{Form, LISTING};
use super::errors::RestError;

/// `PageSize` when none is asked for, and its maximum.
const PAGE: (usize, usize) = (50, 1000);

pub(super) async fn list(
    State(twilio): State<Twilio>,
    Path(account): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Err(answer) = twilio.troubled(LISTING).await {
        return answer;
    }
    let query: Form = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    match twilio.enters(&headers, Some(&account)).and_then(|()| page(&twilio, &query)) {
        Ok(page) => axum::Json(page).into_response(),
        Err(error) => error.into_response(),
    }
}

pub(super) async fn fetch(
    State(twilio): State<Twilio>,
    Path((account, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Err(answer) = twilio.troubled(LISTING).await {
        return answer;
    }
    let path = format!("/2010-04-01/Accounts/{account}/Messages/{file}");
    let found = twilio.enters(&headers, Some(&account)).and_then(|()| {
        let sid = file.strip_suffix(".json").unwrap_or(&file);
        let messages = twilio.0.account.read(|account| account.messages.clone());
        messages.into_iter().find(|message| message.sid == sid).ok_or_else(|| RestError::not_found(&path))
    });
    match found {
        Ok(message) => axum::Json(message.resource(&account)).into_response(),
        Err(error) => error.into_response(),
    }
}

fn page(twilio: &Twilio, query: &Form) -> Result<Value, RestError> {
    let field = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    // `DateSent>=2026-11-22` reaches the server as the name `DateSent>` and its value.
    let (after, before) = (moment(field("DateSent>"))?, moment(field("DateSent<"))?);
    let day = moment(field("DateSent"))?;
    let fits = |message: &Message| {
        field("To").is_none_or(|to| message.to == to)
            && field("From").is_none_or(|from| message.from == from)
            && after.is_none_or(|after| message.at >= after)
            && before.is_none_or(|before| message.at <= before)
            && day.is_none_or(|day| message.at >= day && message.at < day + TimeDelta::days(1))
    };
    let number = |name: &str, otherwise| field(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (size, index) = (number("PageSize", PAGE.0).clamp(1, PAGE.1), number("Page", 0_usize));
    let account_sid = &twilio.options().account_sid;
    let mut found = twilio.0.account.read(|account| account.messages.clone());
    found.retain(fits);
    found.reverse();
    let start = index.saturating_mul(size);
    let messages: Vec<Value> =
        found.iter().skip(start).take(size).map(|message| message.resource(account_sid)).collect();
    let uri = |index: usize| {
        let kept = query.iter().filter(|(key, _)| key != "Page" && key != "PageSize");
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        pairs
            .extend_pairs(kept)
            .append_pair("PageSize", &size.to_string())
            .append_pair("Page", &index.to_string());
        format!("/2010-04-01/Accounts/{account_sid}/Messages.json?{}", pairs.finish())
    };
    let more = start.saturating_add(size) < found.len();
    Ok(json!({
        "messages": messages,
        "page": index,
        "page_size": size,
        "start": start,
        "end": (start + messages.len()).saturating_sub(1),
        "uri": uri(index),
        "first_page_uri": uri(0),
        "next_page_uri": if more { json!(uri(index + 1)) } else { Value::Null },
        "previous_page_uri": if index > 0 { json!(uri(index - 1)) } else { Value::Null },
    }))
}

/// A day (`2026-11-22`, from midnight UTC) or an instant (`2026-11-22T06:00:00Z`).
fn moment(text: Option<&str>) -> Result<Option<DateTime<Utc>>, RestError> {
    let Some(text) = text else { return Ok(None) };
    let day =
        || NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let instant = || DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc());
    let invalid = |_| RestError::bad(20_001, format!("Invalid parameter: '{text}' is not a date"));
    day().or_else(|_| instant()).map(Some).map_err(invalid)
}
