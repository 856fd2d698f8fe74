//! The variables of the shop, together: selling and crediting are two processes, each of which works without the other.

use shared::env::Env;

use crate::doctor::finding::Finding;
use crate::doctor::web;

const NAME: &str = "stripe settings";

/// Judges them. Nothing is told of a shop that nobody wants.
pub(super) fn judge(env: &Env) -> Vec<Finding> {
    let (key, secrets) = (env.text("STRIPE_SECRET_KEY"), env.text("STRIPE_WEBHOOK_SECRET"));
    let mut findings = Vec::new();
    match (&key, &secrets) {
        (None, None) => return findings,
        (Some(_), None) => {
            let found = "STRIPE_SECRET_KEY is set, STRIPE_WEBHOOK_SECRET is not: people would pay and never be \
                         credited, unless the web app owns the webhook";
            let advice = "set STRIPE_WEBHOOK_SECRET for ingest, or make sure that the web app credits what is bought in \
                          the chat: only one of the two may";
            findings.push(Finding::warning(NAME, found, advice));
        }
        (_, Some(secrets)) => findings.extend(signing(secrets)),
    }
    if let Some(key) = &key {
        findings.extend(shape(key));
        findings.extend(mode(env, key));
        findings.extend(way_back(env, key));
    }
    if findings.is_empty() {
        findings.push(if key.is_some() {
            Finding::ok(NAME, "key, webhook's secret and the way back, and their shapes")
        } else {
            Finding::ok(
                NAME,
                "we credit what is paid, and sell nothing in the chat: STRIPE_SECRET_KEY is not set",
            )
        });
    }
    findings
}

/// Every endpoint has a secret of its own.
fn signing(secrets: &str) -> Option<Finding> {
    let mut secrets = secrets.split(',').map(str::trim).filter(|secret| !secret.is_empty());
    secrets.any(|secret| !secret.starts_with("whsec_")).then(|| {
        let advice = "take it from the endpoint's page in the Dashboard (Workbench, Webhooks), with its whsec_: with \
                      another one, every event is refused";
        Finding::failed(NAME, "a STRIPE_WEBHOOK_SECRET does not begin with whsec_", advice)
    })
}

fn shape(key: &str) -> Option<Finding> {
    let advice = "take the secret key from the Dashboard, Developers, API keys";
    if key.starts_with("pk_") {
        let found = "STRIPE_SECRET_KEY is a publishable key: it sells nothing";
        return Some(Finding::failed(NAME, found, advice));
    }
    if key.starts_with("rk_") {
        let found = "STRIPE_SECRET_KEY is a restricted key: whether it may open Checkout Sessions shows when somebody \
                     buys";
        let advice = "give it Checkout Sessions: write, and Prices: read; with Webhook Endpoints: read, the webhook can \
                      be checked as well";
        return Some(Finding::not_checked(NAME, found, advice));
    }
    (!key.starts_with("sk_")).then(|| {
        Finding::warning(NAME, "STRIPE_SECRET_KEY does not begin with sk_ or rk_, as Stripe's do", advice)
    })
}

/// Whether money is as real as the people and the till are.
fn mode(env: &Env, key: &str) -> Option<Finding> {
    let test = is_of(key, "test_");
    if !test && !is_of(key, "live_") {
        return None;
    }
    let at = |name: &str, host: &str| env.text(name).is_none_or(|url| web::host(&url) == host);
    let set = |name: &str| env.text(name).is_some();
    let real = set("META_ACCESS_TOKEN") && at("META_GRAPH_URL", "graph.facebook.com")
        || set("TWILIO_AUTH_TOKEN") && at("TWILIO_API_URL", "api.twilio.com");
    if test && real {
        let found = "STRIPE_SECRET_KEY is a test key, and people come through a real provider: whoever knows a test \
                     card's number is credited for nothing";
        let advice = "before others than you come, set the live key, and the secret of the live endpoint";
        return Some(Finding::warning(NAME, found, advice));
    }
    if !test && !at("STRIPE_API_URL", "api.stripe.com") {
        let advice = "unset STRIPE_API_URL, or use a test key";
        let found = "a live STRIPE_SECRET_KEY is shown to an address that is not Stripe's (STRIPE_API_URL)";
        return Some(Finding::warning(NAME, found, advice));
    }
    (!test && !real).then(|| {
        let found = "STRIPE_SECRET_KEY is a live key, and no provider is the real one: whoever buys pays with real money";
        Finding::warning(NAME, found, "use a test key where META_GRAPH_URL or TWILIO_API_URL lead elsewhere")
    })
}

fn is_of(key: &str, mode: &str) -> bool {
    ["sk_", "rk_"].iter().any(|kind| key.strip_prefix(kind).is_some_and(|rest| rest.starts_with(mode)))
}

/// Where a browser goes after the page. That there is one at all is seen to by the reader.
fn way_back(env: &Env, key: &str) -> Option<Finding> {
    let url = env.text("NEXTAUTH_URL")?;
    let host = web::host(&url);
    let here = ["localhost", "127.0.0.1"].contains(&host.split(':').next().unwrap_or_default());
    if here && is_of(key, "live_") {
        let advice = "set it to the web app's public https address";
        let found = "NEXTAUTH_URL is this machine: who has paid is led to their own";
        return Some(Finding::warning(NAME, found, advice));
    }
    (url.starts_with("http://") && !here).then(|| {
        let advice = "set it to the web app's https address: who has paid is led there";
        Finding::warning(NAME, "NEXTAUTH_URL does not begin with https://", advice)
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::Verdict;
    use super::*;

    const WELL: [(&str, &str); 4] = [
        ("STRIPE_SECRET_KEY", "sk_live_s3cret"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_s3cret, whsec_s3cret2"),
        ("NEXTAUTH_URL", "https://postly.example"),
        ("META_ACCESS_TOKEN", "s3cret"),
    ];

    /// What is found with these variables instead of those that are well; an empty one is not set.
    fn found(pairs: &[(&str, &str)]) -> Vec<(Verdict, String)> {
        let both = WELL.iter().chain(pairs);
        let findings = judge(&Env::from_values(both.map(|(k, v)| ((*k).into(), (*v).into())).collect()));
        assert!(!format!("{findings:?}").contains("s3cret"), "{findings:?}");
        findings.into_iter().map(|finding| (finding.verdict, finding.found)).collect()
    }

    #[test]
    fn a_shop_that_is_well_and_one_that_nobody_wants_are_not_complained_about() {
        assert!(matches!(found(&[]).as_slice(), [(Verdict::Ok, _)]));
        assert_eq!(found(&[("STRIPE_SECRET_KEY", ""), ("STRIPE_WEBHOOK_SECRET", "")]), []);
        let credits_only = found(&[("STRIPE_SECRET_KEY", "")]);
        assert!(
            matches!(credits_only.as_slice(), [(Verdict::Ok, text)] if text.contains("sell nothing")),
            "{credits_only:?}"
        );
        for url in ["http://localhost:3000", "http://127.0.0.1"] {
            let test = [
                ("STRIPE_SECRET_KEY", "sk_test_s3cret"),
                ("META_GRAPH_URL", "http://127.0.0.1:1"),
                ("STRIPE_API_URL", "http://127.0.0.1:2"),
                ("NEXTAUTH_URL", url),
            ];
            assert!(matches!(found(&test).as_slice(), [(Verdict::Ok, _)]), "{url}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_told() {
        use Verdict::{Failed, NotChecked, Warning};
        let local = ("META_GRAPH_URL", "http://127.0.0.1:1");
        for (pairs, verdict, part) in [
            (vec![("STRIPE_WEBHOOK_SECRET", "")], Warning, "pay and never be credited, unless the web app"),
            (vec![("STRIPE_WEBHOOK_SECRET", "whsec_s3cret,s3cret")], Failed, "whsec_"),
            (vec![("STRIPE_SECRET_KEY", "pk_live_s3cret")], Failed, "publishable"),
            (vec![("STRIPE_SECRET_KEY", "rk_live_s3cret")], NotChecked, "restricted"),
            (vec![("STRIPE_SECRET_KEY", "s3cret")], Warning, "sk_ or rk_"),
            (vec![("STRIPE_SECRET_KEY", "sk_test_s3cret")], Warning, "a test key"),
            (vec![local], Warning, "no provider is the real one"),
            (vec![("STRIPE_API_URL", "https://s3cret@till.example")], Warning, "not Stripe's"),
            (vec![("NEXTAUTH_URL", "http://postly.example")], Warning, "https://"),
            (vec![("NEXTAUTH_URL", "http://localhost.evil.example")], Warning, "https://"),
            (vec![("NEXTAUTH_URL", "http://localhost:3000")], Warning, "this machine"),
        ] {
            let found = found(&pairs);
            let [(seen, text)] = found.as_slice() else { panic!("{pairs:?}: {found:?}") };
            assert!(*seen == verdict && text.contains(part), "{pairs:?}: {found:?}");
        }
    }

    #[test]
    fn twilio_is_as_real_a_provider_as_meta() {
        let twilio = [("META_ACCESS_TOKEN", ""), ("TWILIO_AUTH_TOKEN", "s3cret")];
        assert!(matches!(found(&twilio).as_slice(), [(Verdict::Ok, _)]));
        let trial = [twilio.as_slice(), &[("STRIPE_SECRET_KEY", "sk_test_s3cret")]].concat();
        assert!(
            matches!(found(&trial).as_slice(), [(Verdict::Warning, text)] if text.contains("a test key"))
        );
    }
}
