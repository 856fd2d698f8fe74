//! Linking: who is signed in types the code that came to a number, and the number comes to their account, with all that
//! was written from it.
//!
//! An account that began in WhatsApp, or with a code, is the same person's and joins theirs. One with an e-mail address
//! is somebody's who must let go of the number first, whichever way it leads there; nothing is said of it.
//!
//! A second number does not end the first: its person has proved both, and may write from two phones. The web app's
//! column holds the last one. To leave a number behind is what [`super::unlink()`] is for.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use super::identity;
use super::join::joins;
use super::joined::{Columns, Shown};
use super::names::Names;
use super::resolve::{Evidence, held};
use super::sighting::Sighting;
use super::{UserId, account, known, welcome};
use crate::ledger::{self, LedgerError};
use crate::phone::E164;
use crate::vault::Vault;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a number may be another's"]
pub enum Linked {
    /// The number is this account's from now on.
    Linked {
        /// The account that it led to before, which has joined this one.
        merged: Option<UserId>,
    },
    /// It was before.
    Already,
    /// It is another account's, and nothing was done.
    Taken,
}

/// Links a number that its person has just proved to the account that they are signed in to. Runs inside the caller's
/// transaction, before anything in it holds an account.
pub async fn link(
    db: &mut PgConnection,
    vault: &Vault,
    web: &UserId,
    phone: &E164,
    now: DateTime<Utc>,
) -> Result<Linked, LedgerError> {
    let names = Names::of(vault, &mut *db).await?;
    let sighting = Sighting::proved(&names, phone, now);
    identity::claim(db, sighting.shown()).await?;
    loop {
        let mut attempt = db.begin().await?;
        if let Some(evidence) = held(&mut attempt, &[&sighting], Some(web)).await? {
            // Whoever is signed in to an account that has joined another is in that one.
            let web = ledger::survivor(&mut attempt, web).await?;
            let linked = links(&mut attempt, &web, &sighting, &evidence[0], now).await?;
            attempt.commit().await?;
            return Ok(linked);
        }
        attempt.rollback().await?;
    }
}

async fn links(
    db: &mut PgConnection,
    web: &UserId,
    sighting: &Sighting<'_>,
    evidence: &Evidence,
    now: DateTime<Utc>,
) -> Result<Linked, LedgerError> {
    known(db, web).await?.ok_or(LedgerError::NoSuchPerson)?;
    let Some(phone) = sighting.phone else { return Ok(Linked::Taken) };
    let mut others = evidence.accounts();
    others.retain(|other| other != web);
    others.sort();
    others.dedup();
    if !account::with_email(&mut *db, &others).await?.is_empty() {
        return Ok(Linked::Taken);
    }
    let holder = evidence.holder().cloned();
    let columns = Columns::of(&mut *db, web).await?;
    let has_it = columns.phone.is_some_and(|column| sighting.spellings().contains(&column));
    let already = holder.as_ref() == Some(web) && has_it && columns.linked_at.is_some();
    let merged = holder.filter(|holder| holder != web);
    if let Some(from) = &merged {
        joins(db, sighting.names, from, web, Shown::Link, now).await?;
    }
    // Whom the number led to before its holder, as far as anything still says so.
    for former in others.iter().filter(|other| Some(*other) != merged.as_ref()) {
        identity::release(db, sighting.names, phone, former, "another account has proved its number", now)
            .await?;
    }
    account::is_linked(&mut *db, web, phone, now).await?;
    identity::attach(db, sighting, web, now).await?;
    if welcome::had(db, web).await? {
        welcome::remember(db, sighting.names, phone, now).await?;
    }
    Ok(if already { Linked::Already } else { Linked::Linked { merged } })
}
