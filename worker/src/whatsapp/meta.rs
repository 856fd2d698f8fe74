//! Sending through Meta's Cloud API (WhatsApp Business Platform, Messages and Error codes, 2026).

use std::time::Duration;

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use shared::menu::{Choice, Menu};
use shared::message::{Address, Inbound};
use shared::outbox::Outgoing;

use super::{Accepted, SendError, not_answered};
use crate::policy;

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
}

impl Meta {
    /// Sends a text, with what can be chosen under it. Our own id goes along and comes back with every report on this message.
    pub async fn send(&self, message: &Outgoing) -> Result<Accepted, SendError> {
        let mut body = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "biz_opaque_callback_data": format!("outbox:{}", message.id.get()),
        });
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
        match &message.address {
            // With its `+`: without, Meta prepends the country code of the business.
            Address::Phone(phone) => body["to"] = json!(phone.as_str()),
            Address::Bsuid(id) => body["recipient"] = json!(id),
            Address::Channel(_) => return Err(SendError::Final { code: "foreign_address".to_owned() }),
        }
        let response = self
            .post(&message.business, &body)
            .timeout(self.timeout)
            .send()
            .await
            .map_err(|error| not_answered(&error))?;
        let status = response.status();
        let answer: Value = response.json().await.unwrap_or_default();
        match answer["messages"][0]["id"].as_str() {
            Some(id) if status.is_success() => Ok(Accepted(id.to_owned())),
            _ => Err(judge(status, &answer)),
        }
    }

    /// Read receipt and typing indicator in one call; shown for 25 s or until we answer.
    pub async fn typing(&self, inbound: &Inbound) -> Result<(), reqwest::Error> {
        let body = json!({
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": inbound.id.provider_part(),
            "typing_indicator": { "type": "text" },
        });
        let request = self.post(&inbound.business, &body).timeout(policy::TYPING_TIMEOUT);
        request.send().await?.error_for_status().map(drop)
    }

    fn post(&self, business: &str, body: &Value) -> reqwest::RequestBuilder {
        let base = self.graph_url.trim_end_matches('/');
        self.http
            .post(format!("{base}/{}/{business}/messages", self.version))
            .bearer_auth(self.access_token.expose_secret())
            .json(body)
    }
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
    let Some(number) = error["code"].as_i64() else {
        // Not Meta's words: a gateway, or half an answer. The message may be on its way.
        return SendError::Unknown { code: format!("http_{}", status.as_u16()) };
    };
    let code = number.to_string();
    let retry =
        |after: Option<u64>| SendError::Retry { code: code.clone(), after: after.map(Duration::from_secs) };
    match number {
        1 | 2 | 130_429 | 131_000 | 131_016 | 133_004 => retry(None),
        // The pair limit lets one message through every six seconds.
        131_056 => retry(Some(6)),
        4 | 80_007 | 131_057 => retry(Some(60)),
        0
        | 3
        | 10
        | 33
        | 190
        | 200..=299
        | 368
        | 131_005
        | 131_031
        | 131_037
        | 131_042
        | 131_044
        | 131_045
        | 131_048
        | 131_063
        | 131_064
        | 132_001
        | 132_007
        | 132_015
        | 132_016
        | 133_000..=133_016
        | 134_011 => SendError::Operator { code },
        _ if error["is_transient"] == true => retry(None),
        // An error object is an answer: it was not taken, whatever the status.
        _ if status.is_server_error() => retry(None),
        _ => SendError::Final { code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_own_errors_are_told_apart() {
        let judged = |name: &str| {
            let path = format!("{}/../fixtures/meta/api_error_{name}.json", env!("CARGO_MANIFEST_DIR"));
            judge(StatusCode::BAD_REQUEST, &serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        };
        for again in ["130429_throughput", "131000_unknown", "131016_unavailable", "2_service_transient"] {
            assert!(matches!(judged(again), SendError::Retry { after: None, .. }), "{again}");
        }
        assert!(matches!(judged("131056_pair_rate"), SendError::Retry { after: Some(_), .. }));
        for person in ["190_token_expired", "368_policy", "132001_template_missing"] {
            assert!(matches!(judged(person), SendError::Operator { .. }), "{person}");
        }
        for never in
            ["131047_window", "100_invalid_parameter", "131062_bsuid_not_supported", "132000_param_count"]
        {
            assert!(matches!(judged(never), SendError::Final { .. }), "{never}");
        }
        assert!(matches!(judge(StatusCode::BAD_GATEWAY, &Value::Null), SendError::Unknown { .. }));
        assert!(matches!(judge(StatusCode::OK, &Value::Null), SendError::Unknown { .. }));
    }
}
