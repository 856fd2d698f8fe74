//! The variables of both services, judged by themselves. What the worker's own configuration refuses is told by its
//! reader; here are the door's variables and the pairs that only make sense together. Shapes are looked at, values
//! are never repeated.

mod budget;
mod stripe;

use std::time::Duration;

use shared::env::Env;

use super::finding::Finding;
use super::web;
use crate::policy;

pub(super) use budget::budget;

/// Below, a pause of the machine or of Redis is enough to lose leases.
const LEASE_AT_LEAST: Duration = Duration::from_secs(10);

/// What the checks of the providers want to know besides the worker's configuration.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// `META_PHONE_NUMBER_ID`.
    pub(super) phone_number_id: Option<String>,
    /// `META_WABA_ID`, which only this tool reads.
    pub(super) waba_id: Option<String>,
    /// `META_OTP_TEMPLATE`.
    pub(super) otp_template: Option<String>,
    /// `TWILIO_WHATSAPP_FROM`.
    pub(super) twilio_from: Option<String>,
    /// `TWILIO_OTP_CONTENT_SID`.
    pub(super) otp_content: Option<String>,
    /// Where the world reaches the webhook, from `PUBLIC_URL`; no secret in it.
    pub(super) webhook: Option<String>,
    /// Where Stripe should call, from `PUBLIC_URL`.
    pub(super) stripe_webhook: Option<String>,
    /// Whether we take Stripe's events: `STRIPE_WEBHOOK_SECRET` is set.
    pub(super) takes_events: bool,
    /// The web app's address, `NEXTAUTH_URL`.
    pub(super) web_url: Option<String>,
    /// What the variables show by themselves.
    pub(super) findings: Vec<Finding>,
}

impl Settings {
    /// Reads and judges.
    pub(super) fn read(env: &Env) -> Self {
        let findings = [meta(env), twilio(env), stripe::judge(env)].into_iter().flatten().collect();
        Self {
            phone_number_id: env.text("META_PHONE_NUMBER_ID"),
            waba_id: env.text("META_WABA_ID"),
            otp_template: env.text("META_OTP_TEMPLATE"),
            twilio_from: env.text("TWILIO_WHATSAPP_FROM"),
            otp_content: env.text("TWILIO_OTP_CONTENT_SID"),
            webhook: env.text("PUBLIC_URL").map(|url| web::below(&url, web::WEBHOOK)),
            stripe_webhook: env.text("PUBLIC_URL").map(|url| web::below(&url, web::STRIPE_WEBHOOK)),
            takes_events: !env.secrets("STRIPE_WEBHOOK_SECRET").is_empty(),
            web_url: env.text("NEXTAUTH_URL"),
            findings,
        }
    }
}

/// Both sides of Meta: what verifies and what sends.
fn meta(env: &Env) -> Vec<Finding> {
    const NAME: &str = "meta settings";
    let set = |name: &str| env.text(name).is_some();
    let (token, secret) = (set("META_ACCESS_TOKEN"), set("META_APP_SECRET"));
    if !token && !secret && !set("META_VERIFY_TOKEN") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !secret {
        let advice = "set META_APP_SECRET for ingest (App Dashboard, Settings, Basic): it is the key of every webhook's \
                      signature, and ingest does not start without it";
        findings.push(Finding::failed(NAME, "META_APP_SECRET is not set, other META_ variables are", advice));
    }
    if !token {
        let advice =
            "set META_ACCESS_TOKEN for the workers: messages would come in and could not be answered";
        findings.push(Finding::failed(
            NAME,
            "META_ACCESS_TOKEN is not set, other META_ variables are",
            advice,
        ));
    }
    let secrets = env.text("META_APP_SECRET").unwrap_or_default();
    let mut secrets = secrets.split(',').map(str::trim).filter(|secret| !secret.is_empty());
    let hexadecimal = |secret: &str| secret.len() == 32 && secret.bytes().all(|b| b.is_ascii_hexdigit());
    if secrets.clone().any(|secret| env.text("META_VERIFY_TOKEN").as_deref() == Some(secret)) {
        let advice = "the signature's key is the app secret of the App Dashboard, never the verify token that you chose";
        findings.push(Finding::failed(NAME, "META_APP_SECRET is the same as META_VERIFY_TOKEN", advice));
    } else if !secrets.all(hexadecimal) {
        let found = "a META_APP_SECRET is not 32 hexadecimal digits, as Meta's are";
        findings.push(Finding::warning(NAME, found, "compare it with App Dashboard, Settings, Basic"));
    }
    if secret && !set("META_VERIFY_TOKEN") {
        let advice =
            "set it before you save the callback URL in the App Dashboard; running webhooks do not need it";
        findings.push(Finding::warning(NAME, "META_VERIFY_TOKEN is not set", advice));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, "secret, tokens and their shapes"));
    }
    findings
}

/// Twilio signs with the token that also sends, over an address that only the operator knows.
fn twilio(env: &Env) -> Vec<Finding> {
    const NAME: &str = "twilio settings";
    let (token, sid) = (env.text("TWILIO_AUTH_TOKEN"), env.text("TWILIO_ACCOUNT_SID"));
    if token.is_none() && sid.is_none() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if token.is_none() {
        let advice = "set TWILIO_AUTH_TOKEN for both services (Twilio Console, Account Info)";
        findings.push(Finding::failed(NAME, "TWILIO_ACCOUNT_SID is set, TWILIO_AUTH_TOKEN is not", advice));
    }
    let shaped = |sid: &str| {
        sid.strip_prefix("AC").is_some_and(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if sid.is_some_and(|sid| !shaped(&sid)) {
        let found = "TWILIO_ACCOUNT_SID is not AC and 32 hexadecimal digits";
        findings.push(Finding::warning(
            NAME,
            found,
            "an API key (SK…) is not an account: take the Account SID",
        ));
    }
    let advice = "set PUBLIC_URL for both services to the https address that Twilio is configured with: it is part of \
                  what Twilio signs";
    match env.text("PUBLIC_URL") {
        None => findings.push(Finding::failed(NAME, "PUBLIC_URL is not set", advice)),
        Some(url) if !url.starts_with("https://") => {
            findings.push(Finding::failed(NAME, "PUBLIC_URL does not begin with https://", advice));
        }
        Some(_) => {}
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, "account, token and public address, and their shapes"));
    }
    findings
}

/// How long the messages of a dead worker wait, against how long a living one may be silent.
pub(super) fn lease(lease: Duration) -> Finding {
    const NAME: &str = "lease";
    let found = format!("LEASE_SECONDS {}", lease.as_secs());
    if lease < LEASE_AT_LEAST {
        let advice = "30 is well tried: a lease is renewed while its worker lives, and a pause of some seconds would \
                      hand its messages to another";
        Finding::warning(NAME, found, advice)
    } else if lease > policy::JOB_TIMEOUT {
        let advice = format!(
            "30 is well tried: the messages of a worker that died wait this long, and no message is worked on for more \
             than {} s",
            policy::JOB_TIMEOUT.as_secs()
        );
        Finding::warning(NAME, found, advice)
    } else {
        Finding::ok(NAME, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn worst(pairs: &[(&str, &str)]) -> Vec<(Verdict, String)> {
        let env = Env::from_values(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect());
        let findings = Settings::read(&env).findings;
        assert!(!format!("{findings:?}").contains("s3cret"), "{findings:?}");
        findings.into_iter().map(|finding| (finding.verdict, finding.found)).collect()
    }

    #[test]
    fn a_provider_that_is_not_used_is_not_complained_about() {
        assert_eq!(worst(&[]), []);
    }

    #[test]
    fn halves_of_a_pair_are_found() {
        for (pairs, missing) in [
            (vec![("META_ACCESS_TOKEN", "s3cret")], "META_APP_SECRET is not set"),
            (vec![("META_APP_SECRET", "s3cret")], "META_ACCESS_TOKEN is not set"),
            (
                vec![("META_APP_SECRET", "s3cret"), ("META_VERIFY_TOKEN", "s3cret")],
                "same as META_VERIFY_TOKEN",
            ),
            (vec![("TWILIO_ACCOUNT_SID", "AC1")], "TWILIO_AUTH_TOKEN is not"),
            (vec![("TWILIO_AUTH_TOKEN", "s3cret")], "PUBLIC_URL is not set"),
            (vec![("TWILIO_AUTH_TOKEN", "s3cret"), ("PUBLIC_URL", "http://a.example")], "https://"),
        ] {
            let found = worst(&pairs);
            assert!(
                found.iter().any(|(v, text)| *v == Verdict::Failed && text.contains(missing)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_lease_is_neither_a_blink_nor_an_hour() {
        assert_eq!(lease(Duration::from_secs(1)).verdict, Verdict::Warning);
        assert_eq!(lease(Duration::from_secs(30)).verdict, Verdict::Ok);
        assert_eq!(lease(Duration::from_hours(1)).verdict, Verdict::Warning);
    }
}
