//! What people send beside words: an address of the API that wants the account's credentials, and leads on to a store
//! that refuses them (Twilio: Media resource, 2026).

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::courier::Delivery;
use super::Twilio;
use super::errors::{RestError, TwilioFault};
use super::person::TwilioPerson;

/// Tag of the faults that hit media.
const MEDIA: &str = "media";

/// Everything that people sent, by its sid: bytes and media type.
pub(super) type Media = HashMap<String, (Vec<u8>, String)>;

impl Twilio {
    /// The next `n` calls of the address of a medium meet this trouble.
    pub fn fails_next_media(&self, n: usize, fault: TwilioFault) {
        self.0.faults.order(n, Some(MEDIA), fault);
    }
}

impl TwilioPerson {
    /// Records a voice note, or sends a file of sound.
    pub async fn voice(&self, bytes: &[u8], mime_type: &str) -> Delivery {
        let [message, medium] =
            ["MM", "ME"].map(|kind| format!("{kind}{}", hex::encode(rand::random::<[u8; 16]>())));
        let kept = (bytes.to_vec(), mime_type.to_owned());
        self.twilio.0.account.change(|account| account.media.insert(medium.clone(), kept));
        let account = &self.twilio.options().account_sid;
        let url =
            format!("{}/2010-04-01/Accounts/{account}/Messages/{message}/Media/{medium}", self.twilio.url());
        let further = [
            ("MessageSid", message.as_str()),
            ("SmsSid", &message),
            ("SmsMessageSid", &message),
            ("MessageType", "audio"),
            ("NumMedia", "1"),
            ("MediaContentType0", mime_type),
            ("MediaUrl0", &url),
        ];
        self.message("", &further).await
    }
}

/// `GET …/Messages/{message}/Media/{medium}`: where the store is.
pub(super) async fn find(
    State(twilio): State<Twilio>,
    Path((account, _message, medium)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Err(answer) = twilio.troubled(MEDIA).await {
        return answer;
    }
    if let Err(refusal) = twilio.enters(&headers, Some(&account)) {
        return refusal.into_response();
    }
    if !twilio.0.account.read(|known| known.media.contains_key(&medium)) {
        return RestError::not_found(&medium).into_response();
    }
    let store = format!("{}/media.store/{account}/{medium}", twilio.url());
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, store)]).into_response()
}

/// The store: it is asked with a signed address, and refuses whoever comes with two kinds of proof.
pub(super) async fn store(
    State(twilio): State<Twilio>,
    Path((_account, medium)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if headers.contains_key("authorization") {
        return (StatusCode::BAD_REQUEST, "Only one auth mechanism allowed").into_response();
    }
    match twilio.0.account.read(|account| account.media.get(&medium).cloned()) {
        Some((bytes, mime_type)) => ([(CONTENT_TYPE, mime_type)], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
