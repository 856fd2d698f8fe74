//! A change of identity that the provider announces: a new number, a new business-scoped id, or both.
//!
//! Two sightings in one: the names before the change, which belong together, and those after it, which are the same
//! person's. It may come before the first message under the new names, or after: then that message has opened an
//! account, which joins the old one. A new number that somebody had before the change was theirs, and not this person's.
//! It may come late, so that the old number is another's already: nothing is taken from them.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};

use super::identity;
use super::join::join;
use super::names::Names;
use super::picture::{self, Known};
use super::resolve::{DISORDER, Evidence, decide, held};
use super::sighting::Sighting;
use super::{UserId, account};
use crate::ledger::LedgerError;
use crate::message::Provider;
use crate::phone::E164;
use crate::vault::Vault;

/// What is announced. Meta only: at least one name before the change, and one after it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The id before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_bsuid: Option<String>,
    /// The number before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_phone: Option<E164>,
    /// The id from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bsuid: Option<String>,
    /// The number from now on. None: it is not told; the one before it stays what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<E164>,
}

impl fmt::Debug for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Change(..)")
    }
}

/// Moves the names of a person, and says whose they are now. Runs inside the caller's transaction, before anything in
/// it holds an account. `at`: when it changed, says the provider.
pub async fn changed(
    db: &mut PgConnection,
    vault: &Vault,
    change: &Change,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<UserId, LedgerError> {
    let at = at.min(now);
    let provider = Provider::Meta;
    let (bsuid, phone) = (change.previous_bsuid.as_deref(), change.previous_phone.as_ref());
    let names = &Names::of(vault, &mut *db).await?;
    let before = Sighting { names, provider, bsuid, phone, at, spelled: true };
    let after = Sighting { bsuid: change.bsuid.as_deref(), phone: change.phone.as_ref(), ..before.clone() };
    identity::claim(db, before.shown().into_iter().chain(after.shown()).collect()).await?;
    loop {
        let mut attempt = db.begin().await?;
        if let Some(evidence) = held(&mut attempt, &[&before, &after], None).await? {
            let user = decide(&mut attempt, &before, &evidence[0], now).await?;
            let user = moves(&mut attempt, &before, &after, user, now).await?;
            attempt.commit().await?;
            return Ok(user);
        }
        attempt.rollback().await?;
    }
}

/// Gives the names after the change to the account that had those before it.
async fn moves(
    db: &mut PgConnection,
    before: &Sighting<'_>,
    after: &Sighting<'_>,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<UserId, LedgerError> {
    let evidence = Evidence::read(db, after).await?;
    let outdated = evidence
        .picture
        .bsuid
        .as_ref()
        .is_some_and(|known| known.retired_at.is_some_and(|at| after.at <= at));
    let Some(user) = whose(db, before, after, &evidence, user.clone(), now).await? else {
        // Two accounts of the web app: each keeps what it has, and the old names are no longer news.
        ends(db, before, after, &user, now).await?;
        return Ok(user);
    };
    ends(db, before, after, &user, now).await?;
    if let Some(bsuid) = after.bsuid {
        identity::learn(&mut *db, after.names, bsuid, &user, after.at, now).await?;
        if let Some(previous) = before.bsuid {
            account::changes_its_id(&mut *db, &user, previous, bsuid, now).await?;
        }
        // What came after it was announced before it: a number that is still where this id was may have been left.
        if outdated {
            identity::deserts(db, after.names, &user, bsuid, after.at, now).await?;
        }
    }
    let current = Evidence::read(db, after).await?;
    let held_since = current.picture.phone.as_ref().filter(|known| known.user != user);
    // Someone has it since, or it has changed once more: news of then.
    if !outdated && held_since.is_none_or(|known| known.seen_at <= after.at) {
        if let (Some(phone), Some(former)) = (after.phone, held_since) {
            let why = "somebody else has its number now";
            identity::release(db, after.names, phone, &former.user, why, now).await?;
        }
        for link in current.web_numbers.iter().filter(|link| link.user != user) {
            if let Some(phone) = after.phone {
                account::forgets_its_number(&mut *db, &link.user, phone, now).await?;
            }
        }
        identity::attach(db, after, &user, now).await?;
    }
    Ok(user)
}

/// The account of this person, after those joined it that they have opened under the new names. `None`: they have two
/// accounts of the web app.
async fn whose(
    db: &mut PgConnection,
    before: &Sighting<'_>,
    after: &Sighting<'_>,
    evidence: &Evidence,
    mut user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, LedgerError> {
    let number = evidence.picture.phone.as_ref();
    // Whoever had the new number before the change is somebody else, even when the new id was taken for theirs.
    let moved = before.phone.zip(after.phone).is_some_and(|(old, new)| old.canonical() != new.canonical());
    let former = number.filter(|known| moved && known.since + DISORDER < after.at).map(|known| &known.user);
    if let Some(by_id) = evidence.by_id()
        && *by_id != user
        && former != Some(by_id)
    {
        match join(db, after.names, by_id, &user, now).await? {
            Some(one) => user = one,
            None => return Ok(None),
        }
    }
    let contradicted =
        number.and_then(|known| known.beside.clone()).zip(after.id()).is_some_and(|(a, b)| a != b);
    let holder = match number {
        Some(known) => Some(&known.user).filter(|_| former.is_none() && !contradicted),
        None => evidence
            .web_number()
            .filter(|link| link.at.is_some_and(|at| at + DISORDER >= after.at))
            .map(|link| &link.user),
    };
    if let Some(holder) = holder
        && *holder != user
        && evidence.by_id() != Some(holder)
        && let Some(one) = join(db, after.names, holder, &user, now).await?
    {
        user = one;
    }
    Ok(Some(user))
}

/// The names before the change lead to this account still, and claim no number any more.
async fn ends(
    db: &mut PgConnection,
    before: &Sighting<'_>,
    after: &Sighting<'_>,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let same = |phone: &E164| after.phone.is_none_or(|new| new.canonical() == phone.canonical());
    if let Some(phone) = before.phone.filter(|phone| !same(phone)) {
        let number = Sighting { phone: Some(phone), bsuid: None, ..before.clone() };
        let known = picture::read(db, &number).await?.phone;
        // Its person may have come back to it since, or has been given another id there.
        let again = |known: &Known| match (known.beside.clone(), before.id()) {
            (Some(last), Some(previous)) => last != previous,
            (Some(_), None) => known.seen_at > before.at,
            (None, _) => false,
        };
        match known.filter(|known| known.user == *user) {
            Some(known) if again(&known) => {}
            Some(_) => {
                identity::release(db, before.names, phone, user, "its person has another number now", now)
                    .await?;
            }
            None => account::forgets_its_number(&mut *db, user, phone, now).await?,
        }
    }
    let Some((previous, bsuid)) = before.bsuid.zip(after.bsuid).filter(|(previous, new)| previous != new)
    else {
        return Ok(());
    };
    identity::retire(&mut *db, before.names, previous, before.at).await?;
    identity::follows(&mut *db, before.names, user, previous, bsuid).await
}
