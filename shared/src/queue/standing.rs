//! What an SRE asks of the queue's server beyond its depth: whether it keeps what was acknowledged, and which numbers wait for
//! their operator.

use std::collections::BTreeMap;

use metrics::gauge;

use super::{Queue, QueueError, key};
use crate::message::Provider;

/// A look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whether every acknowledged message outlives the server: it writes each command to disk before it answers, and
    /// never throws anything away. `None`: its settings are not shown to us, as managed servers do.
    pub durable: Option<bool>,
    /// How many numbers of each provider are paused, in the order of [`Provider::ALL`].
    pub paused: [u64; 2],
}

impl Queue {
    /// Looks. Two calls of constant cost.
    pub async fn standing(&self) -> Result<Standing, QueueError> {
        let mut connection = self.connection.clone();
        let mut ask = redis::cmd("CONFIG");
        ask.arg("GET").arg(&["appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy"]);
        let settings: Result<BTreeMap<String, String>, _> = ask.query_async(&mut connection).await;
        let durable = match settings {
            Ok(settings) => durable(&settings),
            // Away is an error of the look; forbidden is not.
            Err(error) if error.is_io_error() || error.is_timeout() => return Err(error.into()),
            Err(_) => None,
        };
        let members: Vec<String> =
            self.scripts.paused.key(key("pace:holds")).invoke_async(&mut connection).await?;
        let count = |provider: Provider| {
            members.iter().filter(|member| member.starts_with(&format!("{provider}:"))).count() as u64
        };
        Ok(Standing { durable, paused: Provider::ALL.map(count) })
    }
}

/// Whether a server that is set like this keeps whatever it has acknowledged. `None`: a setting is not shown.
#[must_use]
pub fn durable(settings: &BTreeMap<String, String>) -> Option<bool> {
    let is = |name: &str, wanted: &str| settings.get(name).map(|value| value == wanted);
    Some(
        is("appendonly", "yes")?
            && is("appendfsync", "always")?
            && is("no-appendfsync-on-rewrite", "no")?
            && is("maxmemory-policy", "noeviction")?,
    )
}

impl Standing {
    /// Sets the gauges that operators watch; not a number is what could not be read now.
    #[expect(clippy::cast_precision_loss, reason = "a handful of numbers")]
    pub fn publish(standing: Option<&Self>) {
        let durable = standing.and_then(|standing| standing.durable);
        gauge!("postly_queue_durable").set(durable.map_or(f64::NAN, |durable| f64::from(u8::from(durable))));
        for (place, provider) in Provider::ALL.into_iter().enumerate() {
            let count = standing.map_or(f64::NAN, |standing| standing.paused[place] as f64);
            gauge!("postly_numbers_paused", "provider" => provider.as_str()).set(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_setting_is_enough_to_lose_messages() {
        let good = [
            ("appendonly", "yes"),
            ("appendfsync", "always"),
            ("no-appendfsync-on-rewrite", "no"),
            ("maxmemory-policy", "noeviction"),
        ];
        let settings = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        assert_eq!(durable(&settings(&good)), Some(true));
        for place in 0..good.len() {
            let mut worse = good;
            worse[place].1 = "otherwise";
            assert_eq!(durable(&settings(&worse)), Some(false), "{}", good[place].0);
            assert_eq!(durable(&settings(&good[..place])), None, "what is not shown is not known");
        }
    }
}
