//! Meta's `WhatsApp` Cloud API, as far as this product meets it.
//!
//! [`api`] is what our worker calls, [`person`] what a phone does, [`statuses`] what Meta reports afterwards; `media`
//! keeps what people send beside words, `uploads` what is sent to them.
//! `rules`, `interactive` and [`template`] refuse what Meta refuses, with the bodies of [`errors`]; [`world`]
//! is the memory. Always true: nothing is accepted without the right token, a known number and an open window,
//! and nothing leaves unsigned. Sources: Meta's Cloud API reference and error table, state of November 2026.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::clock::Clock;
use super::courier::{Courier, Persistence};
use super::faults::Faults;
use super::journal::Journal;
use super::life::{Door, Life};
use super::receipts::Statuses;
use super::watched::{TimedOut, Watched};

mod acceptance;
pub mod api;
pub mod errors;
mod interactive;
mod management;
mod media;
pub mod person;
mod rules;
pub mod signature;
pub mod statuses;
pub mod template;
#[cfg(test)]
mod tests;
mod uploads;
pub mod wamid;
pub mod world;

pub use errors::MetaFault;
pub use interactive::{Choice, Offered};
pub use media::MediaFault;
pub use person::MetaPerson;
pub use template::{Category, Template};
pub use uploads::Document;
pub use world::{ReadReceipt, Sent, Verdict};

use world::World;

/// Who we are at Meta. The configuration of the product carries the same values.
#[derive(Debug, Clone)]
pub struct MetaOptions {
    /// Key of `X-Hub-Signature-256`.
    pub app_secret: String,
    /// The only bearer token that is accepted.
    pub access_token: String,
    /// The id of our business number in paths and payloads.
    pub phone_number_id: String,
    /// Our business number in digits, without `+`. Its first two digits are taken for our country code.
    pub display_phone_number: String,
}

/// A running simulator. Clones are the same simulator; it serves until [`Meta::stop`] or the runtime's end.
#[derive(Clone)]
pub struct Meta(Arc<Room>);

struct Room {
    options: MetaOptions,
    url: String,
    clock: Clock,
    life: Life,
    journal: Journal,
    faults: Faults<MetaFault>,
    media: media::Media,
    uploads: uploads::Uploads,
    courier: Courier,
    world: Watched<World>,
}

impl Meta {
    /// Opens the simulator on a free port.
    pub async fn start(options: MetaOptions) -> io::Result<Self> {
        let door = Door::open().await?;
        let clock = Clock::default();
        let meta = Self(Arc::new(Room {
            options,
            url: door.url(),
            journal: Journal::new(clock.clone()),
            clock,
            life: Life::default(),
            faults: Faults::default(),
            media: media::Media::default(),
            uploads: uploads::Uploads::default(),
            courier: Courier::new("facebookexternalua"),
            world: Watched::new(World::default()),
        }));
        meta.0.life.serve(door, api::routes(&meta));
        Ok(meta)
    }

    /// The root of the API, for `META_GRAPH_URL`; the version comes after it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// What this simulator was started with.
    #[must_use]
    pub fn options(&self) -> &MetaOptions {
        &self.0.options
    }

    /// Ends it; the port refuses connections afterwards.
    pub async fn stop(&self) {
        self.0.life.stop().await;
    }

    /// Meta's time, which decides about windows and rate limits.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Every request to the API, oldest first.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// Saves the callback URL, as in the App Dashboard (without the handshake).
    pub fn webhook_url(&self, url: impl Into<String>) {
        self.0.world.change(|world| world.settings.webhook_url = Some(url.into()));
    }

    /// How the statuses of later messages are reported.
    pub fn statuses(&self, policy: Statuses) {
        self.0.world.change(|world| world.settings.statuses = policy);
    }

    /// Whether people read what arrives, which adds the `read` status. They do at first.
    pub fn people_read(&self, read: bool) {
        self.0.world.change(|world| world.settings.people_read = read);
    }

    /// Whether a closed window or an unknown recipient is refused at once or by a `failed` status.
    pub fn verdicts(&self, verdict: Verdict) {
        self.0.world.change(|world| world.settings.verdict = verdict);
    }

    /// Enforces one message to a person in this time, which is six seconds at Meta, with bursts of 45. Off at first.
    pub fn limits_pairs(&self, every: Duration) {
        self.0.world.change(|world| world.settings.pair_every = TimeDelta::from_std(every).ok());
    }

    /// Enforces so many messages in any second, whomever they are for. Off at first.
    pub fn limits_throughput(&self, per_second: usize) {
        self.0.world.change(|world| world.settings.per_second = Some(per_second));
    }

    /// Whether payloads travel with `\u00e9` and `\/` (at first) or as plain UTF-8. Meta was seen with both, and
    /// signs the bytes it sends: whoever re-serialises before hashing fails on the first accent.
    pub fn escapes_unicode(&self, escapes: bool) {
        self.0.world.change(|world| world.settings.escapes = escapes);
    }

    /// How often the webhook of a person's message is tried. Once at first, so that a test sees each answer.
    pub fn retries_messages(&self, persistence: Persistence) {
        self.0.world.change(|world| world.settings.messages = persistence);
    }

    /// How often a status webhook is tried. Four times within half a second at first.
    pub fn retries_statuses(&self, persistence: Persistence) {
        self.0.world.change(|world| world.settings.reports = persistence);
    }

    /// Registers an approved template. A template of the same name and language is replaced.
    pub fn template(&self, template: Template) {
        self.0.world.change(|world| {
            let same = |known: &Template| known.name == template.name && known.language == template.language;
            world.templates.retain(|known| !same(known));
            world.templates.push(template);
        });
    }

    /// What was accepted for this person (digits of the number, or BSUID), oldest first.
    #[must_use]
    pub fn sent_to(&self, person: &str) -> Vec<Sent> {
        self.0.world.read(|world| world.sent_to(person))
    }

    /// Everything that was accepted, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.0.world.read(|world| world.sent.clone())
    }

    /// Waits until `n` messages in all were accepted for this person, and returns all of them.
    pub async fn wait_sent_to(
        &self,
        person: &str,
        n: usize,
        within: Duration,
    ) -> Result<Vec<Sent>, TimedOut> {
        let what = format!("{n} messages to {person}");
        let enough = |world: &World| {
            let sent = world.sent_to(person);
            (sent.len() >= n).then_some(sent)
        };
        self.0.world.until(within, what, enough).await
    }

    /// Waits for any condition on what this person was sent (its fate, for instance).
    pub async fn wait_until_sent(
        &self,
        person: &str,
        within: Duration,
        holds: impl Fn(&[Sent]) -> bool,
    ) -> Result<Vec<Sent>, TimedOut> {
        let what = format!("the messages to {person}");
        let look = |world: &World| Some(world.sent_to(person)).filter(|sent| holds(sent));
        self.0.world.until(within, what, look).await
    }

    /// Whether this person sees "typing…" now: at most 25 seconds, and until our next message.
    #[must_use]
    pub fn typing(&self, person: &str) -> bool {
        let now = self.0.clock.now();
        self.0.world.read(|world| world.phone(person).is_some_and(|phone| phone.typing_until > Some(now)))
    }

    /// The inbound messages that were marked as read, oldest first.
    #[must_use]
    pub fn read_receipts(&self) -> Vec<ReadReceipt> {
        self.0.world.read(|world| world.receipts.clone())
    }

    /// Waits until every status that was due has been posted or given up.
    pub async fn quiet(&self, within: Duration) -> Result<(), TimedOut> {
        self.0.life.quiet(within).await
    }

    /// The next `n` messages meet this trouble. Read receipts are not counted and not hit.
    pub fn fails_next(&self, n: usize, fault: MetaFault) {
        self.0.faults.order(n, Some(api::MESSAGE), fault);
    }

    /// The next `n` read receipts (with or without typing) meet this trouble.
    pub fn fails_next_receipts(&self, n: usize, fault: MetaFault) {
        self.0.faults.order(n, Some(api::RECEIPT), fault);
    }

    /// The next `n` messages are accepted and reach the person, but the answer is lost with the connection.
    pub fn drops_next(&self, n: usize) {
        self.fails_next(n, MetaFault::Drop);
    }

    /// The next `n` messages are neither accepted nor answered.
    pub fn hangs_next(&self, n: usize) {
        self.fails_next(n, MetaFault::Hang);
    }

    /// From now on every answer takes this long; zero ends it.
    pub fn slow(&self, by: Duration) {
        self.0.faults.slow(by);
    }

    /// Forgets every ordered trouble.
    pub fn recovers(&self) {
        self.0.faults.clear();
    }
}
