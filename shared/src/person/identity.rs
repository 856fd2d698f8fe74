//! The names under which people are known: how one comes to
//! an account, moves to another, or ends.
//!
//! Owner of `wa.identity`. Whoever writes here holds the names of the message ([`claim`]) and then the accounts that
//! they lead to ([`super::account::hold`]), always in this order: that is what makes two messages of one person wait for
//! each other, and never for ever.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::names::{Name, Names, kind};
use super::sighting::Sighting;
use super::{UserId, account, welcome};
use crate::audit::{self, Act};
use crate::message::Provider;
use crate::phone::E164;
use crate::vault::Place;

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
