//! Payments: what Stripe tells about the checkouts of our packs becomes credits, once for each checkout, whatever is
//! told twice, late or in another order.
//!
//! Owner of `wa.stripe_event` and `wa.payment`. Locks are taken in one order: the payment's intent (a refund may come
//! before its purchase, when there is no row to lock), the account, then rows of payments.

mod returned;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::job::{Job, PaymentNotice, PaymentTold};
use crate::ledger::{self, Credits, Entry, LedgerError};
use crate::pack::Packs;
use crate::person::UserId;
use crate::spill::{self, SpillError};

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

/// The money of a checkout is there: its pack is credited, what went back meanwhile is taken again, and an older debt
/// is settled from it.
async fn paid(
    db: &mut PgConnection,
    checkout: &Checkout,
    packs: &Packs,
    now: DateTime<Utc>,
) -> Result<Outcome, PaymentError> {
    lock_intent(db, checkout.payment_intent.as_deref()).await?;
    let account = match &checkout.account {
        Some(user) => match ledger::lock(db, user).await {
            Ok((account, _)) => Some(account),
            Err(LedgerError::NoSuchPerson) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    let state = lock_payment(db, checkout, now).await?;
    if state == "paid" {
        return Ok(Outcome::AlreadyCredited);
    }
    let problem = match (packs.named(&checkout.pack), account) {
        (Some(pack), Some(account)) => return credit(db, checkout, pack.credits, &account, now).await,
        (None, _) => "no pack of ours has this name",
        (_, None) => "no account of ours was named",
    };
    sqlx::query(
        "update wa.payment set state = 'unclaimed', detail = $2, paid_at = $3, payment_intent = coalesce($4, payment_intent)
         where session_id = $1",
    )
    .bind(&checkout.session)
    .bind(problem)
    .bind(now)
    .bind(&checkout.payment_intent)
    .execute(db)
    .await?;
    Ok(Outcome::Unclaimed)
}

async fn credit(
    db: &mut PgConnection,
    checkout: &Checkout,
    credits: Credits,
    account: &UserId,
    now: DateTime<Utc>,
) -> Result<Outcome, PaymentError> {
    let posted = ledger::post(db, account, Entry::Purchase(&checkout.session, credits), now).await?;
    let outcome = match posted {
        ledger::Posted::Applied(_) => Outcome::Credited,
        ledger::Posted::AlreadyApplied(_) | ledger::Posted::Insufficient => Outcome::AlreadyCredited,
    };
    crate::fault::point("purchase.posted");
    sqlx::query(
        "update wa.payment set state = 'paid', detail = null, user_id = $2, credits = $3, amount = $4, currency = $5,
                paid_at = $6, payment_intent = coalesce($7, payment_intent)
         where session_id = $1",
    )
    .bind(&checkout.session)
    .bind(account.as_str())
    .bind(credits.column())
    .bind(checkout.amount)
    .bind(&checkout.currency)
    .bind(now)
    .bind(&checkout.payment_intent)
    .execute(&mut *db)
    .await?;
    returned::rebalance(db, &checkout.session, &checkout.session, now).await?;
    settle_debt(db, account, &checkout.session, now).await?;
    tell(db, &checkout.session, PaymentTold::Paid, now).await?;
    Ok(outcome)
}

/// The money of a checkout is on its way (`unpaid`), or will not come (`failed`). One that is paid stays so: events
/// have no order.
async fn unpaid(
    db: &mut PgConnection,
    checkout: &Checkout,
    state: &'static str,
    now: DateTime<Utc>,
) -> Result<Outcome, PaymentError> {
    let known = lock_payment(db, checkout, now).await?;
    match (known.as_str(), state) {
        ("paid" | "unclaimed", _) => return Ok(Outcome::AlreadyCredited),
        ("failed", "unpaid") => return Ok(Outcome::Failed),
        _ => {}
    }
    sqlx::query("update wa.payment set state = $2 where session_id = $1")
        .bind(&checkout.session)
        .bind(state)
        .execute(&mut *db)
        .await?;
    if state == "unpaid" {
        return Ok(Outcome::Unpaid);
    }
    if known != "failed" {
        tell(db, &checkout.session, PaymentTold::Failed, now).await?;
    }
    Ok(Outcome::Failed)
}

/// Holds the intent of a payment until the transaction ends, whether or not its row exists yet.
async fn lock_intent(db: &mut PgConnection, intent: Option<&str>) -> Result<(), sqlx::Error> {
    let Some(intent) = intent else { return Ok(()) };
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('stripe:' || $1, 0))")
        .bind(intent)
        .execute(db)
        .await?;
    Ok(())
}

/// Holds the row of a payment, which is made if there is none. Returns its state.
async fn lock_payment(
    db: &mut PgConnection,
    checkout: &Checkout,
    now: DateTime<Utc>,
) -> Result<String, sqlx::Error> {
    sqlx::query(
        "insert into wa.payment (session_id, payment_intent, user_id, pack, amount, currency, state, created_at)
         values ($1, $2, $3, $4, $5, $6, 'unpaid', $7) on conflict (session_id) do nothing",
    )
    .bind(&checkout.session)
    .bind(&checkout.payment_intent)
    .bind(checkout.account.as_ref().map(UserId::as_str))
    .bind(&checkout.pack)
    .bind(checkout.amount)
    .bind(&checkout.currency)
    .bind(checkout.created_at.min(now))
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar("select state from wa.payment where session_id = $1 for update")
        .bind(&checkout.session)
        .fetch_one(db)
        .await
}

/// What earlier returns could not take from an account is taken from this purchase. The account is locked.
async fn settle_debt(
    db: &mut PgConnection,
    account: &UserId,
    session: &str,
    now: DateTime<Utc>,
) -> Result<(), PaymentError> {
    let owing: Vec<(String, i32)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{ACCOUNTS_OF} select session_id, owed - taken from wa.payment
         where user_id in (select id from accounts) and owed > taken order by session_id for update"
    )))
    .bind(account.as_str())
    .fetch_all(&mut *db)
    .await?;
    let debt: i64 = owing.iter().map(|(_, owes)| i64::from(*owes)).sum();
    let debt = Credits::new(u32::try_from(debt).unwrap_or(u32::MAX));
    let balance = ledger::balance(db, account).await?;
    let taken = ledger::take(db, (account, balance), debt, |taken| Entry::Debt(session, taken), now).await?;
    let mut left = taken.column();
    for (payment, owes) in owing {
        let part = owes.min(left);
        left -= part;
        sqlx::query("update wa.payment set taken = taken + $2 where session_id = $1")
            .bind(payment)
            .bind(part)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Every account that is this one today.
const ACCOUNTS_OF: &str = "with recursive accounts (id) as (
   select $1::text union select m.from_user from accounts join wa.merged_account m on m.into_user = accounts.id
 )";

/// The credits that went back to where they came from in money, and that the account did not have any more.
pub async fn debt(db: impl PgExecutor<'_>, account: &UserId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "{ACCOUNTS_OF} select coalesce(sum(owed - taken), 0)::bigint from wa.payment
         where user_id in (select id from accounts) and owed > taken"
    )))
    .bind(account.as_str())
    .fetch_one(db)
    .await
}

/// Asks a worker to tell the person, in this very transaction: the relay brings it into the queue.
async fn tell(
    db: &mut PgConnection,
    session: &str,
    told: PaymentTold,
    now: DateTime<Utc>,
) -> Result<(), SpillError> {
    let job = Job::payment(PaymentNotice { session: session.to_owned(), told }, now);
    spill::put(db, &[job], now).await
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
