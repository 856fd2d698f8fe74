//! Payments: what Stripe tells about the checkouts of our packs becomes credits, once for each checkout, whatever is
//! told twice, late or in another order.
//!
//! Owner of `wa.stripe_event` and `wa.payment`. Locks are taken in one order: the payment's intent (a refund may come
//! before its purchase, when there is no row to lock), the account, then rows of payments.

mod checkout;
mod debt;
mod returned;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::ledger::LedgerError;
use crate::pack::Packs;
use crate::person::UserId;
use crate::spill::SpillError;

use checkout::{paid, unpaid};

pub use debt::{debt, settled};
pub use returned::{Return, ReturnKind, ReturnState, returned};

/// An event of Stripe, as far as it is told apart from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `evt_...`
    pub id: String,
    /// Its type, such as `checkout.session.completed`.
    pub kind: String,
    /// When Stripe made it.
    pub created_at: DateTime<Utc>,
    /// What it tells.
    pub told: Told,
}

/// What an event tells that matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A checkout was completed; its money is there, or is on its way.
    Completed {
        /// Which.
        checkout: Checkout,
        /// Whether the money is there.
        paid: bool,
    },
    /// The money of a completed checkout will not come.
    Failed(Checkout),
    /// Money went back, or is going to, or came again.
    Returned(Return),
    /// Something that is none of our business.
    Nothing,
}

/// A checkout of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// `cs_...`: its key.
    pub session: String,
    /// `pi_...`; a checkout that cost nothing has none.
    pub payment_intent: Option<String>,
    /// For whom, says our own metadata.
    pub account: Option<UserId>,
    /// What, says our own metadata.
    pub pack: String,
    /// What was paid, in the smallest unit of the currency.
    pub amount: i64,
    /// Its three letters.
    pub currency: String,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
}

/// The types of event that an endpoint must be subscribed to: without one of them, somebody is not credited, or keeps what
/// was paid back. Older words for the same refunds (`charge.refunded`, `charge.refund.updated`) are understood as well.
pub const EVENTS: [&str; 10] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];

/// What came of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Credits were added.
    Credited,
    /// They had been added before.
    AlreadyCredited,
    /// The money is on its way.
    Unpaid,
    /// The money will not come.
    Failed,
    /// Paid, and nobody knows what for or by whom: for the operator.
    Unclaimed,
    /// Money went back, and what it had bought was taken, as far as it was still there.
    Returned,
    /// Money went back for something that we do not know, or not yet.
    Parked,
    /// The event had been acted upon before.
    Duplicate,
    /// None of our business.
    Ignored,
}

impl Outcome {
    /// The word that is stored and counted.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credited => "credited",
            Self::AlreadyCredited => "already_credited",
            Self::Unpaid => "unpaid",
            Self::Failed => "failed",
            Self::Unclaimed => "unclaimed",
            Self::Returned => "returned",
            Self::Parked => "parked",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
        }
    }
}

/// Why an event could not be acted upon: Stripe is to send it again.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// The books did not take it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The word to the person could not be kept.
    #[error(transparent)]
    Spill(#[from] SpillError),
}

impl From<sqlx::Error> for PaymentError {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(error.into())
    }
}

/// Acts upon an event: all of it, or nothing. The caller's transaction holds nothing else.
pub async fn apply(
    db: &mut PgConnection,
    event: &Event,
    packs: &Packs,
    now: DateTime<Utc>,
) -> Result<Outcome, PaymentError> {
    let object = match &event.told {
        Told::Nothing => return Ok(Outcome::Ignored),
        Told::Completed { checkout, .. } | Told::Failed(checkout) => &checkout.session,
        Told::Returned(back) => &back.id,
    };
    if !claim(db, event, object, now).await? {
        return Ok(Outcome::Duplicate);
    }
    let outcome = match &event.told {
        Told::Completed { checkout, paid: true } => paid(db, checkout, packs, now).await?,
        Told::Completed { checkout, paid: false } => unpaid(db, checkout, "unpaid", now).await?,
        Told::Failed(checkout) => unpaid(db, checkout, "failed", now).await?,
        Told::Returned(back) => returned(db, back, now).await?,
        Told::Nothing => Outcome::Ignored,
    };
    sqlx::query("update wa.stripe_event set outcome = $2 where id = $1")
        .bind(&event.id)
        .bind(outcome.as_str())
        .execute(db)
        .await?;
    Ok(outcome)
}

/// Takes an event for this transaction. A second one waits for the first to end. `false`: it was acted upon. One that
/// nobody could claim is acted upon again whenever it is sent again: an operator may have mended what was wrong.
async fn claim(
    db: &mut PgConnection,
    event: &Event,
    object: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let claimed = sqlx::query(
        "insert into wa.stripe_event as e (id, kind, object, outcome, created_at, received_at)
         values ($1, $2, $3, 'claimed', $4, $5)
         on conflict (id) do update set outcome = 'claimed' where e.outcome = 'unclaimed'",
    )
    .bind(&event.id)
    .bind(&event.kind)
    .bind(object)
    .bind(event.created_at)
    .bind(now)
    .execute(db)
    .await?;
    Ok(claimed.rows_affected() == 1)
}

/// A payment, as its person is told of it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Payment {
    /// The account that it was credited to, or would have been.
    pub user_id: Option<String>,
    /// The credits of the pack.
    pub credits: Option<i32>,
    /// When its person was told.
    pub told_at: Option<DateTime<Utc>>,
}

/// The payment of this checkout.
pub async fn find(db: impl PgExecutor<'_>, session: &str) -> Result<Option<Payment>, sqlx::Error> {
    sqlx::query_as("select user_id, credits, told_at from wa.payment where session_id = $1")
        .bind(session)
        .fetch_optional(db)
        .await
}

/// A payment, as the person who made it reads it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Bought {
    /// The checkout.
    pub session_id: String,
    /// The pack.
    pub pack: String,
    /// Its credits, once they were given.
    pub credits: Option<i32>,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// Three letters.
    pub currency: String,
    /// `unpaid`, `paid`, `failed` or `unclaimed`.
    pub state: String,
    /// When the page was opened.
    pub created_at: DateTime<Utc>,
    /// When the money came.
    pub paid_at: Option<DateTime<Utc>>,
}

/// Every payment of a person, the newest first; or only the one of this checkout, if it is theirs.
pub async fn of(
    db: impl PgExecutor<'_>,
    user: &UserId,
    session: Option<&str>,
) -> Result<Vec<Bought>, sqlx::Error> {
    sqlx::query_as(
        "select session_id, pack, credits, amount, currency, state, created_at, paid_at from wa.payment
         where user_id in (select wa.accounts_of($1)) and ($2::text is null or session_id = $2)
         order by created_at desc, session_id",
    )
    .bind(user.as_str())
    .bind(session)
    .fetch_all(db)
    .await
}

/// Notes that a person was told of a payment, or could not be.
pub async fn told(db: impl PgExecutor<'_>, session: &str, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.payment set told_at = $2 where session_id = $1 and told_at is null")
        .bind(session)
        .bind(now)
        .execute(db)
        .await?;
    Ok(())
}

/// Payments that nobody could claim: session, pack, and what was wrong. For the operator.
pub async fn unclaimed(db: impl PgExecutor<'_>) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    sqlx::query_as(
        "select session_id, pack, coalesce(detail, '') from wa.payment where state = 'unclaimed' order by created_at",
    )
    .fetch_all(db)
    .await
}
