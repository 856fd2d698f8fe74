//! What ingest is told about one-time codes.

use shared::env::Env;
use shared::otp::{Limits, Reserved, Salt};
use shared::phone::Region;

use crate::auth::Codes;

/// Nothing without a key to seal codes with. `meta`, `twilio`: whether these are configured.
pub(super) fn codes(env: &mut Env, meta: bool, twilio: bool) -> Option<Codes> {
    let region = env.parsed("DEFAULT_REGION", Region::default());
    let limits = Limits { hourly: env.parsed("OTP_CODES_PER_HOUR", Limits::default().hourly) };
    if limits.hourly == 0 {
        env.problem("OTP_CODES_PER_HOUR must be at least 1");
    }
    let reserved = reserved(env, meta, twilio);
    let secret = env.secret("OTP_SALT")?;
    let Some(salt) = Salt::new(secret) else {
        env.problem(format!("OTP_SALT must have at least {} characters", Salt::SHORTEST));
        return None;
    };
    Some(Codes::new(salt, region, limits, reserved, env.text("NEXTAUTH_URL")))
}

/// Numbers with fixed codes. Whoever knows them would walk into a system that people use.
fn reserved(env: &mut Env, meta: bool, twilio: bool) -> Reserved {
    let Some(text) = env.text("OTP_TEST_NUMBERS") else { return Reserved::default() };
    let real = |url: Option<String>, theirs: &str| url.is_none_or(|url| url.contains(theirs));
    if meta && real(env.text("META_GRAPH_URL"), "facebook.com")
        || twilio && real(env.text("TWILIO_API_URL"), "twilio.com")
    {
        env.problem(
            "OTP_TEST_NUMBERS is set although a real provider is configured: whoever knows these numbers could sign in. \
             They are for simulated providers only (META_GRAPH_URL, TWILIO_API_URL)",
        );
    }
    text.parse().unwrap_or_else(|problem| {
        env.problem(format!("OTP_TEST_NUMBERS {problem}"));
        Reserved::default()
    })
}
