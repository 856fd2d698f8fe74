//! The row of the web app that an account is: opened here for who begins in WhatsApp, held while names move, and told
//! which number is its person's.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::UserId;
use super::identity;
use super::names::{Name, Names};
use super::sighting::Sighting;
use crate::ledger::{self, LedgerError};
use crate::phone::E164;

/// The account that the web app has linked to this id, and those that it has linked to this number: in two spellings they
/// may be several.
pub(super) async fn linked(
    db: impl PgExecutor<'_>,
    sighting: &Sighting<'_>,
) -> Result<(Option<UserId>, Vec<Link>), sqlx::Error> {
    let rows: Vec<(String, bool, Option<DateTime<Utc>>)> = sqlx::query_as(
        r#"select wa.survivor("id"), coalesce("waUserId" = $1, false), "waLinkedAt" at time zone 'UTC' from "User"
           where "waUserId" = $1 or "waPhoneE164" = any($2) order by "id""#,
    )
    .bind(sighting.bsuid)
    .bind(sighting.spellings())
    .fetch_all(db)
    .await?;
    let by_id = rows.iter().find(|(_, by_id, _)| *by_id).map(|(id, ..)| UserId(id.clone()));
    let by_number = rows.into_iter().filter(|(_, by_id, _)| !by_id);
    Ok((by_id, by_number.map(|(id, _, at)| Link { user: UserId(id), at }).collect()))
}

/// A number that the web app has linked to an account, and when, where it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) user: UserId,
    pub(super) at: Option<DateTime<Utc>>,
}

/// Opens an account without credits. A number that another account has in its column stays there.
pub(super) async fn open(
    db: &mut PgConnection,
    sighting: &Sighting<'_>,
    now: DateTime<Utc>,
) -> Result<UserId, sqlx::Error> {
    let id = crate::db::new_id();
    sqlx::query(
        r#"insert into "User" ("id", "credits", "waPhoneE164", "waUserId", "waPreferredLang", "createdAt", "updatedAt")
           select $1, 0, case when exists (select from "User" where "waPhoneE164" = any($5)) then null else $2 end, $3,
                  'fr', $4, $4"#,
    )
    .bind(&id)
    .bind(sighting.phone.map(|phone| String::from(phone.canonical())))
    .bind(sighting.bsuid)
    .bind(now.naive_utc())
    .bind(sighting.spellings())
    .execute(db)
    .await?;
    Ok(UserId(id))
}

/// Holds these accounts until the transaction ends, in one order whoever comes. `false`: one of them has joined another
/// meanwhile, and is not waited for: whoever holds it may be on its way to what is held here.
pub(super) async fn hold(
    db: &mut PgConnection,
    accounts: impl IntoIterator<Item = &UserId>,
) -> Result<bool, LedgerError> {
    let mut accounts: Vec<&UserId> = accounts.into_iter().collect();
    accounts.sort();
    accounts.dedup();
    for user in accounts {
        if ledger::survivor(db, user).await? != *user {
            return Ok(false);
        }
        // The strongest lock: a number is in a unique index, so whoever changes it waits for everybody whose row refers to
        // the account (a receipt, a line), and they may be waiting for a weaker lock that is held here already.
        sqlx::query(r#"select from "User" where "id" = $1 for update"#)
            .bind(user.as_str())
            .execute(&mut *db)
            .await?;
    }
    Ok(true)
}

/// Holds an account and every name of it. `None`: it has joined another, or a name of it came meanwhile; the caller rolls back.
/// Before anything in the transaction holds an account, since names are held first.
pub(super) async fn hold_with_names(
    db: &mut PgConnection,
    names: &Names,
    user: &UserId,
) -> Result<Option<Vec<Name>>, LedgerError> {
    let all = identity::all(&mut *db, names, user).await?;
    identity::claim(db, all.iter().map(Name::key).collect()).await?;
    // A name that came while these were waited for must be held as well, before the account.
    let held = hold(db, [user]).await? && identity::all(&mut *db, names, user).await? == all;
    Ok(held.then_some(all))
}

/// Lets the web app find an account that begins in WhatsApp by its number. One with an e-mail address says itself by
/// which number it may be entered.
pub(super) async fn tells_its_number(
    db: impl PgExecutor<'_>,
    user: &UserId,
    phone: &E164,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let spellings = phone.spelled();
    sqlx::query(
        r#"update "User" set "waPhoneE164" = $2, "updatedAt" = $3
           where "id" = $1 and "waPhoneE164" is null and "email" is null
             and not exists (select from "User" where "waPhoneE164" = any($4))"#,
    )
    .bind(user.as_str())
    .bind(phone.canonical().as_str())
    .bind(now.naive_utc())
    .bind(spellings)
    .execute(db)
    .await?;
    Ok(())
}

/// The number is proved to be this account's person's: by it the web app lets them in from now on. Nobody else is in the
/// way of it.
pub(super) async fn is_linked(
    db: &mut PgConnection,
    user: &UserId,
    phone: &E164,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    // One that has joined it may have the number in its column, and a column has each number once.
    forgets_its_number(&mut *db, user, phone, now).await?;
    sqlx::query(
        r#"update "User" set "waPhoneE164" = $2, "waLinkedAt" = $3, "updatedAt" = $3 where "id" = $1"#,
    )
    .bind(user.as_str())
    .bind(phone.canonical().as_str())
    .bind(now.naive_utc())
    .execute(db)
    .await?;
    Ok(())
}

/// The number that the web app knows has been proved by a code.
pub(super) async fn has_proved(
    db: impl PgExecutor<'_>,
    user: &UserId,
    phone: &E164,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let spellings = phone.spelled();
    sqlx::query(
        r#"update "User" set "waLinkedAt" = $3, "updatedAt" = $3
           where "id" = $1 and "waPhoneE164" = any($2) and "waLinkedAt" is null"#,
    )
    .bind(user.as_str())
    .bind(spellings)
    .bind(now.naive_utc())
    .execute(db)
    .await?;
    Ok(())
}

/// Those of these accounts that have an e-mail address, which are the web app's. The rest began in WhatsApp, or with a
/// code.
pub(super) async fn with_email(
    db: impl PgExecutor<'_>,
    accounts: &[UserId],
) -> Result<Vec<UserId>, sqlx::Error> {
    let ids: Vec<&str> = accounts.iter().map(UserId::as_str).collect();
    let found: Vec<String> =
        sqlx::query_scalar(r#"select "id" from "User" where "id" = any($1) and "email" is not null"#)
            .bind(ids)
            .fetch_all(db)
            .await?;
    Ok(found.into_iter().map(UserId).collect())
}

/// Ends that the account can be entered by this number: also where the web app has written it into one that has joined
/// this one.
pub(super) async fn forgets_its_number(
    db: impl PgExecutor<'_>,
    user: &UserId,
    phone: &E164,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let spellings = phone.spelled();
    sqlx::query(
        r#"update "User" set "waPhoneE164" = null, "waLinkedAt" = null, "updatedAt" = $3
           where "id" in (select wa.accounts_of($1)) and "waPhoneE164" = any($2)"#,
    )
    .bind(user.as_str())
    .bind(spellings)
    .bind(now.naive_utc())
    .execute(db)
    .await?;
    Ok(())
}

/// Ends that the account, or one that has joined it, can be found by any number or id.
pub(super) async fn forgets_its_names(
    db: impl PgExecutor<'_>,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        r#"update "User" set "waPhoneE164" = null, "waLinkedAt" = null, "waUserId" = null, "updatedAt" = $2
           where "id" in (select wa.accounts_of($1))
             and coalesce("waPhoneE164", "waUserId", "waLinkedAt"::text) is not null"#,
    )
    .bind(user.as_str())
    .bind(now.naive_utc())
    .execute(db)
    .await?;
    Ok(())
}

/// Lets the web app know an account by its new id.
pub(super) async fn changes_its_id(
    db: impl PgExecutor<'_>,
    user: &UserId,
    previous: &str,
    bsuid: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        r#"update "User" set "waUserId" = $3, "updatedAt" = $4
           where "id" = $1 and "waUserId" = $2 and not exists (select from "User" where "waUserId" = $3)"#,
    )
    .bind(user.as_str())
    .bind(previous)
    .bind(bsuid)
    .bind(now.naive_utc())
    .execute(db)
    .await?;
    Ok(())
}

/// Whether this account has another number than the one of the sighting. One that stands beside the same id is none: it
/// was left when the number was hidden.
pub(super) async fn has_another_number(
    db: impl PgExecutor<'_>,
    user: &UserId,
    sighting: &Sighting<'_>,
) -> Result<bool, sqlx::Error> {
    let (others, left, column): (i64, Vec<String>, Option<String>) = sqlx::query_as(
        r#"with number as (
             select value, coalesce(case $4 when 'meta' then beside_meta else beside_twilio end = $3, false) as left_it
             from wa.identity where user_id = $1 and kind = 'phone' and value is distinct from $2
           )
           select (select count(*) from number where not left_it), array(select value from number where left_it),
                  (select "waPhoneE164" from "User" where "id" = $1)"#,
    )
    .bind(user.as_str())
    .bind(sighting.number())
    .bind(sighting.id())
    .bind(sighting.provider.as_str())
    .fetch_one(db)
    .await?;
    let column = column.map(|phone| sighting.names.of_column(true, phone).digest);
    Ok(others > 0
        || column
            .is_some_and(|column| Some(&column) != sighting.number().as_ref() && !left.contains(&column)))
}
