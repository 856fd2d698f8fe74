//! A Checkout session: an order that waits for somebody to pay it, until it is complete or has expired.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::form::Form;
use super::order::Order;
use super::payment::Payment;

/// Stripe's `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// The page is there to be paid on.
    Open,
    /// Somebody went through with it; the money may still be under way.
    Complete,
    /// Nobody did in time.
    Expired,
}

/// Stripe's `payment_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentStatus {
    /// No money yet, or never.
    Unpaid,
    /// The money is there.
    Paid,
}

/// Some of one price, as it was when the session was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is sold, in words.
    pub name: String,
    /// How many.
    pub quantity: u64,
    /// Cents for all of them.
    pub amount: u64,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `cs_test_…`.
    pub id: String,
    /// The hosted page.
    pub url: String,
    /// What was asked for, understood.
    pub order: Order,
    /// What was asked for, as it came.
    pub params: Form,
    /// What is bought.
    pub items: Vec<Item>,
    /// Cents.
    pub amount_total: u64,
    /// Three lower-case letters.
    pub currency: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it ends if nobody pays.
    pub expires_at: DateTime<Utc>,
    /// Where it stands.
    pub state: SessionState,
    /// Whether it is paid.
    pub payment_status: PaymentStatus,
    /// The payment, once somebody paid.
    pub payment: Option<Payment>,
}

impl Session {
    /// The API's representation.
    #[must_use]
    pub fn resource(&self) -> Value {
        let order = &self.order;
        let (open, complete) = (self.state == SessionState::Open, self.state == SessionState::Complete);
        let email = order.customer_email.as_deref();
        let customer = json!({
            "address": {"city": null, "country": "FR", "line1": null, "line2": null, "postal_code": null, "state": null},
            "email": email.unwrap_or("camille@example.com"),
            "name": "Camille Martin",
            "phone": null,
            "tax_exempt": "none",
            "tax_ids": [],
        });
        json!({
            "id": self.id,
            "object": "checkout.session",
            "allow_promotion_codes": order.allow_promotion_codes,
            "amount_subtotal": self.amount_total,
            "amount_total": self.amount_total,
            "automatic_tax": {"enabled": false, "status": null},
            "cancel_url": order.cancel_url,
            "client_reference_id": order.client_reference_id,
            "client_secret": null,
            "created": self.created.timestamp(),
            "currency": self.currency,
            "customer": null,
            "customer_creation": "if_required",
            "customer_details": if complete { customer } else { Value::Null },
            "customer_email": email,
            "expires_at": self.expires_at.timestamp(),
            "livemode": false,
            "locale": order.locale,
            "metadata": order.metadata,
            "mode": "payment",
            "payment_intent": self.payment.as_ref().map(|payment| &payment.intent),
            "payment_link": null,
            "payment_method_types": ["card", "sepa_debit"],
            "payment_status": self.payment_status.word(),
            "status": self.state.word(),
            "subscription": null,
            "success_url": order.success_url,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page",
            "url": open.then_some(&self.url),
        })
    }

    /// Where a person goes who paid.
    #[must_use]
    pub fn success_url(&self) -> String {
        self.order.success_url.replace("{CHECKOUT_SESSION_ID}", &self.id)
    }
}

impl SessionState {
    /// Stripe's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Expired => "expired",
        }
    }
}

impl PaymentStatus {
    /// Stripe's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Paid => "paid",
        }
    }
}
