//! One message, one account: found, learned, opened, or made of two. The rules are those of [`super`].
//!
//! A message that shows nothing new is answered by one statement. Everything else holds its names, then the accounts
//! that they lead to, and looks again at what it holds before it decides.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection, PgConnection};

use super::identity;
use super::join::join;
use super::names::Names;
use super::picture::{self, Known, Picture};
use super::sighting::Sighting;
use super::{Person, UserId, account, known};
use crate::ledger::{self, LedgerError};
use crate::message::Sender;
use crate::vault::Vault;

/// Within this time messages may come in any order, and no carrier gives a number to somebody else.
pub(super) const DISORDER: TimeDelta = TimeDelta::days(1);

/// How exactly it is noted when a number was last shown: a busy conversation does not write at every message.
const NOTED: TimeDelta = TimeDelta::hours(1);

/// Finds the account of a sender, or opens one. Runs inside the caller's transaction, before anything in it holds an
/// account; two messages of one new person at the same time end in the same account. `sent_at`: when the message was
/// written, says the provider.
pub async fn resolve(
    db: &mut PgConnection,
    vault: &Vault,
    sender: &Sender,
    sent_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Person, LedgerError> {
    // A provider's clock that is ahead must not make a message newer than all that follow.
    let names = Names::of(vault, &mut *db).await?;
    let sighting = Sighting::of(&names, sender, sent_at.min(now));
    if let Some(person) = as_ever(&picture::read(db, &sighting).await?, &sighting) {
        return Ok(person);
    }
    identity::claim(db, sighting.shown()).await?;
    let user = loop {
        let mut attempt = db.begin().await?;
        // Nothing: another message has joined some of these accounts, and that is over now.
        if let Some(evidence) = held(&mut attempt, &[&sighting], None).await? {
            let user = decide(&mut attempt, &sighting, &evidence[0], now).await?;
            attempt.commit().await?;
            break user;
        }
        attempt.rollback().await?;
    };
    known(db, &user).await?.ok_or(LedgerError::NoSuchPerson)
}

/// The person, where a message shows nothing that is not known.
fn as_ever(picture: &Picture, sighting: &Sighting<'_>) -> Option<Person> {
    let (id, spelling) = (sighting.id(), sighting.phone.map(|phone| sighting.names.spelling(phone)));
    let as_ever = |known: &Known| {
        let same_id = id.is_none() || known.beside == id;
        let same_spelling = known.spelling == spelling;
        same_id && same_spelling && known.linked.is_none() && sighting.at < known.seen_at + NOTED
    };
    match (&picture.bsuid, &picture.phone) {
        (Some(by_id), _) if by_id.retired_at.is_some_and(|at| sighting.at <= at) => Some(&by_id.person),
        (Some(by_id), _) if by_id.retired_at.is_some() => None,
        (Some(by_id), Some(phone)) if by_id.user == phone.user && as_ever(phone) => Some(&by_id.person),
        (Some(by_id), None) if sighting.phone.is_none() => Some(&by_id.person),
        (None, Some(phone)) if sighting.bsuid.is_none() && as_ever(phone) => Some(&phone.person),
        _ => None,
    }
    .cloned()
}

/// What is known of these sightings and of what the web app says about them, with all accounts held. `None`: they changed
/// while they were waited for; the caller rolls back. `also`: an account that is meant whatever the sightings say.
pub(super) async fn held(
    db: &mut PgConnection,
    sightings: &[&Sighting<'_>],
    also: Option<&UserId>,
) -> Result<Option<Vec<Evidence>>, LedgerError> {
    let (_, accounts) = read(db, sightings, also).await?;
    if !account::hold(db, &accounts).await? {
        return Ok(None);
    }
    let (evidence, again) = read(db, sightings, also).await?;
    Ok((again == accounts).then_some(evidence))
}

/// What the books say about each, and everybody that may be written to because of it.
async fn read(
    db: &mut PgConnection,
    sightings: &[&Sighting<'_>],
    also: Option<&UserId>,
) -> Result<(Vec<Evidence>, Vec<UserId>), LedgerError> {
    let mut found = Vec::with_capacity(sightings.len());
    for sighting in sightings {
        found.push(Evidence::read(db, sighting).await?);
    }
    let mut accounts: Vec<UserId> = found.iter().flat_map(Evidence::accounts).collect();
    if let Some(user) = also {
        accounts.push(ledger::survivor(db, user).await?);
    }
    accounts.sort();
    accounts.dedup();
    Ok((found, accounts))
}

/// What the books say about a sighting.
pub(super) struct Evidence {
    pub(super) picture: Picture,
    /// The account that has this id in its column.
    pub(super) web_id: Option<UserId>,
    /// The accounts that have this number in their columns, each in a spelling of its own.
    pub(super) web_numbers: Vec<account::Link>,
}

impl Evidence {
    pub(super) async fn read(db: &mut PgConnection, sighting: &Sighting<'_>) -> Result<Self, sqlx::Error> {
        let picture = picture::read(db, sighting).await?;
        let (web_id, web_numbers) = account::linked(&mut *db, sighting).await?;
        Ok(Self { picture, web_id, web_numbers })
    }

    /// Everybody that may be written to because of it.
    pub(super) fn accounts(&self) -> Vec<UserId> {
        let known = self.picture.bsuid.iter().chain(&self.picture.phone);
        let known = known.flat_map(|known| std::iter::once(&known.user).chain(&known.linked));
        let web = self.web_id.iter().chain(self.web_numbers.iter().map(|link| &link.user));
        known.chain(web).cloned().collect()
    }

    /// Whose number it is: of whoever has linked it since it was last shown, or else was last shown with it.
    pub(super) fn holder(&self) -> Option<&UserId> {
        match &self.picture.phone {
            Some(known) => Some(known.linked.as_ref().unwrap_or(&known.user)),
            None => self.web_number().map(|link| &link.user),
        }
    }

    /// The account that counts as the one with this number in its column.
    pub(super) fn web_number(&self) -> Option<&account::Link> {
        self.web_numbers.first()
    }

    /// Whose id it is.
    pub(super) fn by_id(&self) -> Option<&UserId> {
        self.picture.bsuid.as_ref().map(|known| &known.user).or(self.web_id.as_ref())
    }
}

/// Whose number it is, as far as one message can tell.
enum Number {
    /// None is shown, or somebody has had it since the message was written.
    Untold,
    /// Nobody's.
    Free,
    /// This account's; nothing speaks against it.
    Of(UserId),
    /// This account's until now: it has been given to somebody else.
    Inherited(UserId),
}

/// Whose message it is. All accounts of the evidence are held.
pub(super) async fn decide(
    db: &mut PgConnection,
    sighting: &Sighting<'_>,
    evidence: &Evidence,
    now: DateTime<Utc>,
) -> Result<UserId, LedgerError> {
    let by_id = evidence.by_id().cloned();
    if let Some(known) = &evidence.picture.bsuid
        && known.retired_at.is_some_and(|at| sighting.at <= at)
    {
        return Ok(known.user.clone());
    }
    let number = number(db, sighting, evidence, now).await?;
    let given = "somebody else writes from its number";
    let user = match (by_id, number) {
        (Some(user), Number::Untold) => {
            learn(db, sighting, &user, now).await?;
            return Ok(user);
        }
        (None, Number::Untold) => {
            let hidden = Sighting { phone: None, ..sighting.clone() };
            let user = account::open(db, &hidden, now).await?;
            learn(db, sighting, &user, now).await?;
            return Ok(user);
        }
        (None, Number::Free) => account::open(db, sighting, now).await?,
        (None, Number::Of(holder)) => holder,
        (None, Number::Inherited(former)) => {
            inherit(db, sighting, &former, given, now).await?;
            account::open(db, sighting, now).await?
        }
        (Some(user), Number::Free) => user,
        (Some(user), Number::Of(holder)) if user == holder => user,
        (Some(user), Number::Of(holder)) => match one_person(db, sighting, &user, &holder, now).await? {
            Joined::Into(one) => one,
            Joined::Apart => {
                learn(db, sighting, &user, now).await?;
                return Ok(user);
            }
            Joined::Others => {
                inherit(db, sighting, &holder, given, now).await?;
                user
            }
        },
        (Some(user), Number::Inherited(former)) => {
            if user != former {
                inherit(db, sighting, &former, given, now).await?;
            }
            user
        }
    };
    learn(db, sighting, &user, now).await?;
    identity::attach(db, sighting, &user, now).await?;
    Ok(user)
}

async fn number(
    db: &mut PgConnection,
    sighting: &Sighting<'_>,
    evidence: &Evidence,
    now: DateTime<Utc>,
) -> Result<Number, LedgerError> {
    if sighting.phone.is_none() {
        return Ok(Number::Untold);
    }
    let Some(known) = &evidence.picture.phone else {
        return Ok(evidence.web_number().map_or(Number::Free, |link| Number::Of(link.user.clone())));
    };
    // Without an id there is nobody else to whom an old message could belong.
    if sighting.bsuid.is_some() && sighting.at + DISORDER < known.since {
        return Ok(Number::Untold);
    }
    let id = sighting.id();
    let contradicted = id.as_ref().zip(known.beside.as_ref()).is_some_and(|(shown, last)| shown != last);
    Ok(match &known.linked {
        _ if contradicted && sighting.at < known.seen_at => Number::Untold,
        Some(web) if contradicted => {
            // By whom it was linked since, by the former one or by the one who writes now, nothing tells.
            inherit(db, sighting, web, "somebody else writes from the number that it was linked to", now)
                .await?;
            Number::Inherited(known.user.clone())
        }
        None if contradicted => Number::Inherited(known.user.clone()),
        Some(web) => {
            // The link proves whose the number is now. Whether they are who had it before, an id must show.
            let same =
                id.is_some() && known.beside == id || evidence.by_id() == Some(&known.user) || !known.has_id;
            let one = if same { join(db, sighting.names, web, &known.user, now).await? } else { None };
            if one.is_none() {
                let why = "another account has linked its number on the web";
                inherit(db, sighting, &known.user, why, now).await?;
            }
            Number::Of(one.unwrap_or_else(|| web.clone()))
        }
        None => Number::Of(known.user.clone()),
    })
}

/// What an id of one account beside a number of another one means.
enum Joined {
    /// One person, who has this account now.
    Into(UserId),
    /// One person with two accounts of the web app: the id wins, and nothing moves.
    Apart,
    /// Two people: an id does not follow its person to another number (Meta: Business-scoped user IDs).
    Others,
}

async fn one_person(
    db: &mut PgConnection,
    sighting: &Sighting<'_>,
    by_id: &UserId,
    holder: &UserId,
    now: DateTime<Utc>,
) -> Result<Joined, LedgerError> {
    if account::has_another_number(&mut *db, by_id, sighting).await? {
        return Ok(Joined::Others);
    }
    Ok(join(db, sighting.names, by_id, holder, now).await?.map_or(Joined::Apart, Joined::Into))
}

async fn learn(
    db: &mut PgConnection,
    sighting: &Sighting<'_>,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    match sighting.bsuid {
        Some(id) => identity::learn(db, sighting.names, id, user, sighting.at, now).await,
        None => Ok(()),
    }
}

/// The number is somebody else's from now on.
async fn inherit(
    db: &mut PgConnection,
    sighting: &Sighting<'_>,
    former: &UserId,
    why: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    match sighting.phone {
        Some(phone) => identity::release(db, sighting.names, phone, former, why, now).await,
        None => Ok(()),
    }
}
