//! The books of credits: every change of a balance is one row of `"CreditLedger"`, one update of
//! `"User"."credits"` and one key in `wa.credit_op`, in one statement.
//!
//! Owner of `wa.credit_op`, of our rows in `"CreditLedger"`, and of every write to `"User"."credits"`. The cause
//! of an entry decides its sign, its reason and its key, so they cannot disagree; posting the same cause again
//! does nothing. The web app writes the same tables with its own code: we lock the person's row, as its
//! `credits = credits - 1` does.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::message::MessageId;
use crate::person::UserId;

/// What one generation costs.
pub const PRICE: i32 = 1;

/// A number of credits: never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credits(u32);

impl Credits {
    /// So many credits.
    #[must_use]
    pub fn new(credits: u32) -> Self {
        Self(credits)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }

    fn from_column(credits: i32) -> Self {
        Self(u32::try_from(credits).unwrap_or(0))
    }
}

/// One line of the books, named by its cause.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// A generation is held: −1, key `generation:<message>`.
    Generation(&'a MessageId),
    /// A held generation came to nothing: +1, key `refund:<message>`.
    Refund(&'a MessageId),
}

impl Entry<'_> {
    fn delta(self) -> i32 {
        match self {
            Self::Generation(_) => -PRICE,
            Self::Refund(_) => PRICE,
        }
    }

    /// The word that the web app shows in its history.
    fn reason(self) -> &'static str {
        match self {
            Self::Generation(_) => "whatsapp_generation",
            Self::Refund(_) => "refund",
        }
    }

    fn message(self) -> MessageId {
        match self {
            Self::Generation(message) | Self::Refund(message) => message.clone(),
        }
    }

    fn key(self) -> String {
        let kind = match self {
            Self::Generation(_) => "generation",
            Self::Refund(_) => "refund",
        };
        let key = format!("{kind}:{}", self.message().as_str());
        if crate::fault::without("ledger_key") { format!("{key}:{}", crate::db::new_id()) } else { key }
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
pub async fn post(
    db: &mut PgConnection,
    user: &UserId,
    entry: Entry<'_>,
    now: DateTime<Utc>,
) -> Result<Posted, LedgerError> {
    let key = entry.key();
    // The key is claimed first; the row, then the balance, follow only from a claimed key. The new balance is counted
    // from the locked row: the update itself begins with the row as it was before we waited for the lock, and a check
    // constraint would judge that one (0 − 1, where a purchase has just made it 20).
    // The lock is the one that the update takes anyway: two receipts of one person both hold a weaker one on this row
    // by their foreign keys, and a stronger one would wait for the other's for ever.
    let row: Option<(i32, Option<i32>)> = sqlx::query_as(
        r#"
        with person as (select "id", "credits" from "User" where "id" = $1 for no key update),
        op as (
            insert into wa.credit_op (key, ledger_id, user_id, message_id, created_at)
            select $2, $3, "id", $4, $7 from person where "credits" + $5 >= 0
            on conflict (key) do nothing
            returning ledger_id
        ),
        entry as (
            insert into "CreditLedger" ("id", "userId", "delta", "reason", "createdAt")
            select ledger_id, $1, $5, $6, $8 from op
        ),
        moved as (
            update "User" set "credits" = person."credits" + $5, "updatedAt" = $8
            from op, person where "User"."id" = person."id"
            returning "User"."credits"
        )
        select person."credits", (select "credits" from moved) from person
        "#,
    )
    .bind(user.as_str())
    .bind(&key)
    .bind(crate::db::new_id())
    .bind(entry.message().as_str())
    .bind(entry.delta())
    .bind(entry.reason())
    .bind(now)
    .bind(now.naive_utc())
    .fetch_optional(&mut *db)
    .await?;
    let (before, after) = row.ok_or(LedgerError::NoSuchPerson)?;
    if let Some(after) = after {
        return Ok(Posted::Applied(Credits::from_column(after)));
    }
    // Either the key was known or the balance too low. A twin that committed while we waited for the row is
    // invisible to the statement above, so the key is looked up by a fresh one.
    let known: bool = sqlx::query_scalar("select exists (select from wa.credit_op where key = $1)")
        .bind(&key)
        .fetch_one(&mut *db)
        .await?;
    Ok(if known { Posted::AlreadyApplied(Credits::from_column(before)) } else { Posted::Insufficient })
}

/// Gives back what was held for a message, once, if anything was held. Says whether a debit had been there.
pub async fn refund(
    db: &mut PgConnection,
    user: &UserId,
    message: &MessageId,
    now: DateTime<Utc>,
) -> Result<bool, LedgerError> {
    let held: bool = sqlx::query_scalar("select exists (select from wa.credit_op where key = $1)")
        .bind(Entry::Generation(message).key())
        .fetch_one(&mut *db)
        .await?;
    if held {
        let _ = post(db, user, Entry::Refund(message), now).await?;
    }
    Ok(held)
}

/// The balance.
pub async fn balance(db: &mut PgConnection, user: &UserId) -> Result<Credits, LedgerError> {
    let credits: Option<i32> = sqlx::query_scalar(r#"select "credits" from "User" where "id" = $1"#)
        .bind(user.as_str())
        .fetch_optional(db)
        .await?;
    credits.map(Credits::from_column).ok_or(LedgerError::NoSuchPerson)
}
