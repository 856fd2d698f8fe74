//! What the door has counted, read where its operators read it: so that the page tells what happened to a webhook
//! and not what should have.

use shared::message::Provider;

/// How many of this provider's events were known already, by the door's own metrics. `None`: it did not say.
pub(super) async fn duplicates(admin_url: &str, provider: Provider) -> Option<u64> {
    let answer = reqwest::get(format!("{admin_url}/metrics")).await.ok()?;
    let text = answer.error_for_status().ok()?.text().await.ok()?;
    Some(counted(&text, provider))
}

fn counted(metrics: &str, provider: Provider) -> u64 {
    let provider = format!("provider=\"{}\"", provider.as_str());
    metrics
        .lines()
        .filter(|line| line.starts_with("postly_webhook_events_total{"))
        .filter(|line| line.contains(&provider) && line.contains("outcome=\"duplicate\""))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_providers_duplicates_count() {
        let metrics = "# TYPE postly_webhook_events_total counter\n\
                       postly_webhook_events_total{provider=\"meta\",outcome=\"duplicate\"} 3\n\
                       postly_webhook_events_total{provider=\"meta\",outcome=\"spilled\"} 5\n\
                       postly_webhook_events_total{provider=\"twilio\",outcome=\"duplicate\"} 7\n";
        assert_eq!(counted(metrics, Provider::Meta), 3);
        assert_eq!(counted(metrics, Provider::Twilio), 7);
        assert_eq!(counted("", Provider::Meta), 0);
    }
}
