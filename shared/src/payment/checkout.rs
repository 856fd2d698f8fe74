//! What a checkout comes to: its money is there, is on its way, or will not come.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Checkout, Outcome, PaymentError, debt, returned};
use crate::job::{Job, PaymentNotice, PaymentTold};
use crate::ledger::{self, Credits, Entry, LedgerError};
use crate::pack::Packs;
use crate::person::UserId;
use crate::spill::{self, SpillError};

/// The money of a checkout is there: its pack is credited, what went back meanwhile is taken again, and an older debt
/// is settled from it.
pub(super) async fn paid(
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
    debt::settle(db, account, &checkout.session, now).await?;
    tell(db, &checkout.session, PaymentTold::Paid, now).await?;
    Ok(outcome)
}

/// The money of a checkout is on its way (`unpaid`), or will not come (`failed`). One that is paid stays so: events
/// have no order.
pub(super) async fn unpaid(
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
pub(super) async fn lock_intent(db: &mut PgConnection, intent: Option<&str>) -> Result<(), sqlx::Error> {
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

/// Asks a worker to tell the person, in this very transaction: the relay brings it into the queue.
async fn tell(
    db: &mut PgConnection,
    session: &str,
    told: PaymentTold,
    now: DateTime<Utc>,
) -> Result<(), SpillError> {
    let job = Job::payment(PaymentNotice { session: session.to_owned(), told }, now);
    // It says nothing about anybody.
    spill::put(db, None, &[job], now).await
}
