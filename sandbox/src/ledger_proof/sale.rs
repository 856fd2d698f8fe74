//! Sales: for each checkout everything that Stripe will ever tell of it, and what must be in the books once it has told
//! all, in whatever order and however often.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use shared::pack::{Pack, Packs};
use shared::payment::{Checkout, Event, Return, ReturnKind, ReturnState, Told};
use shared::person::UserId;

/// What a pack costs here, in cents.
const PRICE: i64 = 990;

/// One checkout and its whole story.
#[derive(Debug)]
pub(super) struct Sale {
    /// Its key.
    pub(super) session: String,
    /// Everything that is told.
    pub(super) events: Vec<Event>,
    /// The credits that it gives; `None`: it is never paid, or nobody can tell by whom.
    pub(super) credits: Option<i32>,
    /// Of these, how many must be taken again as far as they are there.
    pub(super) owed: i32,
}

/// A story in the making.
struct Story<'a> {
    session: String,
    intent: String,
    now: DateTime<Utc>,
    events: Vec<Event>,
    chance: &'a mut StdRng,
}

impl Sale {
    /// The sale of this number to this account.
    pub(super) fn draw(
        number: usize,
        account: &UserId,
        packs: &Packs,
        now: DateTime<Utc>,
        chance: &mut StdRng,
    ) -> Self {
        let all: Vec<&Pack> = packs.iter().collect();
        let pack = all[chance.random_range(0..all.len())];
        let (session, intent) = (format!("cs_proof_{number:06}"), format!("pi_proof_{number:06}"));
        let mut checkout = Checkout {
            session: session.clone(),
            payment_intent: Some(intent.clone()),
            account: Some(account.clone()),
            pack: pack.name.clone(),
            amount: PRICE,
            currency: "eur".to_owned(),
            created_at: now,
        };
        let mut story = Story { session, intent, now, events: Vec::new(), chance };
        let paid = match story.chance.random_range(0..20) {
            0 | 1 => {
                story.completes(&checkout, false);
                story.completes(&checkout, true);
                true
            }
            2 => {
                story.completes(&checkout, false);
                story.tells("checkout.session.async_payment_failed", Told::Failed(checkout.clone()));
                false
            }
            3 => {
                checkout.account = Some(UserId::from_stored("nobody".to_owned()));
                story.completes(&checkout, true);
                false
            }
            4 => {
                // Two events that tell the same.
                story.completes(&checkout, true);
                story.completes(&checkout, true);
                true
            }
            _ => {
                story.completes(&checkout, true);
                true
            }
        };
        let gone = if paid { story.returns() } else { 0 };
        let credits = pack.credits.column();
        let owed = i64::from(credits) * gone.clamp(0, PRICE) / PRICE;
        Self {
            session: story.session,
            events: story.events,
            credits: paid.then_some(credits),
            owed: i32::try_from(owed).unwrap_or(credits),
        }
    }
}

impl Story<'_> {
    fn tells(&mut self, kind: &str, told: Told) {
        let id = format!("evt_{}_{}", self.session, self.events.len());
        self.events.push(Event { id, kind: kind.to_owned(), created_at: self.now, told });
    }

    fn completes(&mut self, checkout: &Checkout, paid: bool) {
        self.tells("checkout.session.completed", Told::Completed { checkout: checkout.clone(), paid });
    }

    fn goes(&mut self, id: &str, kind: ReturnKind, amount: i64, state: ReturnState) {
        let back = Return { id: id.to_owned(), payment_intent: self.intent.clone(), kind, amount, state };
        self.tells("charge.refund.updated", Told::Returned(back));
    }

    /// Refunds and disputes. Returns the money that is gone when all is told.
    fn returns(&mut self) -> i64 {
        let mut refunds: BTreeMap<String, (i64, ReturnState)> = BTreeMap::new();
        let mut total = 0;
        for number in 0..[0, 0, 0, 1, 1, 2, 3][self.chance.random_range(0..7)] {
            let amount = self.chance.random_range(1..=PRICE);
            if total + amount > PRICE {
                break;
            }
            let id = format!("re_{}_{number}", self.session);
            if self.chance.random_bool(0.4) {
                self.goes(&id, ReturnKind::Refund, amount, ReturnState::Pending);
            }
            total += amount;
            self.goes(&id, ReturnKind::Refund, amount, ReturnState::Gone);
            if self.chance.random_bool(0.5) {
                let charge = format!("ch_{}", self.session);
                self.goes(&charge, ReturnKind::Charge, total, ReturnState::Gone);
            }
            refunds.insert(id, (amount, ReturnState::Gone));
        }
        // Some refunds fail afterwards.
        for (id, (amount, state)) in &mut refunds {
            if self.chance.random_bool(0.2) {
                self.goes(id, ReturnKind::Refund, *amount, ReturnState::Back);
                *state = ReturnState::Back;
            }
        }
        let refunded: i64 =
            refunds.values().filter(|(_, state)| *state == ReturnState::Gone).map(|(amount, _)| amount).sum();
        refunded + if self.chance.random_bool(0.15) { self.dispute() } else { 0 }
    }

    fn dispute(&mut self) -> i64 {
        let id = format!("du_{}", self.session);
        self.goes(&id, ReturnKind::Dispute, PRICE, ReturnState::Gone);
        if self.chance.next_u32().is_multiple_of(2) {
            self.goes(&id, ReturnKind::Dispute, PRICE, ReturnState::Back);
            return 0;
        }
        PRICE
    }
}
