//! Twilio's Messaging API for `WhatsApp`, as far as this product meets it.
//!
//! [`api`] creates messages, [`listing`] shows them again (what a reconciliation asks), [`typing`] is the
//! indicator; [`callbacks`] reports what became of a message, [`person`] is the phone. Unlike Meta, Twilio loses
//! an inbound webhook that is not answered, takes a message outside the 24-hour window and fails it later, and
//! reads our webhook's answer as instructions. `media` keeps what people send beside words. Sources: Twilio's API reference, November 2026.

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

pub mod account;
pub mod api;
pub mod callbacks;
pub mod connection;
mod console;
pub mod errors;
pub mod listing;
mod media;
pub mod person;
pub mod signature;
#[cfg(test)]
mod tests;
pub mod twiml;
pub mod typing;

pub use account::{Alert, Content, Direction, Message, Typing};
pub use errors::TwilioFault;
pub use person::TwilioPerson;

use account::Account;

/// Who we are at Twilio. The configuration of the product carries the same values.
#[derive(Debug, Clone)]
pub struct TwilioOptions {
    /// `AC` and 32 hexadecimal digits; the user name of the API.
    pub account_sid: String,
    /// The password of the API and the key of every signature.
    pub auth_token: String,
    /// Our sender, `whatsapp:+33199001234`.
    pub from: String,
}

/// A running simulator. Clones are the same simulator; it serves until [`Twilio::stop`] or the runtime's end.
#[derive(Clone)]
pub struct Twilio(Arc<Room>);

struct Room {
    options: TwilioOptions,
    url: String,
    clock: Clock,
    life: Life,
    journal: Journal,
    faults: Faults<TwilioFault>,
    courier: Courier,
    account: Watched<Account>,
}

impl Twilio {
    /// Opens the simulator on a free port.
    pub async fn start(options: TwilioOptions) -> io::Result<Self> {
        let door = Door::open().await?;
        let clock = Clock::default();
        let twilio = Self(Arc::new(Room {
            options,
            url: door.url(),
            journal: Journal::new(clock.clone()),
            clock,
            life: Life::default(),
            faults: Faults::default(),
            courier: Courier::new("TwilioProxy/1.1"),
            account: Watched::new(Account::default()),
        }));
        twilio.0.life.serve(door, api::routes(&twilio));
        Ok(twilio)
    }

    /// The root of the API, for `TWILIO_API_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// What this simulator was started with.
    #[must_use]
    pub fn options(&self) -> &TwilioOptions {
        &self.0.options
    }

    /// Ends it; the port refuses connections afterwards.
    pub async fn stop(&self) {
        self.0.life.stop().await;
    }

    /// Twilio's time, which decides about windows.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Every request to the API, oldest first.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// Where the bytes of inbound messages go.
    pub fn webhook_url(&self, url: impl Into<String>) {
        self.0.account.change(|account| account.settings.webhook_url = Some(url.into()));
    }

    /// The webhook URL as it stands in Twilio's console, which is what Twilio signs (at first, the URL above).
    /// A fragment such as `#rc=5&rp=all` sets the retries. Callbacks whose URL has the same origin are signed
    /// as they were given and carried to the origin of [`Twilio::webhook_url`].
    pub fn public_url(&self, url: impl Into<String>) {
        self.0.account.change(|account| account.settings.public_url = Some(url.into()));
    }

    /// How the statuses of later messages are reported.
    pub fn statuses(&self, policy: Statuses) {
        self.0.account.change(|account| account.settings.statuses = policy);
    }

    /// Whether people read what arrives, which adds the `read` status. They do at first.
    pub fn people_read(&self, read: bool) {
        self.0.account.change(|account| account.settings.people_read = read);
    }

    /// Enforces `WhatsApp`'s one message to a person in this time (six seconds) with bursts of 45, as Twilio does: it takes
    /// the message, and a callback fails it with 63018. Off at first.
    pub fn limits_pairs(&self, every: Duration) {
        self.0.account.change(|account| account.settings.pair_every = TimeDelta::from_std(every).ok());
    }

    /// How often a status callback is tried. Once, and again only when nobody listens, as Twilio does at first.
    pub fn retries_callbacks(&self, persistence: Persistence) {
        self.0.account.change(|account| account.settings.callbacks = persistence);
    }

    /// Registers an approved content template.
    pub fn content(&self, content: Content) {
        self.0.account.change(|account| account.contents.insert(content.sid.clone(), content));
    }

    /// What was accepted for this person (digits, with or without `+` or `whatsapp:`), oldest first, and what
    /// our webhook's answers made Twilio send.
    #[must_use]
    pub fn sent_to(&self, person: &str) -> Vec<Message> {
        self.0.account.read(|account| account.sent_to(person))
    }

    /// Everything that went out, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<Message> {
        self.0.account.read(Account::sent)
    }

    /// Waits until `n` messages in all went out to this person, and returns all of them.
    pub async fn wait_sent_to(
        &self,
        person: &str,
        n: usize,
        within: Duration,
    ) -> Result<Vec<Message>, TimedOut> {
        self.wait_until_sent(person, within, |sent| sent.len() >= n).await
    }

    /// Waits for any condition on what this person was sent (its fate, for instance).
    pub async fn wait_until_sent(
        &self,
        person: &str,
        within: Duration,
        holds: impl Fn(&[Message]) -> bool,
    ) -> Result<Vec<Message>, TimedOut> {
        let what = format!("the messages to {person}");
        let look = |account: &Account| Some(account.sent_to(person)).filter(|sent| holds(sent));
        self.0.account.until(within, what, look).await
    }

    /// Whether this person sees "typing…" now: at most 25 seconds, and until our next message.
    #[must_use]
    pub fn typing(&self, person: &str) -> bool {
        let now = self.0.clock.now();
        self.0
            .account
            .read(|account| account.phone(person).is_some_and(|phone| phone.typing_until > Some(now)))
    }

    /// Every typing indicator that was accepted; each one also marks the message as read.
    #[must_use]
    pub fn typings(&self) -> Vec<Typing> {
        self.0.account.read(|account| account.typings.clone())
    }

    /// What Twilio's Debugger would show: webhooks that failed and answers it could not use.
    #[must_use]
    pub fn debugger(&self) -> Vec<Alert> {
        self.0.account.read(|account| account.alerts.clone())
    }

    /// Waits until every status callback that was due has been posted or given up.
    pub async fn quiet(&self, within: Duration) -> Result<(), TimedOut> {
        self.0.life.quiet(within).await
    }

    /// The next `n` new messages meet this trouble. Listings and typing indicators are not hit.
    pub fn fails_next(&self, n: usize, fault: TwilioFault) {
        self.0.faults.order(n, Some(api::MESSAGE), fault);
    }

    /// The next `passing` new messages are taken, and the `n` after them meet this trouble.
    pub fn fails_later(&self, passing: usize, n: usize, fault: TwilioFault) {
        self.0.faults.order_later(passing, n, Some(api::MESSAGE), fault);
    }

    /// The next `n` listings (or look-ups of one message) meet this trouble.
    pub fn fails_next_listings(&self, n: usize, fault: TwilioFault) {
        self.0.faults.order(n, Some(api::LISTING), fault);
    }

    /// The next `n` typing indicators meet this trouble.
    pub fn fails_next_typings(&self, n: usize, fault: TwilioFault) {
        self.0.faults.order(n, Some(api::TYPING), fault);
    }

    /// The next `n` messages are accepted and reach the person, but the answer is lost with the connection.
    pub fn drops_next(&self, n: usize) {
        self.fails_next(n, TwilioFault::Drop);
    }

    /// The next `n` messages are neither accepted nor answered.
    pub fn hangs_next(&self, n: usize) {
        self.fails_next(n, TwilioFault::Hang);
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
