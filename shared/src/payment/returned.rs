//! Money that went back (a refund, a dispute) takes back the credits that it had bought: in proportion, at most down to
//! zero, and gives them again when the money comes again after all.
//!
//! Owner of `wa.payment_return`. Stripe tells of one refund in several events that may come in any order, and before
//! the purchase. So nothing is added up from events: each changes what is known about returns, and the payment is
//! then brought to what follows from all of them.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::checkout::lock_intent;
use super::{Outcome, PaymentError};
use crate::ledger::{self, Credits, Entry};
use crate::person::UserId;

/// What kind of return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnKind {
    /// A refund of its own (`re_...`).
    Refund,
    /// A dispute (`du_...`, `dp_...`).
    Dispute,
    /// The running total of all refunds that a charge tells (`ch_...`): they may not have been told one by one.
    Charge,
}

/// Whether the money is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnState {
    /// Not yet.
    Pending,
    /// It went back.
    Gone,
    /// It came again, or never went: final.
    Back,
}

/// What is known of one return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// Its id at Stripe.
    pub id: String,
    /// The payment that it belongs to.
    pub payment_intent: String,
    /// Its kind.
    pub kind: ReturnKind,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// Where the money is.
    pub state: ReturnState,
}

impl ReturnKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Dispute => "dispute",
            Self::Charge => "charge",
        }
    }
}

impl ReturnState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Gone => "gone",
            Self::Back => "back",
        }
    }
}

/// Takes note of a return, and brings its payment to what follows.
pub async fn returned(
    db: &mut PgConnection,
    back: &Return,
    now: DateTime<Utc>,
) -> Result<Outcome, PaymentError> {
    lock_intent(db, Some(&back.payment_intent)).await?;
    // Forward only: pending, gone, back. A running total only grows.
    let changed = sqlx::query(
        "insert into wa.payment_return as known (id, payment_intent, kind, amount, state, told_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (id) do update set
           state = excluded.state, amount = greatest(known.amount, excluded.amount), told_at = excluded.told_at
         where array_position(array['pending', 'gone', 'back'], known.state)
             < array_position(array['pending', 'gone', 'back'], excluded.state)
            or (known.kind = 'charge' and known.amount < excluded.amount)",
    )
    .bind(&back.id)
    .bind(&back.payment_intent)
    .bind(back.kind.as_str())
    .bind(back.amount)
    .bind(back.state.as_str())
    .bind(now)
    .execute(&mut *db)
    .await?;
    let payment: Option<(String, Option<String>)> = sqlx::query_as(
        "select session_id, user_id from wa.payment where payment_intent = $1 and state = 'paid'",
    )
    .bind(&back.payment_intent)
    .fetch_optional(&mut *db)
    .await?;
    let Some((session, Some(_))) = payment else { return Ok(Outcome::Parked) };
    if changed.rows_affected() > 0 {
        let cause = match back.kind {
            ReturnKind::Charge => format!("{}:{}", back.id, back.amount),
            ReturnKind::Refund | ReturnKind::Dispute => back.id.clone(),
        };
        rebalance(db, &session, &cause, now).await?;
    }
    Ok(Outcome::Returned)
}

/// Takes from the payment's account what is owed and not taken yet, or gives again what was taken and is not owed any
/// more. `cause` keys the line. The intent is locked.
pub(super) async fn rebalance(
    db: &mut PgConnection,
    session: &str,
    cause: &str,
    now: DateTime<Utc>,
) -> Result<(), PaymentError> {
    let (user, credits, amount): (String, i32, i64) =
        sqlx::query_as("select user_id, credits, amount from wa.payment where session_id = $1")
            .bind(session)
            .fetch_one(&mut *db)
            .await?;
    let gone: i64 = sqlx::query_scalar(
        "select greatest(
             coalesce(sum(r.amount) filter (where r.kind = 'refund' and r.state = 'gone'), 0),
             coalesce(max(r.amount) filter (where r.kind = 'charge'), 0)
               - coalesce(sum(r.amount) filter (where r.kind = 'refund' and r.state = 'back'), 0))::bigint
           + coalesce(sum(r.amount) filter (where r.kind = 'dispute' and r.state = 'gone'), 0)::bigint
         from wa.payment_return r join wa.payment p using (payment_intent) where p.session_id = $1",
    )
    .bind(session)
    .fetch_one(&mut *db)
    .await?;
    let owed = share(credits, gone, amount);
    let (account, balance) = ledger::lock(db, &UserId::from_stored(user)).await?;
    // The account before the payment: a purchase that settles debts holds it, and then wants the rows of others.
    let taken: i32 = sqlx::query_scalar("select taken from wa.payment where session_id = $1 for update")
        .bind(session)
        .fetch_one(&mut *db)
        .await?;
    let taken = match owed.cmp(&taken) {
        Ordering::Greater => {
            let more = Credits::from_column(owed - taken);
            let line = |part| Entry::Return(cause, part);
            taken + ledger::take(db, (&account, balance), more, line, now).await?.column()
        }
        Ordering::Less => {
            let again = Credits::from_column(taken - owed);
            let _ = ledger::post(db, &account, Entry::Reinstated(cause, again), now).await?;
            owed
        }
        Ordering::Equal => taken,
    };
    crate::fault::point("return.posted");
    sqlx::query("update wa.payment set owed = $2, taken = $3 where session_id = $1")
        .bind(session)
        .bind(owed)
        .bind(taken)
        .execute(db)
        .await?;
    Ok(())
}

/// The credits that so much of the price had bought. In favour of the person: a part of a credit stays.
fn share(credits: i32, gone: i64, amount: i64) -> i32 {
    if amount <= 0 {
        return 0;
    }
    let part = i128::from(credits) * i128::from(gone.clamp(0, amount)) / i128::from(amount);
    i32::try_from(part).unwrap_or(credits)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn credits_go_back_in_proportion_and_never_more_than_there_were() {
        assert_eq!(share(20, 490, 490), 20);
        assert_eq!(share(20, 245, 490), 10);
        assert_eq!(share(20, 24, 490), 0);
        assert_eq!(share(20, 489, 490), 19);
        assert_eq!(share(20, 10_000, 490), 20);
        assert_eq!(share(20, -5, 490), 0);
        assert_eq!(share(20, 100, 0), 0);
        assert_eq!(share(i32::MAX, i64::MAX, i64::MAX), i32::MAX);
    }
}
