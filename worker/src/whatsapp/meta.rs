//! Sending through Meta's Cloud API (WhatsApp Business Platform, Messages and Error codes, 2026).

pub mod codes;

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use shared::language::Language;
use shared::menu::{Choice, Menu};
use shared::message::{Address, Inbound, short};
use shared::otp::Code;
use shared::outbox::Outgoing;

use super::{Accepted, Action, MediaId, SendError, Why, not_answered};
use crate::form::{Upload, form};
use crate::policy;

/// How many times as long as a send an upload may take: both together end before it is asked what became of the send
/// (`policy::UNKNOWN_DEADLINE`).
const UPLOAD: u32 = 2;

/// Meta's side of sending.
#[derive(Debug, Clone)]
pub struct Meta {
    /// `META_GRAPH_URL`.
    pub graph_url: String,
    /// `META_GRAPH_VERSION`, such as `v25.0`.
    pub version: String,
    /// `META_ACCESS_TOKEN`: of a system user.
    pub access_token: SecretString,
    /// The connection pool.
    pub http: reqwest::Client,
    /// How long a send may take.
    pub timeout: Duration,
    /// `META_MESSAGES_PER_SECOND`: of each number.
    pub per_second: u32,
    /// `META_PHONE_NUMBER_ID`: from where leaves what starts with us.
    pub number: Option<String>,
    /// `META_OTP_TEMPLATE`: approved for codes, in both languages.
    pub otp_template: Option<String>,
}

impl Meta {
    /// Sends a text, with what can be chosen under it. Our own id goes along and comes back with every report on this message.
    pub async fn send(&self, message: &Outgoing) -> Result<Accepted, SendError> {
        let mut body = envelope(message);
        match &message.menu {
            None => {
                body["type"] = json!("text");
                body["text"] = json!({ "preview_url": false, "body": message.body });
            }
            Some(menu) => {
                body["type"] = json!("interactive");
                body["interactive"] = interactive(&message.body, menu);
            }
        }
        self.hand_over(message, body).await
    }

    /// Sends a code by its template. It stands there twice: in Meta's own words, and behind the button that copies it, which
    /// is addressed as one of type `url` (Meta: Copy code authentication templates).
    pub async fn send_code(
        &self,
        message: &Outgoing,
        code: &Code,
        language: Language,
    ) -> Result<Accepted, SendError> {
        let mut body = envelope(message);
        let parameters = json!([{ "type": "text", "text": code.digits() }]);
        body["type"] = json!("template");
        body["template"] = json!({
            "name": self.otp_template,
            "language": { "code": language.code() },
            "components": [
                { "type": "body", "parameters": parameters },
                { "type": "button", "sub_type": "url", "index": "0", "parameters": parameters },
            ],
        });
        self.hand_over(message, body).await
    }

    /// Uploads a file for messages of this number (Meta: Upload media). What goes wrong here has reached nobody, so nothing about it
    /// is in doubt.
    pub async fn upload(&self, business: &str, file: Upload<'_>) -> Result<MediaId, SendError> {
        let (kind, body) = form(&[("messaging_product", "whatsapp"), ("type", file.mime_type)], file);
        let request = self.request(business, "media").header(CONTENT_TYPE, kind).body(body);
        let answered = async {
            let response =
                request.timeout(self.timeout * UPLOAD).send().await.map_err(|error| not_answered(&error))?;
            let status = response.status();
            let answer: Value = response.json().await.unwrap_or_default();
            uploaded(status, &answer)
        };
        answered.await.map_err(|error| match error.action {
            Action::Unclear => SendError { action: Action::Again, ..error },
            _ => error,
        })
    }

    /// Sends a file that was uploaded (Meta: Document messages). Phones show what it is by its name.
    pub async fn send_document(
        &self,
        message: &Outgoing,
        media: &MediaId,
        name: &str,
    ) -> Result<Accepted, SendError> {
        let mut body = envelope(message);
        body["type"] = json!("document");
        body["document"] = json!({ "id": media.0, "filename": name, "caption": message.body });
        self.hand_over(message, body).await
    }

    async fn hand_over(&self, message: &Outgoing, mut body: Value) -> Result<Accepted, SendError> {
        match &message.address {
            // With its `+`: without, Meta prepends the country code of the business.
            Address::Phone(phone) => body["to"] = json!(phone.as_str()),
            Address::Bsuid(id) => body["recipient"] = json!(id),
            Address::Channel(_) => {
                return Err(SendError::new("foreign_address", Action::Refused(Why::Unheard)));
            }
        }
        let response = self
            .post(&message.business, &body)
            .timeout(self.timeout)
            .send()
            .await
            .map_err(|error| not_answered(&error))?;
        let status = response.status();
        let answer: Value = response.json().await.unwrap_or_default();
        read(status, &answer)
    }

    /// Read receipt and typing indicator in one call; shown for 25 s or until we answer.
    pub async fn typing(&self, inbound: &Inbound) -> Result<(), reqwest::Error> {
        let body = json!({
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": inbound.provider_id(),
            "typing_indicator": { "type": "text" },
        });
        let request = self.post(&inbound.business, &body).timeout(policy::TYPING_TIMEOUT);
        request.send().await?.error_for_status().map(drop)
    }

    fn post(&self, business: &str, body: &Value) -> reqwest::RequestBuilder {
        self.request(business, "messages").json(body)
    }

    fn request(&self, business: &str, what: &str) -> reqwest::RequestBuilder {
        let base = self.graph_url.trim_end_matches('/');
        self.http
            .post(format!("{base}/{}/{business}/{what}", self.version))
            .bearer_auth(self.access_token.expose_secret())
    }
}

/// What an answer says of the message that was handed over.
pub(super) fn read(status: StatusCode, answer: &Value) -> Result<Accepted, SendError> {
    match Accepted::named(&answer["messages"][0]["id"]) {
        Some(accepted) if status.is_success() => Ok(accepted),
        _ => Err(judge(status, answer)),
    }
}

/// What an answer says of the file that was uploaded.
pub(super) fn uploaded(status: StatusCode, answer: &Value) -> Result<MediaId, SendError> {
    match Accepted::named(&answer["id"]) {
        Some(Accepted(id)) if status.is_success() => Ok(MediaId(id)),
        _ => Err(judge(status, answer)),
    }
}

/// What every message of ours begins with. Our own id comes back with every report.
fn envelope(message: &Outgoing) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "biz_opaque_callback_data": format!("outbox:{}", message.id.get()),
    })
}

/// A list, or up to three reply buttons (Meta: Interactive messages).
fn interactive(text: &str, menu: &Menu) -> Value {
    let (kind, action) = if let Some(opens) = &menu.list {
        let row = |choice: &Choice| {
            let mut row = json!({ "id": choice.id, "title": choice.title });
            if let Some(description) = &choice.description {
                row["description"] = json!(description);
            }
            row
        };
        let rows: Vec<Value> = menu.choices.iter().map(row).collect();
        ("list", json!({ "button": opens, "sections": [{ "rows": rows }] }))
    } else {
        let button =
            |choice: &Choice| json!({ "type": "reply", "reply": { "id": choice.id, "title": choice.title } });
        ("button", json!({ "buttons": menu.choices.iter().map(button).collect::<Vec<_>>() }))
    };
    json!({ "type": kind, "body": { "text": text }, "action": action })
}

/// What an error means, by its code; the HTTP status of the same error differs from endpoint to endpoint.
pub(crate) fn judge(status: StatusCode, answer: &Value) -> SendError {
    let error = &answer["error"];
    let Some(code) = error["code"].as_i64() else {
        // Not Meta's words: a gateway, or half an answer. The message may be on its way.
        return SendError::new(format!("http_{}", status.as_u16()), Action::Unclear);
    };
    let action = match codes::action(code) {
        // Our number, not our parameters: it is gone, or not ours (Meta: Graph API, error subcodes).
        Some(Action::Refused(Why::Request)) if code == 100 && error["error_subcode"] == 33 => {
            Action::Operator
        }
        Some(action) => action,
        // An error object is an answer: it was not taken, whatever the status.
        None if error["is_transient"] == true || status.is_server_error() => Action::Again,
        None => Action::Refused(Why::Unheard),
    };
    let trace = error["fbtrace_id"].as_str().map(short);
    SendError { code: code.to_string(), action, trace }
}

#[cfg(test)]
mod tests {
    use shared::message::opaque;

    use super::*;

    #[test]
    fn the_providers_own_errors_are_told_apart() {
        let judged = |name: &str| {
            let path = format!("{}/../fixtures/meta/api_error_{name}.json", env!("CARGO_MANIFEST_DIR"));
            let answer = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            judge(StatusCode::BAD_REQUEST, &answer).action
        };
        for (name, action) in [
            ("131016_unavailable", Action::Again),
            ("2_service_transient", Action::Again),
            ("131000_unknown", Action::AFew(policy::A_FEW)),
            ("130429_throughput", Action::Number),
            ("131056_pair_rate", Action::Pair),
            ("131047_window", Action::Refused(Why::Window)),
            ("131062_bsuid_not_supported", Action::Refused(Why::Person)),
            ("100_invalid_parameter", Action::Refused(Why::Request)),
            ("132000_param_count", Action::Refused(Why::Request)),
            ("190_token_expired", Action::Operator),
            ("368_policy", Action::Operator),
            ("132001_template_missing", Action::Refused(Why::Template)),
        ] {
            assert_eq!(judged(name), action, "{name}");
        }
    }

    #[test]
    fn an_id_is_kept_as_a_report_will_name_it() {
        let taken = |id: &str| read(StatusCode::OK, &json!({ "messages": [{ "id": id }] }));
        assert_eq!(taken("wamid.A"), Ok(Accepted(opaque("wamid.A"))));
        // Postgres takes no NUL: the message would be sent, and sent again.
        assert_eq!(taken("wamid.A\0"), Ok(Accepted(opaque("wamid.A"))));
        let long = "w".repeat(300);
        assert_eq!(taken(&long), Ok(Accepted(short(&long))));
        for nothing in ["", " ", "\0"] {
            assert_eq!(taken(nothing).unwrap_err().action, Action::Unclear, "{nothing:?} names nothing");
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_told_by_the_rest_of_the_answer() {
        let judged = |status: u16, error: Value| {
            judge(StatusCode::from_u16(status).unwrap(), &json!({ "error": error })).action
        };
        assert_eq!(judged(400, json!({ "code": 999_999 })), Action::Refused(Why::Unheard));
        assert_eq!(judged(500, json!({ "code": 999_999 })), Action::Again);
        assert_eq!(judged(400, json!({ "code": 999_999, "is_transient": true })), Action::Again);
        assert_eq!(judged(400, json!({ "code": 100, "error_subcode": 33 })), Action::Operator);
        // Some errors carry their data as plain text.
        assert_eq!(judged(400, json!({ "code": 131_056, "error_data": "too fast" })), Action::Pair);
        for (status, answer) in [(502, Value::Null), (200, Value::Null), (500, json!({ "error": "no" }))] {
            let action = judge(StatusCode::from_u16(status).unwrap(), &answer).action;
            assert_eq!(action, Action::Unclear, "{status} {answer}");
        }
    }
}
