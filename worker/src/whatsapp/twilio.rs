//! Sending through Twilio's Programmable Messaging (Messages resource and error dictionary, 2026).

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use shared::message::{Address, Inbound};
use shared::outbox::Outgoing;

use super::{Accepted, SendError, not_answered};
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
}

/// A late answer is worse than none: Twilio drops what it could not deliver in this many seconds.
const VALIDITY_SECONDS: &str = "3600";

impl Twilio {
    /// Sends a text. Our own id goes along in the address of the report.
    pub async fn send(&self, message: &Outgoing) -> Result<Accepted, SendError> {
        let Address::Channel(to) = &message.address else {
            return Err(SendError::Final { code: "foreign_address".to_owned() });
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
        let mut form = vec![
            ("To", to.as_str()),
            ("From", message.business.as_str()),
            ("Body", message.body.as_str()),
            ("ValidityPeriod", VALIDITY_SECONDS),
        ];
        if let Some(report) = &report {
            form.push(("StatusCallback", report));
        }
        let request =
            self.http.post(url).basic_auth(&self.account_sid, Some(self.auth_token.expose_secret()));
        let response =
            request.form(&form).timeout(self.timeout).send().await.map_err(|error| not_answered(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let answer: Value = response.json().await.unwrap_or_default();
        match answer["sid"].as_str() {
            Some(sid) if status.is_success() => Ok(Accepted(sid.to_owned())),
            _ => Err(judge(status, &headers, &answer)),
        }
    }

    /// Typing indicator, which also marks the message as read (public beta, best effort).
    pub async fn typing(&self, inbound: &Inbound) -> Result<(), reqwest::Error> {
        let url = format!("{}/v2/Indicators/Typing.json", self.messaging_url.trim_end_matches('/'));
        let form = [("channel", "whatsapp"), ("messageId", inbound.id.provider_part())];
        let request =
            self.http.post(url).basic_auth(&self.account_sid, Some(self.auth_token.expose_secret()));
        request.form(&form).timeout(policy::TYPING_TIMEOUT).send().await?.error_for_status().map(drop)
    }
}

/// What an error means, by its code.
fn judge(status: StatusCode, headers: &HeaderMap, answer: &Value) -> SendError {
    let Some(number) = answer["code"].as_i64() else {
        return match status {
            // Documented as never processed, whatever the body.
            StatusCode::TOO_MANY_REQUESTS => SendError::Retry { code: "http_429".to_owned(), after: None },
            _ => SendError::Unknown { code: format!("http_{}", status.as_u16()) },
        };
    };
    let code = number.to_string();
    let asked =
        headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    match number {
        20_429 => SendError::Retry { code, after: asked },
        // Twilio's own trouble: it does not say whether the message was made.
        20_500 | 20_503 => SendError::Unknown { code },
        21_611 | 30_001 | 63_017 | 63_018 => SendError::Retry { code, after: Some(Duration::from_secs(30)) },
        30_008 | 63_009 | 63_010 | 63_012 | 63_023 | 63_029 => SendError::Retry { code, after: None },
        20_003
        | 20_005
        | 21_408
        | 21_606
        | 21_703..=21_705
        | 30_002
        | 63_001
        | 63_002
        | 63_007
        | 63_008
        | 63_013
        | 63_020
        | 63_022
        | 63_026
        | 63_027
        | 63_038
        | 63_040..=63_042
        | 63_051 => SendError::Operator { code },
        _ => SendError::Final { code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_own_errors_are_told_apart() {
        let judged = |status: u16, name: &str| {
            let path = format!("{}/../fixtures/twilio/api_error_{name}.json", env!("CARGO_MANIFEST_DIR"));
            let answer = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), &answer)
        };
        assert!(matches!(judged(429, "429_20429"), SendError::Retry { .. }));
        assert!(matches!(judged(503, "503_20503"), SendError::Unknown { .. }));
        assert!(matches!(judged(401, "401_20003"), SendError::Operator { .. }));
        assert!(matches!(judged(400, "400_63007_from"), SendError::Operator { .. }));
        for never in ["400_21211_invalid_to", "400_21617_too_long", "400_21610_unsubscribed"] {
            assert!(matches!(judged(400, never), SendError::Final { .. }), "{never}");
        }
        assert!(matches!(
            judge(StatusCode::CREATED, &HeaderMap::new(), &Value::Null),
            SendError::Unknown { .. }
        ));
    }
}
