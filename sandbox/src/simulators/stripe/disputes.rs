//! Money that a bank takes back because the buyer complained, and perhaps returns.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::courier::Delivery;
use super::Stripe;
use super::account::{Account, fresh};
use super::events::Happening;
use super::payment::{Payment, PaymentState};

/// How long the shop may answer.
const DEADLINE: TimeDelta = TimeDelta::days(9);

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeState {
    /// The shop has to say something.
    NeedsResponse,
    /// The money came back.
    Won,
    /// It did not.
    Lost,
}

/// A dispute about a whole charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// `dp_…`.
    pub id: String,
    /// The session whose payment it is about.
    pub session_id: String,
    /// Where it stands.
    pub state: DisputeState,
    created: DateTime<Utc>,
}

impl DisputeState {
    fn word(self) -> &'static str {
        match self {
            Self::NeedsResponse => "needs_response",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

impl Dispute {
    fn resource(&self, payment: &Payment) -> Value {
        let (charge, intent, currency) = payment.reference();
        json!({
            "id": self.id,
            "object": "dispute",
            "amount": payment.amount,
            "balance_transactions": [],
            "charge": charge,
            "created": self.created.timestamp(),
            "currency": currency,
            "evidence": {},
            "evidence_details": {
                "due_by": (self.created + DEADLINE).timestamp(),
                "has_evidence": false,
                "past_due": false,
                "submission_count": 0,
            },
            "is_charge_refundable": false,
            "livemode": false,
            "metadata": {},
            "payment_intent": intent,
            "reason": "fraudulent",
            "status": self.state.word(),
        })
    }
}

impl Stripe {
    /// The buyer's bank takes the whole charge back. `None`, and nothing happens, when nothing was paid or a dispute is
    /// open or lost already.
    pub async fn disputes(&self, session_id: &str) -> Option<String> {
        let now = self.0.clock.now();
        let (id, told) = self.0.account.change(|account| account.dispute(session_id, now))?;
        self.emits(told).await;
        Some(id)
    }

    /// The bank gives the money back to the shop. Nothing happens to a dispute that is closed.
    pub async fn dispute_is_won(&self, dispute_id: &str) -> Vec<Delivery> {
        let told = self.0.account.change(|account| account.dispute_closes(dispute_id, DisputeState::Won));
        self.emits(told).await
    }

    /// The money is gone. Nothing happens to a dispute that is closed.
    pub async fn dispute_is_lost(&self, dispute_id: &str) -> Vec<Delivery> {
        let told = self.0.account.change(|account| account.dispute_closes(dispute_id, DisputeState::Lost));
        self.emits(told).await
    }
}

impl Account {
    fn dispute(&mut self, session_id: &str, now: DateTime<Utc>) -> Option<(String, Vec<Happening>)> {
        let disputable =
            |payment: &&mut Payment| payment.state == PaymentState::Succeeded && !payment.disputed;
        let payment = self.payment(session_id).filter(disputable)?;
        payment.disputed = true;
        let state = DisputeState::NeedsResponse;
        let dispute =
            Dispute { id: fresh("dp_1", 23), session_id: session_id.to_owned(), state, created: now };
        let resource = dispute.resource(payment);
        let told = vec![
            Happening::new("charge.dispute.created", resource.clone()),
            Happening::new("charge.dispute.funds_withdrawn", resource),
        ];
        let id = dispute.id.clone();
        self.disputes.push(dispute);
        Some((id, told))
    }

    fn dispute_closes(&mut self, dispute_id: &str, state: DisputeState) -> Vec<Happening> {
        let open =
            |dispute: &&mut Dispute| dispute.id == dispute_id && dispute.state == DisputeState::NeedsResponse;
        let Some(dispute) = self.disputes.iter_mut().find(open) else { return Vec::new() };
        dispute.state = state;
        let dispute = dispute.clone();
        let Some(payment) = self.payment(&dispute.session_id) else { return Vec::new() };
        let resource = dispute.resource(payment);
        let before = json!({"status": DisputeState::NeedsResponse.word()});
        let mut told = vec![Happening::new("charge.dispute.closed", resource.clone()).changed(before)];
        if state == DisputeState::Won {
            payment.disputed = false;
            told.push(Happening::new("charge.dispute.funds_reinstated", resource));
        }
        told
    }
}
