//! The names under which people are known: what stands in the books about those of one message, and how one comes to
//! an account, moves to another, or ends.
//!
//! Owner of `wa.identity`. Whoever writes here holds the names of the message ([`claim`]) and then the accounts that
//! they lead to ([`super::account::hold`]), always in this order: that is what makes two messages of one person wait for
//! each other, and never for ever.

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::names::{Name, Names, kind};
use super::{Person, Row, UserId, account, person, welcome};
use crate::audit::{self, Act};
use crate::message::{Address, Provider, Sender};
use crate::phone::E164;
use crate::vault::Place;

/// What one message shows of who wrote it.
#[derive(Clone)]
pub(super) struct Sighting<'a> {
    /// How its names stand in the tables.
    pub(super) names: &'a Names,
    pub(super) provider: Provider,
    pub(super) bsuid: Option<&'a str>,
    pub(super) phone: Option<&'a E164>,
    /// When it was written, says the provider.
    pub(super) at: DateTime<Utc>,
    /// Whether a provider has spelled the number, and not its person.
    pub(super) spelled: bool,
}

impl<'a> Sighting<'a> {
    /// A number whose person has just typed the code that came to it. Only the number is shown, so whose messages count
    /// as shown beside it does not matter. Providers count in seconds: what they bring of this one is not older.
    pub(super) fn proved(names: &'a Names, phone: &'a E164, at: DateTime<Utc>) -> Self {
        Self {
            names,
            provider: Provider::Meta,
            bsuid: None,
            phone: Some(phone),
            at: at.trunc_subsecs(0),
            spelled: false,
        }
    }

    pub(super) fn of(names: &'a Names, sender: &'a Sender, at: DateTime<Utc>) -> Self {
        let provider = match sender.address {
            Address::Channel(_) => Provider::Twilio,
            Address::Phone(_) | Address::Bsuid(_) => Provider::Meta,
        };
        let (bsuid, phone) = (sender.bsuid.as_deref(), sender.phone.as_ref());
        Self { names, provider, bsuid, phone, at, spelled: true }
    }

    /// By what its id is found.
    pub(super) fn id(&self) -> Option<String> {
        self.bsuid.map(|id| self.names.id(id))
    }

    /// By what its number is found.
    pub(super) fn number(&self) -> Option<String> {
        self.phone.map(|phone| self.names.phone(phone))
    }

    /// The keys of what is shown.
    pub(super) fn shown(&self) -> Vec<(&'static str, String)> {
        let bsuid = self.id().map(|id| (kind(false), id));
        let phone = self.number().map(|phone| (kind(true), phone));
        bsuid.into_iter().chain(phone).collect()
    }

    pub(super) fn spellings(&self) -> Vec<String> {
        self.phone.map(E164::spelled).unwrap_or_default()
    }
}

/// A name that is in the books.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) user: UserId,
    /// Its person.
    pub(super) person: Person,
    /// Since when it is theirs.
    pub(super) since: DateTime<Utc>,
    pub(super) seen_at: DateTime<Utc>,
    pub(super) retired_at: Option<DateTime<Utc>>,
    /// By what its spelling is told apart.
    pub(super) spelling: Option<String>,
    /// The digest of the id that the provider of the sighting showed last beside it.
    pub(super) beside: Option<String>,
    /// Whether any provider has shown an id beside it.
    pub(super) has_id: bool,
    /// Another account, to which the web app has linked this number since it was last shown, and before the sighting.
    pub(super) linked: Option<UserId>,
}

/// What is known of the names of a sighting.
#[derive(Clone, Default)]
pub(super) struct Picture {
    pub(super) bsuid: Option<Known>,
    pub(super) phone: Option<Known>,
}

#[derive(sqlx::FromRow)]
struct Line {
    kind: String,
    created_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
    retired_at: Option<DateTime<Utc>>,
    spelling: Option<String>,
    beside: Option<String>,
    has_id: bool,
    linked: Option<String>,
    id: String,
    web: Option<String>,
    language: Option<String>,
    written: Option<String>,
    stopped: bool,
}

/// Reads what is known.
pub(super) async fn read(db: &mut PgConnection, sighting: &Sighting<'_>) -> Result<Picture, sqlx::Error> {
    let (kinds, values): (Vec<&str>, Vec<String>) = sighting.shown().into_iter().unzip();
    let lines: Vec<Line> = sqlx::query_as(
        r#"select i.kind, i.created_at, i.seen_at, i.retired_at, i.spelling,
                  case $3 when 'meta' then i.beside_meta else i.beside_twilio end as beside,
                  coalesce(i.beside_meta, i.beside_twilio) is not null as has_id,
                  case when i.kind = 'phone' then (
                    select wa.survivor(w."id") from "User" w
                    where w."waPhoneE164" = any($4) and wa.survivor(w."id") <> wa.survivor(i.user_id)
                      and w."waLinkedAt" at time zone 'UTC' > i.seen_at
                      and w."waLinkedAt" at time zone 'UTC' <= $5 limit 1) end as linked,
                  u."id" as id, u."waPreferredLang" as web, p.language, p.written,
                  p.stopped_at is not null as stopped
           from unnest($1::text[], $2::text[]) as wanted (kind, value)
           join wa.identity i using (kind, value)
           join "User" u on u."id" = wa.survivor(i.user_id)
           left join wa.preference p on p.user_id = u."id""#,
    )
    .bind(kinds)
    .bind(values)
    .bind(sighting.provider.as_str())
    .bind(sighting.spellings())
    .bind(sighting.at)
    .fetch_all(db)
    .await?;
    let mut picture = Picture::default();
    for line in lines {
        let row: Row = (line.id.clone(), line.web, line.language, line.written, line.stopped);
        let known = Known {
            user: UserId(line.id),
            person: person(row),
            since: line.created_at,
            seen_at: line.seen_at,
            retired_at: line.retired_at,
            spelling: line.spelling,
            beside: line.beside,
            has_id: line.has_id,
            linked: line.linked.map(UserId),
        };
        if line.kind == "bsuid" { picture.bsuid = Some(known) } else { picture.phone = Some(known) }
    }
    Ok(picture)
}

/// All names of an account, the present and the former ones, and those that the web app knows of it or of one that has
/// joined it.
pub(super) async fn all(
    db: &mut PgConnection,
    names: &Names,
    user: &UserId,
) -> Result<Vec<Name>, sqlx::Error> {
    let ours: Vec<(bool, String, String)> =
        sqlx::query_as("select kind = 'phone', value, name from wa.identity where user_id = $1")
            .bind(user.as_str())
            .fetch_all(&mut *db)
            .await?;
    let sealed = ours.iter().map(|(_, digest, name)| (digest.clone(), name.clone())).collect();
    let opened = names.open(&mut *db, sealed).await?;
    // A number stands there as it was last spelled.
    let dialled = |is_number: bool, value: Option<String>| match value {
        Some(value) if is_number => {
            Some(value.parse::<E164>().map_or(value, |number| String::from(number.canonical())))
        }
        value => value,
    };
    let mut all: Vec<Name> = ours
        .into_iter()
        .zip(opened)
        .map(|((is_number, digest, _), value)| Name {
            kind: kind(is_number),
            digest,
            value: dialled(is_number, value),
        })
        .collect();
    let web: Vec<(Option<String>, Option<String>)> = sqlx::query_as(
        r#"select "waPhoneE164", "waUserId" from "User" where "id" in (select wa.accounts_of($1))"#,
    )
    .bind(user.as_str())
    .fetch_all(db)
    .await?;
    for (phone, id) in web {
        all.extend(phone.map(|phone| names.of_column(true, phone)));
        all.extend(id.map(|id| names.of_column(false, id)));
    }
    all.sort_by(|one, other| {
        (one.kind, &one.digest, &one.value).cmp(&(other.kind, &other.digest, &other.value))
    });
    all.dedup_by(|one, other| (one.kind, &one.digest) == (other.kind, &other.digest));
    Ok(all)
}

/// Holds these names until the transaction ends, also those that are not in the books yet.
pub(super) async fn claim(
    db: &mut PgConnection,
    names: Vec<(&'static str, String)>,
) -> Result<(), sqlx::Error> {
    let mut keys: Vec<String> = names.into_iter().map(|(kind, value)| format!("{kind}:{value}")).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(key)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// This id is this account's.
pub(super) async fn learn(
    db: &mut PgConnection,
    names: &Names,
    bsuid: &str,
    user: &UserId,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let digest = names.id(bsuid);
    let sealed = names.key(&mut *db, user).await?.seal(Place::Name, &digest, bsuid);
    sqlx::query(
        "insert into wa.identity as i (kind, value, user_id, created_at, seen_at, name)
         values ('bsuid', $1, $2, $4, $3, $5)
         on conflict (kind, value) do update
           set user_id = excluded.user_id, name = excluded.name, seen_at = greatest(i.seen_at, excluded.seen_at),
               retired_at = case when i.retired_at >= excluded.seen_at then i.retired_at end",
    )
    .bind(digest)
    .bind(user.as_str())
    .bind(at)
    .bind(now)
    .bind(sealed)
    .execute(db)
    .await?;
    Ok(())
}

/// Their person has another id from then on.
pub(super) async fn retire(
    db: impl PgExecutor<'_>,
    names: &Names,
    bsuid: &str,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wa.identity set retired_at = greatest(retired_at, $2) where kind = 'bsuid' and value = $1",
    )
    .bind(names.id(bsuid))
    .bind(at)
    .execute(db)
    .await?;
    Ok(())
}

/// The number of a sighting is this account's, and what its provider shows beside it now is what counts. An id that it
/// shows has no other number any more.
pub(super) async fn attach(
    db: &mut PgConnection,
    sighting: &Sighting<'_>,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let Some(phone) = sighting.phone else { return Ok(()) };
    let (names, digest) = (sighting.names, sighting.names.phone(phone));
    let by_meta = sighting.id().filter(|_| sighting.provider == Provider::Meta);
    let by_twilio = sighting.id().filter(|_| sighting.provider == Provider::Twilio);
    // What a person has typed does not take the place of how a provider spells it.
    let known = if sighting.spelled { None } else { spelled(&mut *db, names, &digest).await? };
    let spelling = known.as_ref().unwrap_or(phone);
    let sealed = names.key(&mut *db, user).await?.seal(Place::Name, &digest, spelling.as_str());
    sqlx::query(
        "insert into wa.identity as i
           (kind, value, user_id, created_at, seen_at, spelling, name, beside_meta, beside_twilio)
         values ('phone', $1, $2, $4, $3, $5, $6, $7, $8)
         on conflict (kind, value) do update
           set user_id = excluded.user_id, spelling = excluded.spelling, name = excluded.name,
               created_at = case when i.user_id = excluded.user_id then i.created_at else excluded.created_at end,
               seen_at = case when i.user_id = excluded.user_id then greatest(i.seen_at, excluded.seen_at)
                         else excluded.seen_at end,
               beside_meta = coalesce(excluded.beside_meta,
                 case when i.user_id = excluded.user_id then i.beside_meta end),
               beside_twilio = coalesce(excluded.beside_twilio,
                 case when i.user_id = excluded.user_id then i.beside_twilio end)",
    )
    .bind(&digest)
    .bind(user.as_str())
    .bind(sighting.at)
    .bind(now)
    .bind(names.spelling(spelling))
    .bind(sealed)
    .bind(&by_meta)
    .bind(&by_twilio)
    .execute(&mut *db)
    .await?;
    if sighting.bsuid.is_some() {
        let left: Vec<(String, String)> = sqlx::query_as(
            "select value, name from wa.identity
             where kind = 'phone' and user_id = $1 and value <> $2 and (beside_meta = $3 or beside_twilio = $4)",
        )
        .bind(user.as_str())
        .bind(digest)
        .bind(by_meta)
        .bind(by_twilio)
        .fetch_all(&mut *db)
        .await?;
        for number in numbers(&mut *db, names, left).await? {
            release(db, names, &number, user, "its person has another number now", now).await?;
        }
    }
    account::tells_its_number(db, user, &phone.canonical(), now).await
}

/// The number of this digest, as it was last spelled.
async fn spelled(db: &mut PgConnection, names: &Names, digest: &str) -> Result<Option<E164>, sqlx::Error> {
    let stored: Option<(String, String)> =
        sqlx::query_as("select value, name from wa.identity where kind = 'phone' and value = $1")
            .bind(digest)
            .fetch_optional(&mut *db)
            .await?;
    Ok(numbers(db, names, stored.into_iter().collect()).await?.pop())
}

/// The numbers of these digests and sealed names.
async fn numbers(
    db: &mut PgConnection,
    names: &Names,
    stored: Vec<(String, String)>,
) -> Result<Vec<E164>, sqlx::Error> {
    let opened = names.open(db, stored).await?;
    Ok(opened.into_iter().flatten().filter_map(|number| number.parse().ok()).collect())
}

/// The number is not this account's any more: neither here nor for the web app, in which nobody may come into the
/// account by it. The account keeps all that it has.
pub(super) async fn release(
    db: &mut PgConnection,
    names: &Names,
    phone: &E164,
    user: &UserId,
    why: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with released as (
           delete from wa.identity where kind = 'phone' and value = $1 and user_id = $2
           returning value, user_id, beside_meta, beside_twilio
         )
         insert into wa.passed_number (value, from_user, at, beside_meta, beside_twilio)
         select value, user_id, $3, beside_meta, beside_twilio from released
         on conflict (value) do update
           set from_user = excluded.from_user, at = excluded.at,
               beside_meta = excluded.beside_meta, beside_twilio = excluded.beside_twilio",
    )
    .bind(names.phone(phone))
    .bind(user.as_str())
    .bind(now)
    .execute(&mut *db)
    .await?;
    account::forgets_its_number(&mut *db, user, phone, now).await?;
    welcome::forget(db, names, phone).await?;
    let key = format!("number.released:{}:{}", user.as_str(), crate::db::new_id());
    let act = Act { actor: "identity", action: "number.released", subject: user, key: &key, note: why };
    audit::record(db, act, now).await
}

/// These two accounts are one person's, who has all names of the first now: a number that had passed from one to the
/// other never changed hands, and what a provider showed beside it before counts again. Returns the digests of the numbers and
/// of the ids.
pub(super) async fn unite(
    db: &mut PgConnection,
    from: &UserId,
    into: &UserId,
) -> Result<(Vec<String>, Vec<String>), sqlx::Error> {
    let names: Vec<(bool, String)> = sqlx::query_as(
        "update wa.identity set user_id = $2 where user_id = $1 returning kind = 'phone', value",
    )
    .bind(from.as_str())
    .bind(into.as_str())
    .fetch_all(&mut *db)
    .await?;
    sqlx::query(
        "update wa.identity i
         set beside_meta = coalesce(i.beside_meta, p.beside_meta),
             beside_twilio = coalesce(i.beside_twilio, p.beside_twilio)
         from wa.passed_number p
         where i.kind = 'phone' and i.user_id = $2 and p.value = i.value and p.from_user in ($1, $2)
           and p.at = i.created_at",
    )
    .bind(from.as_str())
    .bind(into.as_str())
    .execute(db)
    .await?;
    let (numbers, ids): (Vec<_>, Vec<_>) = names.into_iter().partition(|(is_number, _)| *is_number);
    let values = |names: Vec<(bool, String)>| names.into_iter().map(|(_, value)| value).collect();
    Ok((values(numbers), values(ids)))
}

/// Seals names that this account has again, whoever's key they were under.
pub(super) async fn seal_again(
    db: &mut PgConnection,
    names: &Names,
    user: &UserId,
    back: &[(bool, String, String)],
) -> Result<(), sqlx::Error> {
    let stored = back.iter().map(|(_, digest, name)| (digest.clone(), name.clone())).collect();
    let opened = names.open(&mut *db, stored).await?;
    let key = names.key(&mut *db, user).await?;
    for ((_, digest, _), name) in back.iter().zip(opened) {
        let Some(name) = name else { continue };
        sqlx::query("update wa.identity set name = $2 where value = $1")
            .bind(digest)
            .bind(key.seal(Place::Name, digest, &name))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Meta shows this id from now on beside the number beside which it showed that one.
pub(super) async fn follows(
    db: impl PgExecutor<'_>,
    names: &Names,
    user: &UserId,
    previous: &str,
    bsuid: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wa.identity set beside_meta = $3 where kind = 'phone' and user_id = $1 and beside_meta = $2",
    )
    .bind(user.as_str())
    .bind(names.id(previous))
    .bind(names.id(bsuid))
    .execute(db)
    .await?;
    Ok(())
}

/// The numbers that stand beside this id of an account: left, where the account has been seen with another one since.
/// Nothing else tells that a change of the id was one of the number as well (Meta announces the one without the other
/// where no number may be shown), and who only got another id has not left it.
pub(super) async fn deserts(
    db: &mut PgConnection,
    names: &Names,
    user: &UserId,
    bsuid: &str,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let left: Vec<(String, String)> = sqlx::query_as(
        "select i.value, i.name from wa.identity i
         where i.kind = 'phone' and i.user_id = $1 and i.beside_meta = $2
           and exists (select from wa.identity other
                       where other.kind = 'phone' and other.user_id = $1 and other.value <> i.value and other.seen_at >= $3)",
    )
    .bind(user.as_str())
    .bind(names.id(bsuid))
    .bind(since)
    .fetch_all(&mut *db)
    .await?;
    for number in numbers(&mut *db, names, left).await? {
        release(db, names, &number, user, "its person has another number now", now).await?;
    }
    Ok(())
}
