//! Money that moved, or tries to: the payment intent of a session and its charge.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::account::fresh;
use super::session::Session;

/// How somebody pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// At once.
    Card,
    /// By a SEPA debit, whose end is known days later.
    Debit,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    /// A debit is under way.
    Processing,
    /// The money is there.
    Succeeded,
    /// The bank refused the debit.
    Failed,
}

/// The payment of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// `pi_…`.
    pub intent: String,
    /// `ch_…` (`py_…` for a debit).
    pub charge: String,
    /// How.
    pub method: Method,
    /// How far.
    pub state: PaymentState,
    /// Cents that were taken.
    pub amount: u64,
    /// Cents that go back, or went back. A refund that failed is not counted.
    pub amount_refunded: u64,
    /// Whether a dispute holds the money, or took it.
    pub disputed: bool,
    currency: String,
    created: DateTime<Utc>,
    metadata: BTreeMap<String, String>,
}

impl Method {
    /// Stripe's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Debit => "sepa_debit",
        }
    }
}

impl Payment {
    /// Somebody pays for this session now.
    pub(super) fn of(session: &Session, method: Method, now: DateTime<Utc>) -> Self {
        let (charge, state) = match method {
            Method::Card => ("ch_3", PaymentState::Succeeded),
            Method::Debit => ("py_3", PaymentState::Processing),
        };
        Self {
            intent: fresh("pi_3", 23),
            charge: fresh(charge, 23),
            method,
            state,
            amount: session.amount_total,
            amount_refunded: 0,
            disputed: false,
            currency: session.currency.clone(),
            created: now,
            metadata: session.order.payment_metadata.clone(),
        }
    }

    /// The payment intent, as the API shows it.
    pub(super) fn intent_resource(&self) -> Value {
        let (status, received) = match self.state {
            PaymentState::Processing => ("processing", 0),
            PaymentState::Succeeded => ("succeeded", self.amount),
            PaymentState::Failed => ("requires_payment_method", 0),
        };
        let failure = json!({
            "code": "payment_intent_payment_attempt_failed",
            "message": "The payment failed.",
            "type": "card_error",
        });
        json!({
            "id": self.intent,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_received": received,
            "capture_method": "automatic_async",
            "confirmation_method": "automatic",
            "created": self.created.timestamp(),
            "currency": self.currency,
            "customer": null,
            "description": null,
            "last_payment_error": if self.state == PaymentState::Failed { failure } else { Value::Null },
            "latest_charge": self.charge,
            "livemode": false,
            "metadata": self.metadata,
            "payment_method_types": [self.method.word()],
            "status": status,
        })
    }

    /// The charge, as the API shows it.
    pub(super) fn charge_resource(&self) -> Value {
        let succeeded = self.state == PaymentState::Succeeded;
        let status = match self.state {
            PaymentState::Processing => "pending",
            PaymentState::Succeeded => "succeeded",
            PaymentState::Failed => "failed",
        };
        json!({
            "id": self.charge,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if succeeded { self.amount } else { 0 },
            "amount_refunded": self.amount_refunded,
            "captured": succeeded,
            "created": self.created.timestamp(),
            "currency": self.currency,
            "customer": null,
            "disputed": self.disputed,
            "failure_code": if self.state == PaymentState::Failed { json!("insufficient_funds") } else { Value::Null },
            "livemode": false,
            "metadata": self.metadata,
            "paid": succeeded,
            "payment_intent": self.intent,
            "payment_method_details": {"type": self.method.word()},
            "refunded": self.all_refunded(),
            "status": status,
        })
    }

    /// Whether nothing of it is left.
    pub(super) fn all_refunded(&self) -> bool {
        self.amount_refunded == self.amount
    }

    /// What a refund or a dispute says about the money it is about.
    pub(super) fn reference(&self) -> (Value, Value, Value) {
        (json!(self.charge), json!(self.intent), json!(self.currency))
    }
}
