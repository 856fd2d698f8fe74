//! What the workers are told about one-time codes.

use shared::env::Env;
use shared::otp::{Limits, Salt};

use crate::code::Codes;

pub(super) fn codes(env: &mut Env) -> Codes {
    let limits = Limits { hourly: env.parsed("OTP_CODES_PER_HOUR", Limits::default().hourly) };
    let secret = env.secret("OTP_SALT");
    let given = secret.is_some();
    let salt = secret.and_then(Salt::new);
    if given && salt.is_none() {
        env.problem(format!("OTP_SALT must have at least {} characters", Salt::SHORTEST));
    }
    Codes { salt, limits }
}
