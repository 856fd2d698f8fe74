//! Entering by a number: its person has typed the code that came to it, and is in the account that it leads to, or in a
//! new one.
//!
//! The same rules as for a message that shows the number alone, so WhatsApp first and web first end in one account. An
//! account with an e-mail address that is known by its identity only is entered as well: it is the one that this person
//! writes to.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use super::identity;
use super::names::Names;
use super::resolve::{decide, held};
use super::sighting::Sighting;
use super::{UserId, account, welcome};
use crate::ledger::LedgerError;
use crate::phone::E164;
use crate::vault::Vault;

/// Who has entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// The account.
    pub user: UserId,
    /// Whether it was opened now.
    pub opened: bool,
    /// Whether the welcome gift came with it.
    pub welcomed: bool,
}

/// The account of a number whose person has just proved it, with the welcome gift if it is due. Runs inside the caller's
/// transaction, before anything in it holds an account.
pub async fn enter(
    db: &mut PgConnection,
    vault: &Vault,
    phone: &E164,
    now: DateTime<Utc>,
) -> Result<Entered, LedgerError> {
    let names = Names::of(vault, &mut *db).await?;
    let sighting = Sighting::proved(&names, phone, now);
    identity::claim(db, sighting.shown()).await?;
    let (user, opened) = loop {
        let mut attempt = db.begin().await?;
        if let Some(evidence) = held(&mut attempt, &[&sighting], None).await? {
            let user = decide(&mut attempt, &sighting, &evidence[0], now).await?;
            attempt.commit().await?;
            let opened = !evidence[0].accounts().contains(&user);
            break (user, opened);
        }
        attempt.rollback().await?;
    };
    account::has_proved(&mut *db, &user, phone, now).await?;
    let welcomed = welcome::give(db, &names, &user, phone, now).await?;
    Ok(Entered { user, opened, welcomed })
}
