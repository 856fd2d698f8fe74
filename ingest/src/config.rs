//! The configuration of the door: read once, every problem told at once.

mod codes;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use secrecy::SecretString;
use shared::env::{ConfigError, Env};
use shared::pack::Packs;
use shared::phone::E164;
use shared::telemetry;
use shared::vault::Vault;
use sqlx::postgres::PgConnectOptions;

use crate::address::Proxies;
use crate::auth::Codes;
use crate::session::{Cookie, Sessions, Version};
use crate::twilio::{PublicUrl, SharedKey};
use crate::{meta, signin, stripe, twilio};

/// Where operators look unless they say otherwise.
pub const ADMIN_ADDR: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9090));

/// Everything that `postly-ingest` can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where webhooks arrive (`INGEST_ADDR`).
    pub addr: SocketAddr,
    /// Where operators look (`ADMIN_ADDR`): not to be public.
    pub admin_addr: SocketAddr,
    /// The queue (`REDIS_URL`).
    pub redis_url: SecretString,
    /// How long a silent worker counts as alive (`LEASE_SECONDS`).
    pub lease: Duration,
    /// The books (`DATABASE_URL`), used while Redis is away.
    pub database: PgConnectOptions,
    /// What people write is sealed by it (`MASTER_KEY`).
    pub vault: Vault,
    /// Meta, when `META_APP_SECRET` is set.
    pub meta: Option<meta::Door>,
    /// Twilio, when `TWILIO_AUTH_TOKEN` is set.
    pub twilio: Option<twilio::Door>,
    /// Stripe, when `STRIPE_WEBHOOK_SECRET` is set.
    pub stripe: Option<stripe::Door>,
    /// Sessions on the web, when `NEXTAUTH_SECRET` is set and `NEXTAUTH_VERSION` is not `off`.
    pub sessions: Option<Sessions>,
    /// One-time codes, when `OTP_SALT` is set.
    pub codes: Option<Codes>,
    /// Who is believed about the address of a request (`TRUSTED_PROXIES`).
    pub proxies: Proxies,
    /// Signing in from the phone, when `WHATSAPP_NUMBER` or `TWILIO_WHATSAPP_FROM` is set.
    pub signin: Option<signin::Door>,
    /// Whether to apply migrations at the start (`MIGRATE`, `on` unless `off`).
    pub migrate: bool,
    /// How the process tells about itself.
    pub telemetry: telemetry::Settings,
}

impl Config {
    /// Reads the variables. The error names each one that is missing or malformed, and shows no secret.
    pub fn from_env(mut env: Env) -> Result<Self, ConfigError> {
        let redis_url = shared::queue::address(&mut env);
        let lease = shared::queue::lease(&mut env);
        let database = shared::db::from_env(&mut env);
        let vault = Vault::from_env(&mut env);
        let meta = Self::meta(&mut env);
        let twilio = Self::twilio(&mut env);
        if meta.is_none() && twilio.is_none() {
            env.problem(
                "no provider is configured: set META_APP_SECRET, or TWILIO_AUTH_TOKEN and PUBLIC_URL",
            );
        }
        let packs = env.parsed("CREDIT_PACKS", Packs::default());
        let secrets = env.secrets("STRIPE_WEBHOOK_SECRET");
        let stripe = (!secrets.is_empty()).then_some(stripe::Door { secrets, packs });
        let sessions = Self::sessions(&mut env);
        let codes = codes::codes(&mut env, meta.is_some(), twilio.is_some());
        let signin = Self::signin(&mut env);
        let config = Self {
            addr: env.parsed("INGEST_ADDR", SocketAddr::from(([0, 0, 0, 0], 8080))),
            admin_addr: env.parsed("ADMIN_ADDR", ADMIN_ADDR),
            redis_url,
            lease,
            database,
            vault,
            meta,
            twilio,
            stripe,
            sessions,
            codes,
            proxies: env.parsed("TRUSTED_PROXIES", Proxies::default()),
            signin,
            migrate: env.switch("MIGRATE", true),
            telemetry: telemetry::Settings::from_env(&mut env),
        };
        env.finish(config)
    }

    fn meta(env: &mut Env) -> Option<meta::Door> {
        let app_secrets = env.secrets("META_APP_SECRET");
        let verify_token = env.secret("META_VERIFY_TOKEN");
        if app_secrets.is_empty() {
            if verify_token.is_some() || env.text("META_ACCESS_TOKEN").is_some() {
                env.problem(
                    "META_APP_SECRET is not set although other META_ variables are: it is the key of every \
                     webhook's signature (App Dashboard, Settings, Basic)",
                );
            }
            return None;
        }
        let business = env.text("META_PHONE_NUMBER_ID");
        Some(meta::Door { app_secrets, verify_token, business })
    }

    fn twilio(env: &mut Env) -> Option<twilio::Door> {
        let auth_tokens = env.secrets("TWILIO_AUTH_TOKEN");
        if auth_tokens.is_empty() {
            if env.text("TWILIO_ACCOUNT_SID").is_some() {
                env.problem(
                    "TWILIO_AUTH_TOKEN is not set although TWILIO_ACCOUNT_SID is: it signs every webhook",
                );
            }
            return None;
        }
        let public_url = match env.text("PUBLIC_URL").map(|url| url.parse::<PublicUrl>()) {
            Some(Ok(url)) => url,
            Some(Err(problem)) => {
                env.problem(format!("PUBLIC_URL {problem}"));
                return None;
            }
            None => {
                env.problem(
                    "PUBLIC_URL is not set: Twilio signs the address that it calls, so it must be known",
                );
                return None;
            }
        };
        let shared_key = match env.text("TWILIO_WEBHOOK_SHARED_KEY").map(|key| key.parse::<SharedKey>()) {
            None => None,
            Some(Ok(key)) => Some(key),
            Some(Err(problem)) => {
                env.problem(format!("TWILIO_WEBHOOK_SHARED_KEY {problem}"));
                None
            }
        };
        Some(twilio::Door { auth_tokens, public_url, shared_key })
    }

    /// Meta names our number by an id only, so it has a variable of its own.
    fn signin(env: &mut Env) -> Option<signin::Door> {
        let told = env.text("WHATSAPP_NUMBER").map(|number| ("WHATSAPP_NUMBER", number));
        let (name, number) = told.or_else(|| {
            let from = env.text("TWILIO_WHATSAPP_FROM")?;
            Some(("TWILIO_WHATSAPP_FROM", from.trim_start_matches("whatsapp:").to_owned()))
        })?;
        match E164::from_provider(&number.replace([' ', '.', '-'], "")) {
            Ok(number) => Some(signin::Door::new(number, env.text("NEXTAUTH_URL"))),
            Err(problem) => {
                env.problem(format!("{name} is {problem}"));
                None
            }
        }
    }

    fn sessions(env: &mut Env) -> Option<Sessions> {
        let version = match env.text("NEXTAUTH_VERSION").as_deref() {
            None | Some("4") => Version::V4,
            Some("5") => Version::V5,
            Some("off") => return None,
            Some(_) => {
                env.problem(
                    "NEXTAUTH_VERSION must be 4, 5 or off: the major version of the web app's next-auth",
                );
                return None;
            }
        };
        // Each version looks for its own name first, and takes the other one otherwise.
        let secrets = match (env.secrets("NEXTAUTH_SECRET"), env.secrets("AUTH_SECRET"), version) {
            (own, _, Version::V4) | (_, own, Version::V5) if !own.is_empty() => own,
            (other, _, Version::V5) | (_, other, Version::V4) if !other.is_empty() => other,
            _ => return None,
        };
        let web = env.required(
            "NEXTAUTH_URL",
            "the web app's address; the name of its session cookie depends on whether it is https",
        );
        let (name, domain) = (env.text("SESSION_COOKIE_NAME"), env.text("SESSION_COOKIE_DOMAIN"));
        match Cookie::new(version, web.starts_with("https://"), name, domain) {
            Ok(cookie) => Some(Sessions::new(version, &secrets, cookie)),
            Err(problem) => {
                env.problem(problem);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER_KEY: &str = "czNjcmV0IHMzY3JldCBzM2NyZXQgczNjcmV0IHMzY3I=";

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_env(Env::from_values(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()))
    }

    #[test]
    fn nothing_configured_names_everything_that_is_missing() {
        let error = read(&[("INGEST_ADDR", "here")]).unwrap_err().to_string();
        for name in ["REDIS_URL", "DATABASE_URL", "MASTER_KEY", "INGEST_ADDR", "META_APP_SECRET"] {
            assert!(error.contains(name), "{name} is not in {error}");
        }
    }

    #[test]
    fn test_numbers_are_refused_where_a_provider_is_real() {
        let pairs = [
            ("REDIS_URL", "redis://127.0.0.1"),
            ("DATABASE_URL", "postgres://u@127.0.0.1/db"),
            ("META_APP_SECRET", "app"),
            ("MASTER_KEY", MASTER_KEY),
            ("OTP_SALT", "a salt that is long enough"),
            ("OTP_TEST_NUMBERS", "+33639980001=535353"),
        ];
        let with = |further: &[(&str, &str)]| {
            let problem = read(&[&pairs[..], further].concat()).err().map(|error| error.to_string());
            assert!(problem.as_ref().is_none_or(|problem| !problem.contains("535353")), "{problem:?}");
            problem.is_some_and(|problem| problem.contains("OTP_TEST_NUMBERS"))
        };
        let simulated = ("META_GRAPH_URL", "http://127.0.0.1:1");
        assert!(!with(&[simulated]));
        assert!(with(&[]), "without an address it is the real one");
        assert!(with(&[("META_GRAPH_URL", "https://graph.facebook.com")]));
        let twilio = [("TWILIO_AUTH_TOKEN", "token"), ("PUBLIC_URL", "https://hooks.example")];
        assert!(with(&[simulated, twilio[0], twilio[1]]), "one of the two is real");
        assert!(with(&[simulated, ("OTP_TEST_NUMBERS", "+33639980001")]), "not a list");
    }

    #[test]
    fn no_secret_is_in_an_error_or_in_the_debug_output() {
        let secrets = [
            ("META_APP_SECRET", "s3cret-app"),
            ("META_VERIFY_TOKEN", "s3cret-verify"),
            ("TWILIO_AUTH_TOKEN", "s3cret-token"),
            ("DATABASE_URL", "postgres://u:s3cret-pw@127.0.0.1/db"),
            ("REDIS_URL", "redis://:s3cret-redis@127.0.0.1"),
            ("PUBLIC_URL", "https://user:s3cret-url@hooks.example"),
            ("TWILIO_WEBHOOK_SHARED_KEY", "id:s3cret-shared"),
            ("NEXTAUTH_SECRET", "s3cret-session"),
            ("OTP_SALT", "s3cret-salt-that-is-long"),
            ("MASTER_KEY", MASTER_KEY),
            ("OTP_TEST_NUMBERS", "+33639980001=535353"),
            ("META_GRAPH_URL", "http://127.0.0.1:1"),
            ("TWILIO_API_URL", "http://127.0.0.1:2"),
            ("NEXTAUTH_URL", "https://postly.example"),
        ];
        let config = read(&secrets).unwrap();
        let shown = format!(
            "{:?}",
            (&config.meta, &config.twilio, &config.redis_url, &config.sessions, &config.codes)
        );
        assert!(!shown.contains("s3cret") && !shown.contains("535353"));
        for broken in [
            ("DATABASE_URL", "postgres//s3cret-pw"),
            ("REDIS_URL", "s3cret-redis"),
            ("PUBLIC_URL", "s3cret-url"),
        ] {
            let mut pairs = secrets.to_vec();
            pairs.push(broken);
            let error = read(&pairs).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
