//! Two accounts that turn out to be one person's: the credits of the one move to the other, as two lines that anybody
//! can read, and what is still owed to the old one (a refund, a return) finds the new one.
//!
//! Owner of `wa.merged_account`. Lines are never rewritten: a merge is undone by the lines of a merge back.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Credits, Entry, LedgerError, post};
use crate::person::UserId;

/// What became of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Merged {
    /// So many credits moved.
    Moved(Credits),
    /// One of the two had joined another account before, or they are the same. Nothing was written.
    Not,
}

/// Joins the account `from` to the account `into`: the ledger's part of it. Belongs in the transaction that moves the
/// rest of a person (identities, payments, history).
pub async fn merge(
    db: &mut PgConnection,
    from: &UserId,
    into: &UserId,
    now: DateTime<Utc>,
) -> Result<Merged, LedgerError> {
    // Both in one order, whichever way they are merged: two merges cannot wait for each other. And none waits for an
    // account that has joined another: whoever holds that one may be on its way to the other, which is held here.
    let mut both = [from, into];
    both.sort_by_key(|user| user.as_str());
    let mut balance = Credits::default();
    for user in both {
        if from == into || has_joined(db, from, into).await? {
            return Ok(Merged::Not);
        }
        let credits: Option<i32> =
            sqlx::query_scalar(r#"select "credits" from "User" where "id" = $1 for no key update"#)
                .bind(user.as_str())
                .fetch_optional(&mut *db)
                .await?;
        let credits = Credits::from_column(credits.ok_or(LedgerError::NoSuchPerson)?);
        if user == from {
            balance = credits;
        }
    }
    if has_joined(db, from, into).await? {
        return Ok(Merged::Not);
    }
    // The lines first: whatever is posted to an account that has joined another goes to that one.
    if balance > Credits::default() {
        let which = which(db, from, "merged_out").await?;
        let _ = post(db, from, Entry::MergedOut(&which, balance), now).await?;
        let _ = post(db, into, Entry::MergedIn(&which, balance), now).await?;
    }
    sqlx::query("insert into wa.merged_account (from_user, into_user, merged_at) values ($1, $2, $3)")
        .bind(from.as_str())
        .bind(into.as_str())
        .bind(now)
        .execute(&mut *db)
        .await?;
    Ok(Merged::Moved(balance))
}

/// Separates the account `from` from `into`, which it has joined and which has joined no other: the ledger's part of
/// it. So many credits go back, or what is left of them. Both are held, `from` first: whoever waits for an account that
/// is being joined holds it on the way to the other.
pub async fn unmerge(
    db: &mut PgConnection,
    from: &UserId,
    into: &UserId,
    at_most: Credits,
    now: DateTime<Utc>,
) -> Result<Credits, LedgerError> {
    // What is posted to an account that has joined another goes to that one: this ends first.
    sqlx::query("delete from wa.merged_account where from_user = $1 and into_user = $2")
        .bind(from.as_str())
        .bind(into.as_str())
        .execute(&mut *db)
        .await?;
    let balance = super::balance(db, into).await?;
    let which = which(db, from, "unmerged_in").await?;
    let back =
        super::take(db, (into, balance), at_most, |back| Entry::UnmergedOut(&which, back), now).await?;
    if back > Credits::default() {
        let _ = post(db, from, Entry::UnmergedIn(&which, back), now).await?;
    }
    Ok(back)
}

/// Which of the joins, or of the separations, of this account: the first is named after it alone.
async fn which(db: &mut PgConnection, from: &UserId, kind: &str) -> Result<String, sqlx::Error> {
    let before: i64 = sqlx::query_scalar(
        "select count(*) from wa.credit_op where user_id = $1 and starts_with(key, $2 || ':' || $1)",
    )
    .bind(from.as_str())
    .bind(kind)
    .fetch_one(db)
    .await?;
    let account = from.as_str();
    Ok(if before == 0 { account.to_owned() } else { format!("{account}:{before}") })
}

/// Whether one of these has joined another account.
async fn has_joined(db: &mut PgConnection, one: &UserId, other: &UserId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from wa.merged_account where from_user in ($1, $2))")
        .bind(one.as_str())
        .bind(other.as_str())
        .fetch_one(db)
        .await
}

/// The account that this one is today: itself, or the last of those that it has joined, one after the other.
pub async fn survivor(db: &mut PgConnection, user: &UserId) -> Result<UserId, LedgerError> {
    let id: String = sqlx::query_scalar("select wa.survivor($1)").bind(user.as_str()).fetch_one(db).await?;
    Ok(UserId::from_stored(id))
}
