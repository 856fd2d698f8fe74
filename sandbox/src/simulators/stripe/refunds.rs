//! Money that goes back because the shop says so, all or some of it, at once or after a while.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::courier::Delivery;
use super::Stripe;
use super::account::{Account, fresh};
use super::events::Happening;
use super::payment::{Payment, PaymentState};

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    /// The money has not left.
    Pending,
    /// The money has left.
    Succeeded,
    /// It came back to the shop.
    Failed,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// `re_…`.
    pub id: String,
    /// The session whose payment it is about.
    pub session_id: String,
    /// Cents.
    pub amount: u64,
    /// Where it stands.
    pub state: RefundState,
    created: DateTime<Utc>,
}

impl RefundState {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Refund {
    fn resource(&self, payment: &Payment) -> Value {
        let (charge, intent, currency) = payment.reference();
        let mut resource = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": null,
            "charge": charge,
            "created": self.created.timestamp(),
            "currency": currency,
            "destination_details": {"type": payment.method.word()},
            "metadata": {},
            "payment_intent": intent,
            "reason": "requested_by_customer",
            "receipt_number": null,
            "status": self.state.word(),
        });
        match self.state {
            RefundState::Pending => resource["pending_reason"] = json!("processing"),
            RefundState::Failed => resource["failure_reason"] = json!("lost_or_stolen_card"),
            RefundState::Succeeded => {}
        }
        resource
    }
}

impl Stripe {
    /// Gives so many cents back; they leave at once. `None`, and nothing happens, when Stripe would refuse: nothing
    /// was paid, less than that is left, or a dispute holds the money.
    pub async fn refunds(&self, session_id: &str, cents: u64) -> Option<String> {
        self.refund(session_id, cents, RefundState::Succeeded).await
    }

    /// The same, but the refund is under way until [`Stripe::refund_succeeds`] or [`Stripe::refund_fails`].
    pub async fn refunds_pending(&self, session_id: &str, cents: u64) -> Option<String> {
        self.refund(session_id, cents, RefundState::Pending).await
    }

    /// A pending refund has arrived. Nothing happens to one that was not pending.
    pub async fn refund_succeeds(&self, refund_id: &str) -> Vec<Delivery> {
        let told = self.0.account.change(|account| account.refund_succeeds(refund_id));
        self.emits(told).await
    }

    /// A refund came back to the shop: one that was pending, or one that had seemed to succeed.
    pub async fn refund_fails(&self, refund_id: &str) -> Vec<Delivery> {
        let told = self.0.account.change(|account| account.refund_fails(refund_id));
        self.emits(told).await
    }

    async fn refund(&self, session_id: &str, cents: u64, state: RefundState) -> Option<String> {
        let now = self.0.clock.now();
        let (id, told) = self.0.account.change(|account| account.refund(session_id, cents, state, now))?;
        self.emits(told).await;
        Some(id)
    }
}

impl Account {
    fn refund(
        &mut self,
        session_id: &str,
        amount: u64,
        state: RefundState,
        now: DateTime<Utc>,
    ) -> Option<(String, Vec<Happening>)> {
        let payment = self.payment(session_id)?;
        let left = payment.amount - payment.amount_refunded;
        let there = payment.state == PaymentState::Succeeded && !payment.disputed;
        if !there || amount == 0 || amount > left {
            return None;
        }
        let before = json!({"amount_refunded": payment.amount_refunded, "refunded": payment.all_refunded()});
        payment.amount_refunded += amount;
        let refund =
            Refund { id: fresh("re_3", 23), session_id: session_id.to_owned(), amount, state, created: now };
        let told = vec![
            Happening::new("refund.created", refund.resource(payment)),
            Happening::new("charge.refunded", payment.charge_resource()).changed(before),
        ];
        let id = refund.id.clone();
        self.refunds.push(refund);
        Some((id, told))
    }

    fn refund_succeeds(&mut self, refund_id: &str) -> Vec<Happening> {
        let told = self.refund_moves(refund_id, &[RefundState::Pending], RefundState::Succeeded);
        told.map(|(resource, before)| Happening::new("refund.updated", resource).changed(before))
            .into_iter()
            .collect()
    }

    fn refund_fails(&mut self, refund_id: &str) -> Vec<Happening> {
        let from = [RefundState::Pending, RefundState::Succeeded];
        let Some((resource, before)) = self.refund_moves(refund_id, &from, RefundState::Failed) else {
            return Vec::new();
        };
        vec![
            Happening::new("refund.failed", resource.clone()),
            Happening::new("refund.updated", resource).changed(before),
        ]
    }

    /// The refund as it is now, and its status before.
    fn refund_moves(
        &mut self,
        refund_id: &str,
        from: &[RefundState],
        to: RefundState,
    ) -> Option<(Value, Value)> {
        let mut refund = self.refunds.iter().find(|refund| refund.id == refund_id)?.clone();
        if !from.contains(&refund.state) {
            return None;
        }
        let before = json!({"status": refund.state.word()});
        refund.state = to;
        let payment = self.payment(&refund.session_id)?;
        if to == RefundState::Failed {
            payment.amount_refunded -= refund.amount;
        }
        let resource = refund.resource(payment);
        *self.refunds.iter_mut().find(|known| known.id == refund_id)? = refund;
        Some((resource, before))
    }
}
