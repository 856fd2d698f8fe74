//! Unlinking: an account of the web app and a phone have nothing to do with each other any more.
//!
//! Whoever says so on the web expects that what is written in WhatsApp from then on spends nothing of theirs. Almost every
//! message shows a business-scoped id, and the account would be found by it at once: so ids go with the numbers, and who
//! writes from that phone is somebody new. An account without an e-mail address has no other door, and keeps its number.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use super::names::{Name, Names};
use super::{UserId, account, welcome};
use crate::audit::{self, Act};
use crate::ledger::{self, LedgerError};
use crate::vault::Vault;

/// Unlinks every number and id of an account. `false`: it has none, or could not be entered without. Runs inside the
/// caller's transaction, before anything in it holds an account.
pub async fn unlink(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<bool, LedgerError> {
    let names = Names::of(vault, &mut *db).await?;
    loop {
        let mut attempt = db.begin().await?;
        let account = ledger::survivor(&mut attempt, user).await?;
        if let Some(all) = account::hold_with_names(&mut attempt, &names, &account).await? {
            let has_door =
                !account::with_email(&mut *attempt, std::slice::from_ref(&account)).await?.is_empty();
            let unlinked = has_door && !all.is_empty();
            if unlinked {
                unlinks(&mut attempt, &names, &account, all, now).await?;
            }
            attempt.commit().await?;
            return Ok(unlinked);
        }
        attempt.rollback().await?;
    }
}

async fn unlinks(
    db: &mut PgConnection,
    names: &Names,
    account: &UserId,
    all: Vec<Name>,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    for number in all.iter().filter_map(Name::number) {
        // Entered on its own, it would be welcomed once more.
        welcome::remember(db, names, &number, now).await?;
    }
    sqlx::query("delete from wa.identity where user_id = $1")
        .bind(account.as_str())
        .execute(&mut *db)
        .await?;
    account::forgets_its_names(&mut *db, account, now).await?;
    let key = format!("account.unlinked:{}", crate::db::new_id());
    let note = "unlinked from WhatsApp by its person";
    let act = Act { actor: "person", action: "account.unlinked", subject: account, key: &key, note };
    audit::record(db, act, now).await?;
    Ok(())
}
