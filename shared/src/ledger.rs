//! The books of credits: every change of a balance is one row of `"CreditLedger"`, one update of
//! `"User"."credits"` and one key in `wa.credit_op`, by one function (`wa.post`).
//!
//! Owner of `wa.credit_op`, of our rows in `"CreditLedger"`, and of every write to `"User"."credits"`. Posting the same
//! cause again does nothing. The web app writes the same tables with its own code: we lock the person's row, as its
//! `credits = credits - 1` does.

mod entry;
mod history;
mod merge;
mod reconcile;
mod statement;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::message::MessageId;
use crate::person::UserId;

pub use entry::{Entry, PRICE, SIGNUP_BONUS};
pub use history::{Movement, history};
pub use merge::{Merged, merge, survivor, unmerge};
pub use reconcile::{
    Blame, Difference, Reconciliation, confirmed, imbalance, last_look, look, opening, record,
};
pub use statement::{Line, held, ran_low, statement};

/// A number of credits: never negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credits(u32);

impl Credits {
    /// So many credits.
    #[must_use]
    pub const fn new(credits: u32) -> Self {
        Self(credits)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    /// As Postgres holds it. More than it can hold is more than anybody can own: the addition is refused there.
    #[must_use]
    pub fn column(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }

    /// A number that a check of the database keeps from being negative.
    #[must_use]
    pub fn from_column(credits: i32) -> Self {
        Self(u32::try_from(credits).unwrap_or(0))
    }
}

/// What became of an entry.
#[must_use = "an insufficient balance is an answer, not an error"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// The balance moved, to this.
    Applied(Credits),
    /// This cause had been posted before; the balance stands at this.
    AlreadyApplied(Credits),
    /// The balance does not allow it. Nothing was written.
    Insufficient,
}

/// The person of an entry is not in the books: the row was removed by someone else.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Postgres did not do it.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// No such `"User"`.
    #[error("the person of a ledger entry does not exist")]
    NoSuchPerson,
}

/// Posts one entry. Atomic in itself, and meant to share a transaction with the fact that causes it.
///
/// A debit of an account that has just joined another one is paid by that one; credits for an account that may have
/// joined another one are posted to [`lock`]'s answer.
pub async fn post(
    db: &mut PgConnection,
    user: &UserId,
    entry: Entry<'_>,
    now: DateTime<Utc>,
) -> Result<Posted, LedgerError> {
    let balance = match write(db, user, entry, now).await? {
        Some((_, Some(after))) => return Ok(Posted::Applied(Credits::from_column(after))),
        Some((before, None)) => Some(Credits::from_column(before)),
        None => None,
    };
    // Either the key was known, or the balance too low, or the account has joined another one. A twin that committed
    // while we waited for the row is invisible to the statement above, so all of it is looked up by a fresh one.
    let (known, moved): (bool, bool) = sqlx::query_as(
        "select exists (select from wa.credit_op where key = $1),
                exists (select from wa.merged_account where from_user = $2)",
    )
    .bind(entry.key())
    .bind(user.as_str())
    .fetch_one(&mut *db)
    .await?;
    match balance {
        Some(balance) if known => return Ok(Posted::AlreadyApplied(balance)),
        Some(_) if !moved => return Ok(Posted::Insufficient),
        None if !moved => return Err(LedgerError::NoSuchPerson),
        _ => {}
    }
    let (now_in, balance) = lock(db, user).await?;
    if known {
        return Ok(Posted::AlreadyApplied(balance));
    }
    match write(db, &now_in, entry, now).await? {
        Some((_, Some(after))) => Ok(Posted::Applied(Credits::from_column(after))),
        Some((_, None)) => Ok(Posted::Insufficient),
        None => Err(LedgerError::NoSuchPerson),
    }
}

/// Key, row and balance in one call of the function of the books. Returns the balance before, and after if it moved;
/// `None`: no such account, or one that has joined another.
async fn write(
    db: &mut PgConnection,
    user: &UserId,
    entry: Entry<'_>,
    now: DateTime<Utc>,
) -> Result<Option<(i32, Option<i32>)>, sqlx::Error> {
    sqlx::query_as("select before, after from wa.post($1, $2, $3, $4, $5, $6, $7)")
        .bind(user.as_str())
        .bind(entry.key())
        .bind(crate::db::new_id())
        .bind(entry.message().as_ref().map(MessageId::as_str))
        .bind(entry.delta())
        .bind(entry.reason())
        .bind(now)
        .fetch_optional(db)
        .await
}

/// Holds an account until the transaction ends: the one that this account is, or has joined. Returns it with its
/// balance.
pub async fn lock(db: &mut PgConnection, user: &UserId) -> Result<(UserId, Credits), LedgerError> {
    let mut account = user.clone();
    loop {
        let found: Option<(String, i32)> = sqlx::query_as(
            r#"select "id", "credits" from "User" where "id" = wa.survivor($1) for no key update"#,
        )
        .bind(account.as_str())
        .fetch_optional(&mut *db)
        .await?;
        let (held, credits) = found.ok_or(LedgerError::NoSuchPerson)?;
        let held = UserId::from_stored(held);
        // It may have joined another one while we waited for it. From now on it cannot.
        account = survivor(db, &held).await?;
        if account == held {
            return Ok((held, Credits::from_column(credits)));
        }
    }
}

/// Gives back what was held for a message, once, if anything was held: to the account that was charged, or the one that
/// it has joined. Says whether a debit had been there.
pub async fn refund(
    db: &mut PgConnection,
    message: &MessageId,
    now: DateTime<Utc>,
) -> Result<bool, LedgerError> {
    let charged: Option<String> = sqlx::query_scalar("select user_id from wa.credit_op where key = $1")
        .bind(Entry::Generation(message).key())
        .fetch_optional(&mut *db)
        .await?;
    let Some(charged) = charged else { return Ok(false) };
    let (account, _) = lock(db, &UserId::from_stored(charged)).await?;
    let _ = post(db, &account, Entry::Refund(message), now).await?;
    Ok(true)
}

/// Takes as many of these credits as there are, down to zero. `entry` makes the line from what is taken; nothing is
/// written when that is nothing. The account must be [`lock`]ed with this balance.
pub async fn take<'a>(
    db: &mut PgConnection,
    (account, balance): (&UserId, Credits),
    at_most: Credits,
    entry: impl FnOnce(Credits) -> Entry<'a>,
    now: DateTime<Utc>,
) -> Result<Credits, LedgerError> {
    let taken = at_most.min(balance);
    if taken == Credits::default() {
        return Ok(taken);
    }
    match post(db, account, entry(taken), now).await? {
        Posted::Applied(_) => Ok(taken),
        Posted::AlreadyApplied(_) | Posted::Insufficient => Ok(Credits::default()),
    }
}

/// Whether a credit was ever taken for this message.
pub async fn is_held(db: &mut PgConnection, message: &MessageId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from wa.credit_op where key = $1)")
        .bind(Entry::Generation(message).key())
        .fetch_one(db)
        .await
}

/// The balance.
pub async fn balance(db: &mut PgConnection, user: &UserId) -> Result<Credits, LedgerError> {
    let credits: Option<i32> = sqlx::query_scalar(r#"select "credits" from "User" where "id" = $1"#)
        .bind(user.as_str())
        .fetch_optional(db)
        .await?;
    credits.map(Credits::from_column).ok_or(LedgerError::NoSuchPerson)
}

/// When the `n`-th last generation of this person after `since` was begun, without this message's own.
pub async fn nth_generation(
    db: &mut PgConnection,
    user: &UserId,
    without: &MessageId,
    n: u32,
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar(
        "select created_at from wa.credit_op
         where user_id in (select wa.accounts_of($1)) and created_at > $2 and starts_with(key, 'generation:')
           and message_id <> $3
         order by seq desc offset $4 limit 1",
    )
    .bind(user.as_str())
    .bind(since)
    .bind(without.as_str())
    .bind(i64::from(n) - 1)
    .fetch_optional(db)
    .await
}
