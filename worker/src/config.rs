//! The configuration of a worker: read once, every problem told at once.

mod codes;
mod page;
mod providers;
mod retention;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use secrecy::SecretString;
use shared::env::{ConfigError, Env};
use shared::message::Provider;
use shared::pack::Packs;
use shared::price::{Micros, ModelPrices};
use shared::retention::Periods;
use shared::telemetry;
use shared::vault::Vault;
use sqlx::postgres::PgConnectOptions;

use crate::allowance::Allowance;
use crate::budget::Budget;
use crate::code::Codes;
use crate::openai::{Offer, OpenAiConfig};
use crate::shop::Shop;
use crate::stripe::Stripe;
use crate::whatsapp::Providers;

pub use providers::{MetaConfig, TwilioConfig};

/// The model of the product's first version. `OpenAI` switches it off on 2027-01-14: the README says what to set.
const DEFAULT_MODEL: &str = "gpt-4o-mini";

/// Its predecessors (`whisper-1`, `gpt-4o-transcribe`) are switched off on 2027-02-26.
const DEFAULT_TRANSCRIBE_MODEL: &str = "gpt-transcribe";

/// Where operators look unless they say otherwise.
pub const ADMIN_ADDR: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9091));

/// Everything that `postly-worker` can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where operators look (`ADMIN_ADDR`).
    pub admin_addr: SocketAddr,
    /// The queue (`REDIS_URL`).
    pub redis_url: SecretString,
    /// The books (`DATABASE_URL`).
    pub database: PgConnectOptions,
    /// What people write is sealed by it (`MASTER_KEY`).
    pub vault: Vault,
    /// Connections to the books: a job holds one only inside its short transactions.
    pub connections: u32,
    /// Messages worked on at once (`WORKER_CONCURRENCY`).
    pub concurrency: usize,
    /// How long a silent worker keeps its messages (`LEASE_SECONDS`).
    pub lease: Duration,
    /// The model.
    pub openai: OpenAiConfig,
    /// Meta's part, when `META_ACCESS_TOKEN` is set.
    pub meta: Option<MetaConfig>,
    /// Twilio's address, account, token and our public address, when `TWILIO_AUTH_TOKEN` is set.
    pub twilio: Option<TwilioConfig>,
    /// What the model may cost in a day.
    pub budget: Budget,
    /// How much one person may ask for.
    pub allowance: Allowance,
    /// One-time codes.
    pub codes: Codes,
    /// By whom leaves what starts with us (`WHATSAPP_PROVIDER`).
    pub ours: Option<Provider>,
    /// What is sold in the chat, when `STRIPE_SECRET_KEY` is set.
    pub shop: Option<ShopConfig>,
    /// Whether to apply migrations at the start (`MIGRATE`, `on` unless `off`).
    pub migrate: bool,
    /// How the process tells about itself.
    pub telemetry: telemetry::Settings,
    /// Where the web app is.
    pub web: Option<String>,
    /// The operator's page.
    pub page: crate::page::Settings,
    /// How long what is over is kept.
    pub periods: Periods,
}

/// The shop's part.
#[derive(Debug, Clone)]
pub struct ShopConfig {
    api_url: String,
    secret_key: SecretString,
    /// What is sold.
    pub(crate) packs: Packs,
    return_url: String,
}

impl ShopConfig {
    /// The client of the till.
    pub(crate) fn stripe(&self, http: &reqwest::Client) -> Stripe {
        let (api_url, secret_key) = (self.api_url.clone(), self.secret_key.clone());
        Stripe { api_url, secret_key, http: http.clone() }
    }
}

impl Config {
    /// Reads the variables. The error names each one that is missing or malformed, and shows no secret.
    pub fn from_env(mut env: Env) -> Result<Self, ConfigError> {
        let redis_url = shared::queue::address(&mut env);
        let database = shared::db::from_env(&mut env);
        let vault = Vault::from_env(&mut env);
        let openai = Self::openai(&mut env);
        let meta = MetaConfig::from_env(&mut env);
        let twilio = TwilioConfig::from_env(&mut env);
        if meta.is_none() && twilio.is_none() {
            env.problem("no provider is configured: set META_ACCESS_TOKEN, or TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN");
        }
        let budget = budget(&mut env, &openai.model);
        let usual = Allowance::default();
        let allowance = Allowance {
            briefs: env.parsed("BRIEFS_PER_TEN_MINUTES", usual.briefs),
            revisions: env.parsed("REVISIONS_PER_DAY", usual.revisions),
        };
        let web = env.text("NEXTAUTH_URL").map(|web| web.trim_end_matches('/').to_owned());
        if web.as_ref().is_some_and(|web| !web.starts_with("http")) {
            env.problem("NEXTAUTH_URL must be an address that begins with https://");
        }
        let codes = codes::codes(&mut env);
        let page = page::page(&mut env);
        let periods = retention::periods(&mut env);
        let ours = providers::ours(&mut env, meta.is_some(), twilio.is_some());
        let shop = Self::shop_from(&mut env);
        let lease = shared::queue::lease(&mut env);
        let concurrency = env.parsed("WORKER_CONCURRENCY", 100_usize);
        if concurrency == 0 {
            env.problem("WORKER_CONCURRENCY must be at least 1");
        }
        let config = Self {
            admin_addr: env.parsed("ADMIN_ADDR", ADMIN_ADDR),
            redis_url,
            database,
            vault,
            connections: 20,
            concurrency,
            lease,
            openai,
            meta,
            twilio,
            budget,
            allowance,
            codes,
            ours,
            shop,
            web,
            page,
            periods,
            migrate: env.switch("MIGRATE", true),
            telemetry: telemetry::Settings::from_env(&mut env),
        };
        env.finish(config)
    }

    fn openai(env: &mut Env) -> OpenAiConfig {
        let default_url = "https://api.openai.com/v1";
        let base_url = env.text("OPENAI_BASE_URL").unwrap_or_else(|| default_url.to_owned());
        let api_key = env.secret("OPENAI_API_KEY");
        if api_key.is_none() && base_url == default_url {
            env.problem(
                "OPENAI_API_KEY is not set (a compatible server that needs none is named by OPENAI_BASE_URL)",
            );
        }
        let mut optional = |name: &str| match env.text(name).map(|text| text.parse::<f64>()) {
            Some(Ok(number)) if number >= 0.0 => Some(number),
            None => None,
            Some(_) => {
                env.problem(format!("{name} must be a number of at least 0"));
                None
            }
        };
        let temperature = optional("OPENAI_TEMPERATURE");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked: not negative; saturates"
        )]
        let max_completion_tokens = optional("OPENAI_MAX_COMPLETION_TOKENS").map(|tokens| tokens as u32);
        let moderation = match env.text("MODERATION").as_deref() {
            None | Some("auto") => Offer::default(),
            Some("off") => Offer::none(),
            Some(_) => {
                env.problem("MODERATION is auto or off");
                Offer::none()
            }
        };
        OpenAiConfig {
            moderation,
            base_url,
            api_key,
            model: env.text("OPENAI_MODEL").unwrap_or_else(|| DEFAULT_MODEL.to_owned()),
            temperature,
            reasoning_effort: env.text("OPENAI_REASONING_EFFORT"),
            max_completion_tokens,
            transcribe_model: env
                .text("OPENAI_TRANSCRIBE_MODEL")
                .unwrap_or_else(|| DEFAULT_TRANSCRIBE_MODEL.to_owned()),
        }
    }

    fn shop_from(env: &mut Env) -> Option<ShopConfig> {
        let packs = env.parsed("CREDIT_PACKS", Packs::default());
        let secret_key = env.secret("STRIPE_SECRET_KEY")?;
        let web =
            env.required("NEXTAUTH_URL", "the web app's address, where a browser goes after it has paid");
        Some(ShopConfig {
            api_url: env.text("STRIPE_API_URL").unwrap_or_else(|| "https://api.stripe.com".to_owned()),
            secret_key,
            packs,
            return_url: format!("{}/dashboard", web.trim_end_matches('/')),
        })
    }

    /// The shop, with an empty shelf.
    #[must_use]
    pub fn shop(&self, http: &reqwest::Client) -> Option<Shop> {
        let shop = self.shop.as_ref()?;
        Some(Shop::new(shop.stripe(http), shop.packs.clone(), shop.return_url.clone()))
    }

    /// The clients of the configured providers.
    #[must_use]
    pub fn providers(&self, http: &reqwest::Client, timeout: Duration) -> Providers {
        let meta = self.meta.clone().map(|config| config.client(http, timeout));
        let twilio = self.twilio.clone().map(|config| config.client(http, timeout));
        Providers { meta, twilio, ours: self.ours }
    }
}

/// Reads prices and daily limits, noting a limit that nothing could be measured against.
fn budget(env: &mut Env, model: &str) -> Budget {
    let prices = env.parsed("MODEL_PRICES", ModelPrices::default());
    let mut cap = |name: &str| match env.text(name).map(|text| text.trim_start_matches('$').parse::<f64>()) {
        None => None,
        #[expect(clippy::cast_possible_truncation, reason = "checked: far below")]
        Some(Ok(dollars)) if dollars > 0.0 && dollars <= 1e9 => Some((dollars * 1e6) as Micros),
        Some(_) => {
            env.problem(format!("{name} must be a number of dollars greater than 0"));
            None
        }
    };
    let (person, everybody) = (cap("DAILY_CAP_PERSON"), cap("DAILY_CAP_TOTAL"));
    if (person.is_some() || everybody.is_some()) && prices.cost(model, 1, 1).is_none() {
        env.problem(
            "a daily cap is set and MODEL_PRICES has no price for OPENAI_MODEL: nothing could be counted",
        );
    }
    Budget::new(prices, person, everybody)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_configured_names_everything_that_is_missing() {
        let values = [
            ("WORKER_CONCURRENCY", "0"),
            ("LEASE_SECONDS", "soon"),
            ("OPENAI_TEMPERATURE", "warm"),
            ("META_MESSAGES_PER_SECOND", "0"),
            ("RETAIN_RECEIPTS_DAYS", "7"),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let error = Config::from_env(Env::from_values(values.into())).unwrap_err().to_string();
        for name in [
            "REDIS_URL",
            "DATABASE_URL",
            "MASTER_KEY",
            "OPENAI_API_KEY",
            "META_ACCESS_TOKEN",
            "WORKER_CONCURRENCY",
            "LEASE_SECONDS",
            "OPENAI_TEMPERATURE",
            "META_MESSAGES_PER_SECOND",
            "RETAIN_RECEIPTS_DAYS",
        ] {
            assert!(error.contains(name), "{name} is not in {error}");
        }
    }

    #[test]
    fn no_secret_is_in_the_debug_output() {
        let values = [
            ("REDIS_URL", "redis://:s3cret@127.0.0.1"),
            ("DATABASE_URL", "postgres://u:s3cret@127.0.0.1/db"),
            ("OPENAI_API_KEY", "s3cret"),
            ("META_ACCESS_TOKEN", "s3cret"),
            ("TWILIO_AUTH_TOKEN", "s3cret"),
            ("TWILIO_ACCOUNT_SID", "AC1"),
            ("OTP_SALT", "s3cret-salt-that-is-long"),
            ("MASTER_KEY", "czNjcmV0IHMzY3JldCBzM2NyZXQgczNjcmV0IHMzY3I="),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut config = Config::from_env(Env::from_values(values.into())).unwrap();
        config.database = PgConnectOptions::new_without_pgpass();
        let shown = format!("{config:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("czNj"), "{shown}");
    }
}
