//! Sending through Twilio's Programmable Messaging (Messages resource and error dictionary, 2026).

pub mod codes;

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use shared::message::{Address, Inbound};
use shared::otp::Code;
use shared::outbox::Outgoing;

use super::{Accepted, Action, SendError, Why, not_answered};
use crate::policy;

/// Twilio's side of sending.
#[derive(Debug, Clone)]
pub struct Twilio {
    /// `TWILIO_API_URL`.
    pub api_url: String,
    /// Where typing indicators go: the same address in tests, `messaging.` instead of `api.` at Twilio.
    pub messaging_url: String,
    /// `TWILIO_ACCOUNT_SID`.
    pub account_sid: String,
    /// The first of `TWILIO_AUTH_TOKEN`.
    pub auth_token: SecretString,
    /// `PUBLIC_URL`: where reports on our messages are to be sent. Without it none are asked for.
    pub public_url: Option<String>,
    /// The connection pool.
    pub http: reqwest::Client,
    /// How long a send may take.
    pub timeout: Duration,
    /// `TWILIO_MESSAGES_PER_SECOND`: of each number.
    pub per_second: u32,
    /// `TWILIO_WHATSAPP_FROM`: from where leaves what starts with us.
    pub from: Option<String>,
    /// `TWILIO_OTP_CONTENT_SID`: approved for codes.
    pub otp_content: Option<String>,
}

/// A late answer is worse than none: Twilio drops what it could not deliver in this many seconds.
const VALIDITY_SECONDS: &str = "3600";

/// A code is worth nothing after its ten minutes.
const CODE_VALIDITY_SECONDS: &str = "600";

impl Twilio {
    /// Sends a text. Our own id goes along in the address of the report.
    pub async fn send(&self, message: &Outgoing) -> Result<Accepted, SendError> {
        let body = vec![("Body", message.body.as_str()), ("ValidityPeriod", VALIDITY_SECONDS)];
        self.hand_over(message, body).await
    }

    /// Sends a code by its template, of which it is the one variable (Twilio: whatsapp/authentication).
    pub async fn send_code(&self, message: &Outgoing, code: &Code) -> Result<Accepted, SendError> {
        let variables = json!({ "1": code.digits() }).to_string();
        let content = self.otp_content.as_deref().unwrap_or_default();
        let body = vec![
            ("ContentSid", content),
            ("ContentVariables", variables.as_str()),
            ("ValidityPeriod", CODE_VALIDITY_SECONDS),
        ];
        self.hand_over(message, body).await
    }

    async fn hand_over(&self, message: &Outgoing, body: Vec<(&str, &str)>) -> Result<Accepted, SendError> {
        let Address::Channel(to) = &message.address else {
            return Err(SendError::new("foreign_address", Action::Refused(Why::Unheard)));
        };
        let url = format!(
            "{}/2010-04-01/Accounts/{}/Messages.json",
            self.api_url.trim_end_matches('/'),
            self.account_sid
        );
        let report = self.public_url.as_ref().map(|base| {
            let base = base.split('#').next().unwrap_or_default().trim_end_matches('/');
            let base = base.strip_suffix("/api/whatsapp/webhook").unwrap_or(base);
            format!("{base}/api/whatsapp/status?outbox={}", message.id.get())
        });
        let mut form = vec![("To", to.as_str()), ("From", message.business.as_str())];
        form.extend(body);
        if let Some(report) = &report {
            form.push(("StatusCallback", report));
        }
        let request =
            self.http.post(url).basic_auth(&self.account_sid, Some(self.auth_token.expose_secret()));
        let response =
            request.form(&form).timeout(self.timeout).send().await.map_err(|error| not_answered(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let answer: Value = response.json().await.unwrap_or_default();
        read(status, &headers, &answer)
    }

    /// Typing indicator, which also marks the message as read (public beta, best effort).
    pub async fn typing(&self, inbound: &Inbound) -> Result<(), reqwest::Error> {
        let url = format!("{}/v2/Indicators/Typing.json", self.messaging_url.trim_end_matches('/'));
        let form = [("channel", "whatsapp"), ("messageId", inbound.provider_id())];
        let request =
            self.http.post(url).basic_auth(&self.account_sid, Some(self.auth_token.expose_secret()));
        request.form(&form).timeout(policy::TYPING_TIMEOUT).send().await?.error_for_status().map(drop)
    }
}

/// What an answer says of the message that was handed over.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, answer: &Value) -> Result<Accepted, SendError> {
    match Accepted::named(&answer["sid"]) {
        Some(accepted) if status.is_success() => Ok(accepted),
        _ => Err(judge(status, headers, answer)),
    }
}

/// What an error means, by its code.
fn judge(status: StatusCode, headers: &HeaderMap, answer: &Value) -> SendError {
    let asked = || headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs);
    let again = || asked().map_or(Action::Again, Action::Later);
    let Some(code) = answer["code"].as_i64() else {
        let action = match status {
            // Documented as never processed, whatever the body.
            StatusCode::TOO_MANY_REQUESTS => again(),
            _ => Action::Unclear,
        };
        return SendError::new(format!("http_{}", status.as_u16()), action);
    };
    let action = match codes::action(code) {
        Some(Action::Again) => again(),
        Some(action) => action,
        // As with 20500: it does not say whether the message was made.
        None if status.is_server_error() => Action::Unclear,
        None => Action::Refused(Why::Unheard),
    };
    SendError::new(code.to_string(), action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_own_errors_are_told_apart() {
        let judged = |status: u16, name: &str| {
            let path = format!("{}/../fixtures/twilio/api_error_{name}.json", env!("CARGO_MANIFEST_DIR"));
            let answer = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), &answer).action
        };
        for (status, name, action) in [
            (429, "429_20429", Action::Again),
            (503, "503_20503", Action::Unclear),
            (401, "401_20003", Action::Operator),
            (400, "400_63007_from", Action::Operator),
            (404, "404_20404", Action::Refused(Why::Request)),
            (400, "400_21211_invalid_to", Action::Refused(Why::Person)),
            (400, "400_21617_too_long", Action::Refused(Why::Request)),
            (400, "400_21656_content_variables", Action::Refused(Why::Request)),
            (400, "400_21610_unsubscribed", Action::Refused(Why::Stopped)),
        ] {
            assert_eq!(judged(status, name), action, "{name}");
        }
    }

    #[test]
    fn an_id_is_kept_as_a_report_will_name_it() {
        let taken = |sid: &str| read(StatusCode::CREATED, &HeaderMap::new(), &json!({ "sid": sid }));
        assert_eq!(taken("SM1\0"), Ok(Accepted("SM1".to_owned())));
        assert_eq!(taken("\0").unwrap_err().action, Action::Unclear);
    }

    #[test]
    fn what_is_not_in_the_table_is_told_by_the_rest_of_the_answer() {
        let judged = |status: u16, answer: Value| {
            judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), &answer).action
        };
        assert_eq!(judged(201, Value::Null), Action::Unclear);
        assert_eq!(judged(429, Value::Null), Action::Again);
        assert_eq!(judged(400, json!({ "code": 99_999 })), Action::Refused(Why::Unheard));
        assert_eq!(judged(500, json!({ "code": 99_999 })), Action::Unclear);
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "7".parse().unwrap())]);
        let action = judge(StatusCode::TOO_MANY_REQUESTS, &headers, &json!({ "code": 20_429 })).action;
        assert_eq!(action, Action::Later(Duration::from_secs(7)));
    }
}
