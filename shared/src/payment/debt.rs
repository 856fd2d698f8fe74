//! Credits that went back in money and had been spent: a debt of the account, which its next purchase settles.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::PaymentError;
use crate::ledger::{self, Credits, Entry};
use crate::person::UserId;

/// What earlier returns could not take from an account is taken from this purchase. The account is locked.
pub(super) async fn settle(
    db: &mut PgConnection,
    account: &UserId,
    session: &str,
    now: DateTime<Utc>,
) -> Result<(), PaymentError> {
    let owing: Vec<(String, i32)> = sqlx::query_as(
        "select session_id, owed - taken from wa.payment
         where user_id in (select wa.accounts_of($1)) and owed > taken order by session_id for update",
    )
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

/// What of this checkout's credits went to settle an older debt.
pub async fn settled(db: impl PgExecutor<'_>, session: &str) -> Result<Credits, sqlx::Error> {
    let delta: Option<Option<i32>> = sqlx::query_scalar("select delta from wa.credit_op where key = $1")
        .bind(Entry::Debt(session, Credits::default()).key())
        .fetch_optional(db)
        .await?;
    Ok(Credits::from_column(-delta.flatten().unwrap_or_default()))
}

/// The credits that went back to where they came from in money, and that the account did not have any more.
pub async fn debt(db: impl PgExecutor<'_>, account: &UserId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce(sum(owed - taken), 0)::bigint from wa.payment
         where user_id in (select wa.accounts_of($1)) and owed > taken",
    )
    .bind(account.as_str())
    .fetch_one(db)
    .await
}
