//! Writes and reads the tokens of sessions, for whoever holds them against NextAuth's own packages (`.ci/next-auth`).
//!
//! `next_auth <4|5> <secrets> <address of the web app> write <account> <session> [<seconds ago>]`, or `... read <token>`.

use std::process::ExitCode;

use chrono::TimeDelta;
use ingest::session::{Cookie, Sessions, Version};
use shared::clock::Clock;
use shared::person::UserId;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [version, secrets, web, ..] = arguments[..] else { return ExitCode::FAILURE };
    let version = if version == "4" { Version::V4 } else { Version::V5 };
    let secrets: Vec<_> = secrets.split(',').map(|secret| secret.to_owned().into()).collect();
    let Ok(cookie) = Cookie::new(version, web.starts_with("https://"), None, None) else {
        return ExitCode::FAILURE;
    };
    let sessions = Sessions::new(version, &secrets, cookie);
    let now = Clock::system().now();
    let said = match arguments[3..] {
        ["write", user, session, ref ago @ ..] => {
            let ago = ago.first().and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
            let user = UserId::from_stored(user.to_owned());
            sessions.token(&user, Some("amelie@example.com"), session, now - TimeDelta::seconds(ago))
        }
        ["read", token] => {
            sessions.told(token, now).map(|(sub, sid)| format!("{sub} {}", sid.unwrap_or_default()))
        }
        _ => None,
    };
    match said {
        Some(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}
