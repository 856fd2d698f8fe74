//! `OpenAI`'s chat completions and transcriptions, as far as this product meets them.
//!
//! [`request`] and [`schema`] refuse what the real API refuses; `answer` writes a completion from the schema
//! that was asked for, never from a guess about which step of a pipeline is calling; [`brief`] and [`posts`] are
//! its modest imagination. The same request always gets the same words. Sources: the official client's types and
//! the error table of November 2026.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clock::Clock;
use super::faults::Faults;
use super::journal::Journal;
use super::life::{Door, Life};
use super::watched::{TimedOut, Watched};

mod answer;
pub mod api;
pub mod brief;
pub mod calls;
pub mod errors;
mod moderation;
pub mod posts;
pub mod request;
pub mod schema;
#[cfg(test)]
mod tests;
mod transcription;

pub use calls::Call;
pub use errors::OpenAiFault;
pub use request::Model;
pub use transcription::Transcription;

use calls::{Calls, Gate};

/// Our account at `OpenAI`. The configuration of the product carries the same values.
#[derive(Debug, Clone)]
pub struct OpenAiOptions {
    /// The only bearer key that is accepted.
    pub api_key: String,
    /// The models on offer; [`Model::current`] has those of November 2026.
    pub models: Vec<Model>,
}

/// A running simulator. Clones are the same simulator; it serves until [`OpenAi::stop`] or the runtime's end.
#[derive(Clone)]
pub struct OpenAi(Arc<Room>);

struct Room {
    keys: Watched<Vec<String>>,
    models: Watched<Vec<Model>>,
    url: String,
    clock: Clock,
    life: Life,
    journal: Journal,
    faults: Faults<OpenAiFault>,
    hopeless: Watched<Vec<(String, OpenAiFault)>>,
    tedious: Watched<Vec<(String, Duration)>>,
    moderation: Watched<moderation::Moderation>,
    gullible: AtomicBool,
    calls: Watched<Calls>,
    transcriptions: Watched<Vec<Transcription>>,
}

impl OpenAi {
    /// Opens the simulator on a free port.
    pub async fn start(options: OpenAiOptions) -> io::Result<Self> {
        let door = Door::open().await?;
        let clock = Clock::default();
        let openai = Self(Arc::new(Room {
            keys: Watched::new(vec![options.api_key]),
            models: Watched::new(options.models),
            url: format!("{}/v1", door.url()),
            journal: Journal::new(clock.clone()),
            clock,
            life: Life::default(),
            faults: Faults::default(),
            hopeless: Watched::new(Vec::new()),
            tedious: Watched::new(Vec::new()),
            moderation: Watched::new(moderation::Moderation::default()),
            gullible: AtomicBool::new(false),
            calls: Watched::new(Calls::default()),
            transcriptions: Watched::new(Vec::new()),
        }));
        openai.0.life.serve(door, api::routes(&openai));
        Ok(openai)
    }

    /// The base URL, which ends in `/v1`, for `OPENAI_BASE_URL`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.0.url
    }

    /// Ends it; the port refuses connections afterwards, and calls that are held are cut.
    pub async fn stop(&self) {
        self.0.life.stop().await;
    }

    /// The time that dates calls and completions.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Every request, oldest first.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// One more key of the account, so that calls tell by whom they were made.
    #[must_use]
    pub fn issues_key(&self, name: &str) -> String {
        let key = format!("sk-sandbox-{name}");
        self.0.keys.change(|keys| keys.push(key.clone()));
        key
    }

    /// Changes what is on offer, for instance when a model is shut down.
    pub fn models(&self, models: Vec<Model>) {
        self.0.models.change(|known| *known = models);
    }

    /// Every chat completion that was asked for, also the refused and the unanswered ones, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.0.calls.read(|calls| calls.made.clone())
    }

    /// When calls arrived that were refused, and with which status, oldest first.
    #[must_use]
    pub fn refusals(&self) -> Vec<(DateTime<Utc>, u16)> {
        let refused =
            |call: &Call| call.status.filter(|status| *status >= 400).map(|status| (call.at, status));
        self.0.calls.read(|calls| calls.made.iter().filter_map(refused).collect())
    }

    /// The keys of those who wait for an answer to a request with this word at the moment, as far as the latest `among`
    /// calls tell.
    #[must_use]
    pub fn waiting(&self, among: usize, word: &str) -> Vec<String> {
        self.0.calls.read(|calls| {
            let latest = calls.made.iter().rev().take(among);
            let waits = |call: &&calls::Call| call.status.is_none() && call.user_text.contains(word);
            latest.filter(waits).map(|call| call.key.clone()).collect()
        })
    }

    /// Waits until `n` calls in all have arrived (they may still be held), and returns all of them.
    pub async fn wait_calls(&self, n: usize, within: Duration) -> Result<Vec<Call>, TimedOut> {
        let enough = |calls: &Calls| (calls.made.len() >= n).then(|| calls.made.clone());
        self.0.calls.until(within, format!("{n} calls of the model"), enough).await
    }

    /// Waits until `n` calls with this schema have arrived.
    pub async fn wait_calls_of(
        &self,
        schema: &str,
        n: usize,
        within: Duration,
    ) -> Result<Vec<Call>, TimedOut> {
        let enough = |calls: &Calls| {
            let of_schema = calls.made.iter().filter(|call| call.schema_name.as_deref() == Some(schema));
            let made: Vec<Call> = of_schema.cloned().collect();
            (made.len() >= n).then_some(made)
        };
        self.0.calls.until(within, format!("{n} calls with schema {schema}"), enough).await
    }

    /// Believes from now on whatever a brief says: who asks for its orders gets them as posts.
    pub fn believes_everything(&self) {
        self.0.gullible.store(true, Ordering::Relaxed);
    }

    /// Whether there is a moderation, as a compatible server has none.
    pub fn offers_moderation(&self, offers: bool) {
        self.0.moderation.change(|moderation| moderation.absent = !offers);
    }

    /// The texts that were to be moderated, oldest first; also those that were not, for want of a moderation.
    #[must_use]
    pub fn moderated(&self) -> Vec<String> {
        self.0.moderation.read(|moderation| moderation.asked.clone())
    }

    /// Calls that arrive from now on wait for [`OpenAi::release`].
    pub fn hold(&self) {
        self.0.calls.change(|calls| calls.gate = Gate::Closed);
    }

    /// Only calls with this schema wait for [`OpenAi::release`].
    pub fn hold_only(&self, schema: &str) {
        self.0.calls.change(|calls| calls.gate = Gate::ClosedFor(schema.to_owned()));
    }

    /// Lets the held calls go on.
    pub fn release(&self) {
        self.0.calls.change(|calls| calls.gate = Gate::Open);
    }

    /// The next `n` calls meet this trouble.
    pub fn fails_next(&self, n: usize, fault: OpenAiFault) {
        self.0.faults.order(n, None, fault);
    }

    /// The next `passing` calls are answered, and the `n` after them meet this trouble.
    pub fn fails_later(&self, passing: usize, n: usize, fault: OpenAiFault) {
        self.0.faults.order_later(passing, n, None, fault);
    }

    /// The next `n` calls with this schema meet this trouble; other calls are untouched.
    pub fn fails_next_of(&self, schema: &str, n: usize, fault: OpenAiFault) {
        self.0.faults.order(n, Some(schema), fault);
    }

    /// Every call whose request contains this word meets this trouble, for ever.
    pub fn fails_always(&self, word: &str, fault: OpenAiFault) {
        self.0.hopeless.change(|hopeless| hopeless.push((word.to_owned(), fault)));
    }

    /// Every call whose request contains this word takes this long, for ever.
    pub fn slow_always(&self, word: &str, by: Duration) {
        self.0.tedious.change(|tedious| tedious.push((word.to_owned(), by)));
    }

    /// The next `n` calls are worked on, but the answer is lost with the connection.
    pub fn drops_next(&self, n: usize) {
        self.fails_next(n, OpenAiFault::Drop);
    }

    /// The next `n` calls are never answered.
    pub fn hangs_next(&self, n: usize) {
        self.fails_next(n, OpenAiFault::Hang);
    }

    /// From now on every answer takes this long; zero ends it.
    pub fn slow(&self, by: Duration) {
        self.0.faults.slow(by);
    }

    /// Forgets every ordered trouble and lets held calls go on.
    pub fn recovers(&self) {
        self.0.faults.clear();
        self.release();
    }
}
