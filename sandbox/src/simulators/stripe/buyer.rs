//! What people do with a session, and what time does when they do nothing.
//!
//! Each deed changes the account at once and returns when its events were delivered or given up; while events are
//! held it returns at once with no deliveries. A deed that is impossible (paying twice, say) does nothing.

use super::super::courier::Delivery;
use super::Stripe;
use super::payment::Method;

impl Stripe {
    /// Somebody pays by card: the session is complete and paid.
    pub async fn pays(&self, session_id: &str) -> Vec<Delivery> {
        self.pays_with(session_id, Method::Card).await
    }

    /// Somebody pays by SEPA debit: the session is complete and not paid yet.
    pub async fn pays_by_debit(&self, session_id: &str) -> Vec<Delivery> {
        self.pays_with(session_id, Method::Debit).await
    }

    /// The debit of a session goes through: it is paid.
    pub async fn debit_succeeds(&self, session_id: &str) -> Vec<Delivery> {
        let told = self.0.account.change(|account| account.debit_ends(session_id, true));
        self.emits(told).await
    }

    /// The debit of a session is refused: it stays complete, and is never paid.
    pub async fn debit_fails(&self, session_id: &str) -> Vec<Delivery> {
        let told = self.0.account.change(|account| account.debit_ends(session_id, false));
        self.emits(told).await
    }

    /// An open session ends unpaid, before its time.
    pub async fn expires(&self, session_id: &str) -> Vec<Delivery> {
        let told = self.0.account.change(|account| account.expires(|session| session.id == session_id));
        self.emits(told).await
    }

    /// Ends the sessions whose time has come. Nothing wakes for it: it is noticed when somebody looks.
    pub(super) fn tidies(&self) {
        let now = self.0.clock.now();
        let told = self.0.account.change(|account| account.expires(|session| session.expires_at <= now));
        drop(self.emits(told));
    }

    async fn pays_with(&self, session_id: &str, method: Method) -> Vec<Delivery> {
        self.tidies();
        let now = self.0.clock.now();
        let told = self.0.account.change(|account| account.pays(session_id, method, now));
        self.emits(told).await
    }
}
