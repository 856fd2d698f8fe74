//! Judges the endpoints that an account has at Stripe: which one is ours, whether it is told what it must be told, and
//! whether the web app is told the same. Talks to nobody.

use serde_json::Value;
use shared::payment::EVENTS;

use super::WEBHOOK;
use crate::doctor::finding::Finding;
use crate::doctor::web;

/// One endpoint, as far as it matters.
struct Endpoint<'a> {
    /// Without what may be secret in it.
    url: String,
    enabled: bool,
    events: Vec<&'a str>,
}

impl<'a> Endpoint<'a> {
    fn read(endpoint: &'a Value) -> Self {
        let url = web::shown(endpoint["url"].as_str().unwrap_or_default());
        let events = endpoint["enabled_events"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Self {
            url: url.trim_end_matches('/').to_owned(),
            enabled: endpoint["status"] == "enabled",
            events: events.collect(),
        }
    }

    /// What it should be told, and is not.
    fn missing(&self) -> Vec<&'static str> {
        let told = |event: &&str| self.events.iter().any(|known| known == event || *known == "*");
        EVENTS.iter().filter(|event| !told(event)).copied().collect()
    }

    fn is_at(&self, url: Option<&str>) -> bool {
        url.is_some_and(|url| self.url == url)
    }

    fn is_on_host_of(&self, url: Option<&str>) -> bool {
        url.is_some_and(|url| web::host(&self.url) == web::host(url))
    }
}

/// Judges all of them. `ours` is where Stripe should call, as far as that is known; `web` is the web app.
pub(super) fn judge(endpoints: &[Value], ours: Option<&str>, web: Option<&str>) -> Vec<Finding> {
    let known: Vec<Endpoint<'_>> = endpoints.iter().map(Endpoint::read).collect();
    // The web app may take Stripe's events at a path of the same name.
    let is_theirs =
        |endpoint: &Endpoint<'_>| ours.is_some() && !endpoint.is_at(ours) && endpoint.is_on_host_of(web);
    let possible = known
        .iter()
        .enumerate()
        .filter(|(_, endpoint)| endpoint.url.ends_with(web::STRIPE_WEBHOOK) && !is_theirs(endpoint));
    let nearest = possible.min_by_key(|(_, endpoint)| {
        (!endpoint.is_at(ours), endpoint.is_on_host_of(web), !endpoint.enabled, endpoint.missing().len())
    });
    let Some((index, nearest)) = nearest else {
        let place = ours.map_or_else(|| format!("https://YOUR.HOST{}", web::STRIPE_WEBHOOK), str::to_owned);
        let advice =
            format!("add {place} in the Dashboard (Workbench, Webhooks), with {}", EVENTS.join(", "));
        let found = "no endpoint of the account leads here: who pays is not credited";
        return vec![Finding::failed(WEBHOOK, found, advice)];
    };
    let second = known.iter().enumerate().find(|(other, endpoint)| {
        *other != index
            && endpoint.is_on_host_of(web)
            && endpoint.enabled
            && !endpoint.missing().contains(&EVENTS[0])
    });
    let twice = second.map(|(_, endpoint)| {
        let advice = "make sure that the web app does not credit what we credit: only one of the two may. If it does, \
                      disable its endpoint, or unset STRIPE_WEBHOOK_SECRET here";
        Finding::warning("stripe credits", format!("the web app is told of payments too, at {}", endpoint.url), advice)
    });
    [state(nearest, ours)].into_iter().chain(twice).collect()
}

fn state(endpoint: &Endpoint<'_>, ours: Option<&str>) -> Finding {
    let (url, missing) = (&endpoint.url, endpoint.missing());
    if !endpoint.enabled {
        let advice =
            "enable it in the Dashboard (Workbench, Webhooks): Stripe disables one that fails for days";
        return Finding::failed(WEBHOOK, format!("{url} is disabled: who pays is not credited"), advice);
    }
    if !missing.is_empty() {
        let found = format!("{url} is not told of {}", missing.join(", "));
        let advice = "add these events to the endpoint in the Dashboard (Workbench, Webhooks)";
        return if missing.iter().any(|event| event.starts_with("checkout.")) {
            Finding::failed(WEBHOOK, format!("{found}: payments get lost"), advice)
        } else {
            Finding::warning(WEBHOOK, format!("{found}: who is paid back keeps credits"), advice)
        };
    }
    match ours {
        Some(ours) if ours != url => {
            let advice = format!("if that is not this installation, change the endpoint's address to {ours}");
            Finding::warning(WEBHOOK, format!("Stripe calls {url}, PUBLIC_URL says {ours}"), advice)
        }
        _ => Finding::ok(WEBHOOK, format!("Stripe calls {url}, with every event that is acted upon")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Verdict;
    use super::*;

    const OURS: &str = "https://hooks.example/api/stripe/webhook";
    const THEIRS: &str = "https://postly.example/api/stripe/webhook";

    fn endpoint(url: &str, events: &[&str]) -> Value {
        json!({"url": url, "status": "enabled", "enabled_events": events})
    }

    /// Each finding's verdict, and whether its words have this part.
    fn judged(endpoints: &[Value], ours: Option<&str>, part: &str) -> Vec<Verdict> {
        let findings = judge(endpoints, ours, Some("https://postly.example/"));
        assert!(findings.iter().any(|finding| finding.found.contains(part)), "{part} is not in {findings:?}");
        assert!(!format!("{findings:?}").contains("s3cret"), "{findings:?}");
        findings.iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn ours_is_known_by_its_address_or_by_its_path() {
        let all = [
            endpoint("https://elsewhere.example/a", &["*"]),
            endpoint(&format!("{OURS}?key=s3cret"), &EVENTS),
        ];
        assert_eq!(judged(&all, Some(OURS), "every event"), [Verdict::Ok]);
        assert_eq!(judged(&all, None, "every event"), [Verdict::Ok]);
        assert_eq!(judged(&all[..1], None, "no endpoint"), [Verdict::Failed]);
        assert_eq!(
            judged(&all, Some("https://new.example/api/stripe/webhook"), "PUBLIC_URL says"),
            [Verdict::Warning]
        );
    }

    #[test]
    fn what_an_endpoint_is_not_told_is_named() {
        let without = |gone: &[&str]| {
            let events: Vec<&str> = EVENTS.iter().filter(|event| !gone.contains(event)).copied().collect();
            [endpoint(OURS, &events)]
        };
        let refund = without(&["refund.failed"]);
        assert_eq!(judged(&refund, Some(OURS), "not told of refund.failed:"), [Verdict::Warning]);
        let checkout = without(&["refund.failed", "checkout.session.completed"]);
        assert_eq!(
            judged(&checkout, Some(OURS), "checkout.session.completed, refund.failed"),
            [Verdict::Failed]
        );
        let mut disabled = endpoint(OURS, &["*"]);
        disabled["status"] = json!("disabled");
        assert_eq!(judged(&[disabled], Some(OURS), "disabled"), [Verdict::Failed]);
    }

    #[test]
    fn the_web_apps_endpoint_is_not_ours_and_must_not_credit_as_well() {
        let both = [endpoint(THEIRS, &["checkout.session.completed"]), endpoint(OURS, &["*"])];
        assert_eq!(judged(&both, Some(OURS), THEIRS), [Verdict::Ok, Verdict::Warning]);
        assert_eq!(judged(&both[..1], Some(OURS), "no endpoint"), [Verdict::Failed]);
        // Behind one host, with a proxy that leads this path here.
        let proxied = [endpoint(THEIRS, &["*"])];
        assert_eq!(judged(&proxied, Some(THEIRS), "every event"), [Verdict::Ok]);
        let other = [endpoint("https://postly.example/hooks", &["invoice.paid"]), endpoint(OURS, &["*"])];
        assert_eq!(judged(&other, Some(OURS), "every event"), [Verdict::Ok]);
    }
}
