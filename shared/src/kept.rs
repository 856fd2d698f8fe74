//! The brief for which there was no credit: kept for a day, so that whoever buys some need not write it again.
//!
//! Owner of `wa.kept_brief`. A message that takes it has it for itself, however often it is tried, until it has ended.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::ledger::{self, LedgerError};
use crate::message::MessageId;
use crate::person::UserId;
use crate::vault::{Place, Vault};

/// How long a brief can be taken. It is there for as long again (`retention.rs`).
pub(crate) const KEPT: TimeDelta = TimeDelta::hours(24);

/// The row for which a brief is sealed: it moves when its person's accounts become one, and their key opens it all the same.
const ANYBODYS: &str = "";

/// Keeps a brief in place of an earlier one.
pub async fn keep(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    brief: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let key = vault.key(&mut *db, user).await?;
    sqlx::query(
        "insert into wa.kept_brief (user_id, brief, kept_at) values ($1, $2, $3)
         on conflict (user_id) do update set brief = excluded.brief, kept_at = excluded.kept_at, taken_by = null",
    )
    .bind(user.as_str())
    .bind(key.seal(Place::KeptBrief, ANYBODYS, brief))
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// The brief that is kept for this person and that nobody has taken.
pub async fn find(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<Option<String>, sqlx::Error> {
    let stored = sqlx::query_scalar(
        "select brief from wa.kept_brief where user_id = $1 and taken_by is null and kept_at > $2",
    )
    .bind(user.as_str())
    .bind(now - KEPT)
    .fetch_optional(&mut *db)
    .await?;
    open(db, vault, stored).await
}

/// The words of a brief, as it stands in the table.
async fn open(
    db: &mut PgConnection,
    vault: &Vault,
    stored: Option<String>,
) -> Result<Option<String>, sqlx::Error> {
    let Some(stored) = stored else { return Ok(None) };
    let keys = vault.keys(db, &[&stored]).await?;
    Ok(keys.open(Place::KeptBrief, ANYBODYS, stored)?)
}

/// Takes the brief for this message. The same message finds it again.
///
/// The account is locked before its brief, as by a brief that finds no credit and is kept: in two orders, each of two
/// conversations of one person would wait for the other.
pub async fn take(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    message: &MessageId,
    now: DateTime<Utc>,
) -> Result<Option<String>, LedgerError> {
    let (user, _) = ledger::lock(db, user).await?;
    let brief = sqlx::query_scalar(
        "update wa.kept_brief set taken_by = $2
         where user_id = $1 and (taken_by = $2 or taken_by is null and kept_at > $3)
         returning brief",
    )
    .bind(user.as_str())
    .bind(message.as_str())
    .bind(now - KEPT)
    .fetch_optional(&mut *db)
    .await?;
    Ok(open(db, vault, brief).await?)
}

/// The message that had taken it came to nothing: it can be taken again.
pub async fn give_back(db: impl PgExecutor<'_>, message: &MessageId) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.kept_brief set taken_by = null where taken_by = $1")
        .bind(message.as_str())
        .execute(db)
        .await?;
    Ok(())
}
