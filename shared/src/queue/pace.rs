//! When a message of ours may leave: the paces that WhatsApp asks for, and the pause of a number whose operator is
//! needed. In Redis, so that all workers keep them together; each key expires by itself, and each send asks once.
//!
//! Nothing here is a truth. Without Redis the provider's own limits remain, and their refusals are understood.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Queue, QueueError, key};
use crate::message::{Address, Provider, short};
use crate::vault::Vault;

/// How fast messages may leave.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two messages to one person; zero: no matter.
    pub pair_every: Duration,
    /// How many may go to one person at once, borrowed from later.
    pub pair_burst: u32,
    /// Between two messages of the whole number.
    pub number_every: Duration,
    /// How many of the whole number may go at once.
    pub number_burst: u32,
    /// A wait that is worth being spent with the turn taken: anything longer is better spent elsewhere.
    pub worth: Duration,
    /// How long the probe of a paused number may take before another is sent.
    pub probe: Duration,
}

/// From which of our numbers to whom.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// Who carries it.
    pub provider: Provider,
    /// Our number.
    pub business: &'a str,
    /// The person's address.
    pub address: &'a Address,
}

/// What a message that wants to leave is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Turn {
    /// It is counted: it may go after this long, which is short.
    Go {
        /// How long to wait first.
        after: Duration,
        /// It is the first after a pause: all others wait until it is known how it went ([`Queue::hold`],
        /// [`Queue::release`]).
        probe: bool,
    },
    /// It is not counted: ask again after this long.
    Later {
        /// How long.
        after: Duration,
        /// What is in the way.
        hold: Hold,
    },
}

/// What is in the way of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The number is paused for its operator.
    Paused,
    /// Its person has been sent as much as WhatsApp allows by now.
    Pair,
    /// The number has sent as much as it may.
    Number,
}

impl Hold {
    /// The word in labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Pair => "pair",
            Self::Number => "number",
        }
    }
}

impl Route<'_> {
    /// Our number's.
    fn name(&self) -> String {
        format!("{}:{}", self.provider, short(self.business))
    }

    fn number(&self, kind: &str) -> String {
        key(&format!("pace:{kind}:{}", self.name()))
    }

    /// By a digest: a key that outlives its message names nobody. Under a key, where there is one: numbers are few enough to
    /// try them all.
    fn pair(&self, vault: Option<&Vault>) -> String {
        let who = format!("{}\n{}\n{}", self.provider, self.business, self.address.as_str());
        let digest = match vault {
            Some(vault) => vault.who(&who),
            None => hex::encode(&Sha256::digest(who.as_bytes())[..16]),
        };
        key(&format!("pace:pair:{digest}"))
    }
}

impl Queue {
    /// Asks for the turn of a message, in one call of constant cost. `message`: by which its reports name it.
    pub async fn turn(&self, route: Route<'_>, message: i64, pace: &Pace) -> Result<Turn, QueueError> {
        let mut connection = self.connection.clone();
        let mut call = self.scripts.pace.prepare_invoke();
        call.key(route.number("held")).key(route.pair(self.vault())).key(route.number("number"));
        call.arg(micros(pace.pair_every)).arg(pace.pair_burst);
        call.arg(micros(pace.number_every)).arg(pace.number_burst);
        call.arg(micros(pace.worth)).arg(micros(pace.probe)).arg(message);
        let (go, wait, hold): (u8, u64, u8) = call.invoke_async(&mut connection).await?;
        let after = Duration::from_micros(wait);
        Ok(match (go, hold) {
            (0, 1) => Turn::Later { after, hold: Hold::Paused },
            (0, 2) => Turn::Later { after, hold: Hold::Pair },
            (0, _) => Turn::Later { after, hold: Hold::Number },
            (go, _) => Turn::Go { after, probe: go == 2 },
        })
    }

    /// The provider found that this person is sent too much: nothing more goes there for this long.
    pub async fn crowded_pair(
        &self,
        route: Route<'_>,
        pace: &Pace,
        wait: Duration,
    ) -> Result<(), QueueError> {
        self.crowded(route.pair(self.vault()), wait + pace.pair_every * pace.pair_burst.saturating_sub(1))
            .await
    }

    /// The provider found that the whole number sends too much: nothing more leaves for this long.
    pub async fn crowded_number(
        &self,
        route: Route<'_>,
        pace: &Pace,
        wait: Duration,
    ) -> Result<(), QueueError> {
        self.crowded(route.number("number"), wait + pace.number_every * pace.number_burst.saturating_sub(1))
            .await
    }

    async fn crowded(&self, key: String, by: Duration) -> Result<(), QueueError> {
        let mut connection = self.connection.clone();
        self.scripts.crowd.key(key).arg(micros(by)).invoke_async::<()>(&mut connection).await?;
        Ok(())
    }

    /// Lets nothing more leave from a number for this long; after it one message probes. `late`: only a report told of
    /// the trouble, so that only a report can tell of its end. `false`: it was paused already.
    pub async fn hold(&self, route: Route<'_>, pause: Duration, late: bool) -> Result<bool, QueueError> {
        let mut connection = self.connection.clone();
        let mut call = self.scripts.hold.prepare_invoke();
        call.key(route.number("held")).key(key("pace:holds"));
        call.arg(micros(pause)).arg(u8::from(late)).arg(route.name());
        Ok(call.invoke_async(&mut connection).await?)
    }

    /// A message has gone well: it was taken, or (`arrived`) has been seen to go on. `true`: it was the probe of this pause,
    /// and everything may leave again.
    pub async fn release(&self, route: Route<'_>, message: i64, arrived: bool) -> Result<bool, QueueError> {
        let mut connection = self.connection.clone();
        let mut call = self.scripts.release.prepare_invoke();
        call.key(route.number("held")).key(key("pace:holds"));
        call.arg(u8::from(arrived)).arg(message).arg(route.name());
        Ok(call.invoke_async(&mut connection).await?)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
