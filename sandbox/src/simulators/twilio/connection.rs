//! Connection overrides: how often Twilio tries an inbound webhook, written in the fragment of its URL.
//!
//! Without them there is one retry, and only when the connection failed: an answer of 500 loses the webhook.
//! Source: Twilio's page on connection overrides (`rc` 0 to 5, `rp` a list of `4xx`, `5xx`, `ct`, `rt`, `all`).

use std::time::Duration;

use super::super::courier::{Persistence, Trouble};

/// Most retries that can be configured.
const MOST: u32 = 5;

/// The persistence that a configured webhook URL asks for.
#[must_use]
pub fn overrides(url: &str) -> Persistence {
    let fragment = url.split_once('#').map_or("", |(_, fragment)| fragment);
    let field = |name: &str| {
        let pairs = fragment.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next_back()
    };
    let retries = field("rc").and_then(|count| count.parse().ok()).unwrap_or(1).min(MOST);
    let mut after = Vec::new();
    for reason in field("rp").unwrap_or("ct").split(',') {
        match reason {
            "ct" => after.push(Trouble::Connect),
            "rt" => after.push(Trouble::NoAnswer),
            "4xx" => after.push(Trouble::ClientError),
            "5xx" => after.push(Trouble::ServerError),
            "all" => after.extend([
                Trouble::Connect,
                Trouble::NoAnswer,
                Trouble::ClientError,
                Trouble::ServerError,
            ]),
            _ => {}
        }
    }
    Persistence { tries: retries + 1, pause: Duration::ZERO, after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_only_a_failed_connection_is_tried_again() {
        let persistence = overrides("https://hooks.postly.example/in");
        assert_eq!((persistence.tries, persistence.after), (2, vec![Trouble::Connect]));
    }

    #[test]
    fn the_fragment_decides() {
        let persistence = overrides("https://hooks.postly.example/in#rc=9&rp=5xx,rt");
        assert_eq!(
            (persistence.tries, persistence.after),
            (6, vec![Trouble::ServerError, Trouble::NoAnswer])
        );
    }
}
