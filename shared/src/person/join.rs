//! Two accounts that turn out to be one person's: all that is theirs comes together in one.
//!
//! Credits by two lines ([`ledger::merge`]); names, posts, the wish for silence and the language; of menus and kept
//! briefs the newer one. Receipts stay where they are, and are read through `wa.survivor`: whoever holds a receipt may be
//! waiting for the account that is held here. What the model has cost today also stays, so a cap of the day may be
//! reached later than for one account. What was asked to be erased is asked for the account that it was asked for.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{UserId, identity};
use crate::audit::{self, Act};
use crate::ledger::{self, LedgerError, Merged};

/// Joins two accounts that are held. `None`: each has an e-mail address of its own, and nothing was done. Otherwise the
/// one that remains: the web app's, or the older one.
pub(super) async fn join(
    db: &mut PgConnection,
    one: &UserId,
    other: &UserId,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, LedgerError> {
    let accounts: Vec<(String, bool)> = sqlx::query_as(
        r#"select "id", "email" is not null from "User" where "id" in ($1, $2)
           order by "email" is null, "createdAt", "id""#,
    )
    .bind(one.as_str())
    .bind(other.as_str())
    .fetch_all(&mut *db)
    .await?;
    let [(into, _), (from, from_is_web)] = accounts.as_slice() else { return Ok(Some(one.clone())) };
    if *from_is_web {
        return Ok(None);
    }
    let (from, into) = (UserId(from.clone()), UserId(into.clone()));
    if ledger::merge(db, &from, &into, now).await? == Merged::Not {
        return Ok(Some(ledger::survivor(db, &into).await?));
    }
    names(db, &from, &into, now).await?;
    wishes(db, &from, &into).await?;
    let key = format!("account.joined:{}", from.as_str());
    let note = format!("one person, as their identities show: {} joined {}", from.as_str(), into.as_str());
    let act = Act { actor: "identity", action: "account.joined", subject: &into, key: &key, note: &note };
    audit::record(db, act, now).await?;
    Ok(Some(into))
}

/// Names, also those that the web app knows, and posts.
async fn names(
    db: &mut PgConnection,
    from: &UserId,
    into: &UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    identity::unite(&mut *db, from, into).await?;
    sqlx::query(r#"update "Generation" set "userId" = $2 where "userId" = $1"#)
        .bind(from.as_str())
        .bind(into.as_str())
        .execute(&mut *db)
        .await?;
    let (phone, id): (Option<String>, Option<String>) =
        sqlx::query_as(r#"select "waPhoneE164", "waUserId" from "User" where "id" = $1"#)
            .bind(from.as_str())
            .fetch_one(&mut *db)
            .await?;
    sqlx::query(
        r#"update "User" set "waPhoneE164" = null, "waUserId" = null, "waLinkedAt" = null, "updatedAt" = $2
           where "id" = $1"#,
    )
    .bind(from.as_str())
    .bind(now.naive_utc())
    .execute(&mut *db)
    .await?;
    // By which number an account with an e-mail address may be entered is for the web app to say.
    sqlx::query(
        r#"update "User" set "waUserId" = coalesce("waUserId", $3), "updatedAt" = $4,
             "waPhoneE164" = case when "email" is null then coalesce("waPhoneE164", $2) else "waPhoneE164" end
           where "id" = $1"#,
    )
    .bind(into.as_str())
    .bind(phone)
    .bind(id)
    .bind(now.naive_utc())
    .execute(db)
    .await?;
    Ok(())
}

/// Silence, once wished for, stays. In the order in which everybody writes these three.
async fn wishes(db: &mut PgConnection, from: &UserId, into: &UserId) -> Result<(), sqlx::Error> {
    for statement in [
        "insert into wa.preference as p (user_id, language, written, stopped_at)
         select $2, language, written, stopped_at from wa.preference where user_id = $1
         on conflict (user_id) do update
           set language = coalesce(p.language, excluded.language), written = coalesce(p.written, excluded.written),
               stopped_at = least(p.stopped_at, excluded.stopped_at)",
        "insert into wa.kept_brief as k (user_id, brief, kept_at, taken_by)
         select $2, brief, kept_at, taken_by from wa.kept_brief where user_id = $1
         on conflict (user_id) do update
           set brief = excluded.brief, kept_at = excluded.kept_at, taken_by = excluded.taken_by
           where k.taken_by is null and (excluded.taken_by is not null or excluded.kept_at > k.kept_at)",
        "insert into wa.menu as m (user_id, choices, opened_at)
         select $2, choices, opened_at from wa.menu where user_id = $1
         on conflict (user_id) do update set choices = excluded.choices, opened_at = excluded.opened_at
           where excluded.opened_at > m.opened_at",
    ] {
        sqlx::query(statement).bind(from.as_str()).bind(into.as_str()).execute(&mut *db).await?;
    }
    for statement in [
        "delete from wa.preference where user_id = $1",
        "delete from wa.kept_brief where user_id = $1",
        "delete from wa.menu where user_id = $1",
    ] {
        sqlx::query(statement).bind(from.as_str()).execute(&mut *db).await?;
    }
    Ok(())
}
