//! What the workers are told about those who carry their words.

use std::time::Duration;

use secrecy::SecretString;
use shared::env::Env;
use shared::message::Provider;

use crate::policy;
use crate::whatsapp::{Meta, Twilio};

/// The newest Graph version that was verified; versions die two years after their successor appears.
const DEFAULT_GRAPH_VERSION: &str = "v25.0";

/// Meta's part.
#[derive(Debug, Clone)]
pub struct MetaConfig {
    graph_url: String,
    version: String,
    access_token: SecretString,
    per_second: u32,
    number: Option<String>,
    otp_template: Option<String>,
}

impl MetaConfig {
    /// Nothing without a token.
    pub(super) fn from_env(env: &mut Env) -> Option<Self> {
        let per_second = per_second(env, "META_MESSAGES_PER_SECOND");
        let access_token = env.secret("META_ACCESS_TOKEN")?;
        Some(Self {
            graph_url: env.text("META_GRAPH_URL").unwrap_or_else(|| "https://graph.facebook.com".to_owned()),
            version: env.text("META_GRAPH_VERSION").unwrap_or_else(|| DEFAULT_GRAPH_VERSION.to_owned()),
            access_token,
            per_second,
            number: env.text("META_PHONE_NUMBER_ID"),
            otp_template: env.text("META_OTP_TEMPLATE"),
        })
    }

    /// The client.
    pub(super) fn client(self, http: &reqwest::Client, timeout: Duration) -> Meta {
        Meta {
            graph_url: self.graph_url,
            version: self.version,
            access_token: self.access_token,
            http: http.clone(),
            timeout,
            per_second: self.per_second,
            number: self.number,
            otp_template: self.otp_template,
        }
    }
}

/// Twilio's part.
#[derive(Debug, Clone)]
pub struct TwilioConfig {
    api_url: String,
    account_sid: String,
    auth_token: SecretString,
    public_url: Option<String>,
    per_second: u32,
    from: Option<String>,
    otp_content: Option<String>,
}

impl TwilioConfig {
    /// Nothing without a token.
    pub(super) fn from_env(env: &mut Env) -> Option<Self> {
        let per_second = per_second(env, "TWILIO_MESSAGES_PER_SECOND");
        let auth_token = env.secrets("TWILIO_AUTH_TOKEN").into_iter().next()?;
        Some(Self {
            api_url: env.text("TWILIO_API_URL").unwrap_or_else(|| "https://api.twilio.com".to_owned()),
            account_sid: env.required("TWILIO_ACCOUNT_SID", "the account that TWILIO_AUTH_TOKEN belongs to"),
            auth_token,
            public_url: env.text("PUBLIC_URL"),
            per_second,
            from: env.text("TWILIO_WHATSAPP_FROM"),
            otp_content: env.text("TWILIO_OTP_CONTENT_SID"),
        })
    }

    /// The client.
    pub(super) fn client(self, http: &reqwest::Client, timeout: Duration) -> Twilio {
        Twilio {
            messaging_url: self.api_url.replace("://api.twilio.com", "://messaging.twilio.com"),
            api_url: self.api_url,
            account_sid: self.account_sid,
            auth_token: self.auth_token,
            public_url: self.public_url,
            http: http.clone(),
            timeout,
            per_second: self.per_second,
            from: self.from,
            otp_content: self.otp_content,
        }
    }
}

/// Reads by whom leaves what starts with us, noting one that is not configured.
pub(super) fn ours(env: &mut Env, meta: bool, twilio: bool) -> Option<Provider> {
    let Ok(ours) = env.text("WHATSAPP_PROVIDER")?.parse::<Provider>() else {
        env.problem("WHATSAPP_PROVIDER is meta or twilio");
        return None;
    };
    let configured = match ours {
        Provider::Meta => meta,
        Provider::Twilio => twilio,
    };
    if !configured {
        env.problem(format!("WHATSAPP_PROVIDER is {ours}, which is not configured"));
    }
    Some(ours)
}

/// Reads how many messages a number may send in a second, noting what is wrong with it.
fn per_second(env: &mut Env, name: &str) -> u32 {
    let per_second = env.parsed(name, policy::PER_SECOND);
    if per_second == 0 {
        env.problem(format!("{name} must be at least 1"));
    }
    per_second
}
