//! Looks at every setting and every dependency, and says what to do: `postly doctor`.
//!
//! Asks only, and changes nothing. Everything is asked at once, and nothing is waited for longer than five seconds: a
//! dependency that hangs is a finding. What could not be seen is reported as not checked, never as ok. No secret and
//! no full number is in any finding.

mod books;
mod clocks;
mod finding;
mod meta;
mod openai;
mod queue;
mod report;
mod settings;
mod stripe;
mod twilio;
mod web;

use std::pin::Pin;
use std::time::Duration;

use shared::clock::Clock;
use shared::env::{ConfigError, Env};

use crate::config::Config;

pub use finding::{Finding, Verdict};
pub use report::Report;

use clocks::Reading;
use settings::Settings;

/// The longest that one dependency is waited for, all its questions together.
const LIMIT: Duration = Duration::from_secs(5);

/// The longest that one question is waited for; shorter, so that earlier answers of the same dependency are told.
const ANSWER: Duration = Duration::from_secs(4);

/// What one dependency has shown.
#[derive(Debug, Default)]
struct Examined {
    findings: Vec<Finding>,
    /// Its clock beside ours, where it has one.
    clock: Option<Reading>,
}

impl From<Vec<Finding>> for Examined {
    fn from(findings: Vec<Finding>) -> Self {
        Self { findings, clock: None }
    }
}

impl From<Finding> for Examined {
    fn from(finding: Finding) -> Self {
        vec![finding].into()
    }
}

/// Examines everything that this environment names.
pub async fn examine(env: Env, clock: &Clock) -> Report {
    let settings = Settings::read(&env);
    let config = match Config::from_env(env) {
        Ok(config) => config,
        Err(ConfigError(problems)) => return Report::unreadable(problems, settings.findings),
    };
    let mut checks = settings.findings.clone();
    checks.push(settings::lease(config.lease));
    checks.push(settings::budget(&config.budget, &config.openai.model));
    let http = match web::client() {
        Ok(http) => http,
        Err(error) => {
            let advice = "this is a fault of the installation: reinstall postly";
            checks.push(Finding::failed("https", format!("no client could be made: {error}"), advice));
            return Report { checks, readable: true };
        }
    };
    let providers = config.providers(&http, ANSWER);
    let (queue, books, meta, twilio, openai, stripe) = tokio::join!(
        within("redis", Box::pin(queue::examine(&config.redis_url, clock))),
        within("postgres", Box::pin(books::examine(&config, clock))),
        within("meta", Box::pin(meta::examine(providers.meta.as_ref(), &settings))),
        within("twilio", Box::pin(twilio::examine(providers.twilio.as_ref(), &settings))),
        within("openai", Box::pin(openai::examine(&config.openai, &http, clock.now().date_naive()))),
        within("stripe", Box::pin(stripe::examine(config.shop.as_ref(), &http, &settings))),
    );
    let clocks = clocks::compare(queue.clock.as_ref(), books.clock.as_ref());
    for examined in [queue, books, clocks.into(), meta, twilio, openai, stripe] {
        checks.extend(examined.findings);
    }
    Report { checks, readable: true }
}

/// Boxed: together the questions are a future of many kilobytes.
async fn within(name: &'static str, work: Pin<Box<dyn Future<Output = Examined> + Send + '_>>) -> Examined {
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| {
        let found = format!("no answer within {} s", LIMIT.as_secs());
        let advice = "it takes connections but does not answer: look at its machine and its log";
        Finding::failed(name, found, advice).into()
    })
}
