//! Stripe's Checkout, as far as this product meets it.
//!
//! [`api`] sells sessions and shows prices; [`page`] is where a person pays; [`buyer`], [`refunds`] and [`disputes`]
//! are what happens to the money; [`events`] and [`delivery`] tell us about it by signed webhook. It promises no
//! order, no single delivery and no haste, and a test can order the worst of each. Sources: Stripe's API reference and the types
//! of its official client, November 2026.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::courier::Courier;
use super::faults::Faults;
use super::journal::Journal;
use super::life::{Door, Life};
use super::watched::{TimedOut, Watched};

mod account;
pub mod api;
pub mod buyer;
pub mod delivery;
pub mod disputes;
pub mod errors;
pub mod events;
mod form;
pub mod idempotency;
pub mod order;
pub mod page;
pub mod payment;
pub mod prices;
pub mod refunds;
pub mod session;
pub mod signature;
#[cfg(test)]
mod tests;

pub use disputes::{Dispute, DisputeState};
pub use errors::StripeFault;
pub use events::Events;
pub use order::{Line, Order};
pub use payment::{Method, Payment, PaymentState};
pub use prices::Price;
pub use refunds::{Refund, RefundState};
pub use session::{Item, PaymentStatus, Session, SessionState};

use account::Account;
use events::Dispatch;
use idempotency::Keys;

/// How long a debit takes that somebody chose on the page: days, shortened.
const DEBIT: Duration = Duration::from_secs(3);

/// Our account at Stripe. The configuration of the product carries the same values.
#[derive(Debug, Clone)]
pub struct StripeOptions {
    /// `sk_test_…`, the only key of the API.
    pub secret_key: String,
    /// `whsec_…` of the endpoint: one, or two while it is rolled.
    pub webhook_secrets: Vec<String>,
}

/// A running simulator. Clones are the same simulator; it serves until [`Stripe::stop`] or the runtime's end.
#[derive(Clone)]
pub struct Stripe(Arc<Room>);

struct Room {
    secret_key: String,
    url: String,
    clock: Clock,
    life: Life,
    journal: Journal,
    faults: Faults<StripeFault>,
    courier: Courier,
    account: Watched<Account>,
    keys: Watched<Keys>,
    dispatch: Watched<Dispatch>,
    debit: Watched<Duration>,
}

impl Stripe {
    /// Opens the simulator on a free port.
    pub async fn start(options: StripeOptions) -> io::Result<Self> {
        let door = Door::open().await?;
        let clock = Clock::default();
        let stripe = Self(Arc::new(Room {
            secret_key: options.secret_key,
            url: door.url(),
            journal: Journal::new(clock.clone()),
            clock,
            life: Life::default(),
            faults: Faults::default(),
            courier: Courier::new("Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
            account: Watched::new(Account::default()),
            keys: Watched::new(Keys::default()),
            dispatch: Watched::new(Dispatch::new(options.webhook_secrets)),
            debit: Watched::new(DEBIT),
        }));
        stripe.0.life.serve(door, api::routes(&stripe));
        Ok(stripe)
    }

    /// The root of the API, without `/v1`, for `STRIPE_API_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Ends it; the port refuses connections afterwards, and what waits to be delivered is lost.
    pub async fn stop(&self) {
        self.0.life.stop().await;
    }

    /// Stripe's time, which dates events and signatures and ends sessions. Whoever moves it moves the signatures too.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Every request to the API and the page, oldest first.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// How often this path was asked, whatever the method and the answer.
    #[must_use]
    pub fn requests(&self, path: &str) -> usize {
        self.0.journal.exchanges().iter().filter(|exchange| exchange.path == path).count()
    }

    /// Every idempotency key that came, in order of arrival, repetitions included.
    #[must_use]
    pub fn idempotency_keys(&self) -> Vec<String> {
        self.0.keys.read(|keys| keys.seen.clone())
    }

    /// Waits until `n` idempotency keys came, the last of which may still be in use.
    pub async fn wait_keys(&self, n: usize, within: Duration) -> Result<Vec<String>, TimedOut> {
        let enough = |keys: &Keys| (keys.seen.len() >= n).then(|| keys.seen.clone());
        self.0.keys.until(within, format!("{n} idempotency keys"), enough).await
    }

    /// Every session as it stands, oldest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.tidies();
        self.0.account.read(|account| account.sessions.clone())
    }

    /// One session as it stands.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<Session> {
        self.sessions().into_iter().find(|session| session.id == id)
    }

    /// Waits until `n` sessions in all were made, and returns all of them.
    pub async fn wait_sessions(&self, n: usize, within: Duration) -> Result<Vec<Session>, TimedOut> {
        let enough = |account: &Account| (account.sessions.len() >= n).then(|| account.sessions.clone());
        self.0.account.until(within, format!("{n} checkout sessions"), enough).await
    }

    /// Waits until no delivery is under way or due, debits that were chosen on the page included. Events that
    /// are held are not due.
    pub async fn quiet(&self, within: Duration) -> Result<(), TimedOut> {
        self.0.life.quiet(within).await
    }

    /// How long a debit takes that somebody chose on the page, three seconds at first.
    pub fn debits_take(&self, so_long: Duration) {
        self.0.debit.change(|debit| *debit = so_long);
    }

    /// The next `n` new sessions meet this trouble. Look-ups are not hit.
    pub fn fails_next(&self, n: usize, fault: StripeFault) {
        self.0.faults.order(n, Some(api::SESSION), fault);
    }

    /// The next `passing` new sessions are made, and the `n` after them meet this trouble.
    pub fn fails_later(&self, passing: usize, n: usize, fault: StripeFault) {
        self.0.faults.order_later(passing, n, Some(api::SESSION), fault);
    }

    /// The next `n` look-ups (prices, sessions, endpoints) meet this trouble.
    pub fn fails_next_lookups(&self, n: usize, fault: StripeFault) {
        self.0.faults.order(n, Some(api::LOOKUP), fault);
    }

    /// From now on every answer of the API takes this long; zero ends it. The work is done at once.
    pub fn slow(&self, by: Duration) {
        self.0.faults.slow(by);
    }

    /// Forgets every ordered trouble.
    pub fn recovers(&self) {
        self.0.faults.clear();
    }
}
