//! What Stripe remembers of one account: prices, sessions with their payments, refunds, disputes.
//!
//! Pure state behind one lock. A change returns what is to be told about it: the events that the same moment makes.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::disputes::Dispute;
use super::errors::ApiError;
use super::events::Happening;
use super::form::Form;
use super::order::Order;
use super::payment::{Method, Payment, PaymentState};
use super::prices::Price;
use super::refunds::Refund;
use super::session::{Item, PaymentStatus, Session, SessionState};

/// How long a session lives whose order does not say.
const LIFE: TimeDelta = TimeDelta::hours(24);

/// Everything.
#[derive(Debug)]
pub(super) struct Account {
    pub prices: Vec<Price>,
    pub sessions: Vec<Session>,
    pub refunds: Vec<Refund>,
    pub disputes: Vec<Dispute>,
}

impl Default for Account {
    fn default() -> Self {
        let (sessions, refunds, disputes) = (Vec::new(), Vec::new(), Vec::new());
        Self { prices: Price::packs(), sessions, refunds, disputes }
    }
}

impl Account {
    /// Makes a session of an order, with its page under `root`.
    pub fn open(
        &mut self,
        order: Order,
        params: Form,
        root: &str,
        now: DateTime<Utc>,
    ) -> Result<Value, ApiError> {
        let (mut items, mut currency) = (Vec::new(), None);
        for (index, line) in order.lines.iter().enumerate() {
            let param = format!("line_items[{index}][price]");
            let Some(price) = self.prices.iter().find(|price| price.id == line.price) else {
                return Err(ApiError::reference(param, format!("No such price: '{}'", line.price)));
            };
            if !price.active {
                let message = "The price specified is inactive. This field only accepts active prices.";
                return Err(ApiError::reference(param, message));
            }
            if *currency.get_or_insert(price.currency.clone()) != price.currency {
                let message = "All prices on a Checkout Session must have the same currency.";
                return Err(ApiError::value(param, None, message));
            }
            items.push(Item {
                name: price.name.clone(),
                quantity: line.quantity,
                amount: price.unit_amount * line.quantity,
            });
        }
        let id = fresh("cs_test_", 58);
        let session = Session {
            url: format!("{root}/pay/{id}"),
            id,
            params,
            amount_total: items.iter().map(|item| item.amount).sum(),
            items,
            currency: currency.unwrap_or_default(),
            created: now,
            expires_at: order.expires_at.unwrap_or(now + LIFE),
            state: SessionState::Open,
            payment_status: PaymentStatus::Unpaid,
            payment: None,
            order,
        };
        let resource = session.resource();
        self.sessions.push(session);
        Ok(resource)
    }

    /// A session by its id.
    pub fn session(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }

    /// The payment of a session.
    pub fn payment(&mut self, session_id: &str) -> Option<&mut Payment> {
        self.session(session_id).and_then(|session| session.payment.as_mut())
    }

    /// Somebody pays on the page of an open session.
    pub fn pays(&mut self, session_id: &str, method: Method, now: DateTime<Utc>) -> Vec<Happening> {
        let open = |session: &&mut Session| session.state == SessionState::Open;
        let Some(session) = self.session(session_id).filter(open) else { return Vec::new() };
        let payment = Payment::of(session, method, now);
        session.state = SessionState::Complete;
        let (charge, intent) = match method {
            Method::Card => {
                session.payment_status = PaymentStatus::Paid;
                ("charge.succeeded", "payment_intent.succeeded")
            }
            Method::Debit => ("charge.pending", "payment_intent.processing"),
        };
        let mut told = vec![
            Happening::new(charge, payment.charge_resource()),
            Happening::new(intent, payment.intent_resource()),
        ];
        session.payment = Some(payment);
        told.push(Happening::new("checkout.session.completed", session.resource()));
        told
    }

    /// The bank says what became of a debit.
    pub fn debit_ends(&mut self, session_id: &str, well: bool) -> Vec<Happening> {
        let Some(session) = self.session(session_id) else { return Vec::new() };
        let under_way = |payment: &&mut Payment| payment.state == PaymentState::Processing;
        let Some(payment) = session.payment.as_mut().filter(under_way) else { return Vec::new() };
        let [charge, intent, checkout] = if well {
            payment.state = PaymentState::Succeeded;
            ["charge.succeeded", "payment_intent.succeeded", "checkout.session.async_payment_succeeded"]
        } else {
            payment.state = PaymentState::Failed;
            ["charge.failed", "payment_intent.payment_failed", "checkout.session.async_payment_failed"]
        };
        let (of_charge, of_intent) = (payment.charge_resource(), payment.intent_resource());
        if well {
            session.payment_status = PaymentStatus::Paid;
        }
        vec![
            Happening::new(charge, of_charge),
            Happening::new(intent, of_intent),
            Happening::new(checkout, session.resource()),
        ]
    }

    /// Ends the open sessions that fit.
    pub fn expires(&mut self, fits: impl Fn(&Session) -> bool) -> Vec<Happening> {
        let open = |session: &&mut Session| session.state == SessionState::Open && fits(session);
        let expired = self.sessions.iter_mut().filter(open).map(|session| {
            session.state = SessionState::Expired;
            Happening::new("checkout.session.expired", session.resource())
        });
        expired.collect()
    }
}

/// A fresh id: the prefix and so many letters and digits.
pub(super) fn fresh(prefix: &str, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letter = |_| char::from(ALPHABET[usize::from(rand::random::<u8>()) % ALPHABET.len()]);
    format!("{prefix}{}", (0..length).map(letter).collect::<String>())
}

/// A list of the API with one page.
pub(super) fn list(path: &str, data: &[Value]) -> Value {
    json!({"object": "list", "url": path, "has_more": false, "data": data})
}
