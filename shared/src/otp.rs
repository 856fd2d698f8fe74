//! One-time codes: who has the phone in hand has its number.
//!
//! A challenge is made when a code is asked for, and says nothing of it: the code is made by the worker in the moment in
//! which it leaves, and only its seal (HMAC-SHA256 over challenge and code, under `OTP_SALT`) is written down. So no code
//! is ever in Redis, in the outbox, in a log or in a dump. A try is counted before it is compared, in one statement, and
//! no account is looked at before a code was right: nothing tells a known number from an unknown one.
//!
//! Owner of our rows of `"OtpChallenge"` (the web app's own have no row of `wa.otp_attempt`), of `wa.otp_attempt` and of
//! `wa.otp_asking`.

mod ask;
mod code;
mod limits;
mod reserved;
mod send;
mod verify;

pub use ask::{Answer, Asking, Purpose, Why, ask};
pub use code::{Code, InvalidCode, Salt};
pub use limits::{COOL_DOWN, LIFETIME, Limits, TRIES};
pub use reserved::Reserved;
pub use send::{Fate, Refusal, Wanted, expire, fate, give_back, is_wanted, make, preset, wanted};
pub use verify::{Challenge, Verified, consume, opened, verify};
