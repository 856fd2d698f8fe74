//! Two accounts that turn out to be one person's: all that is theirs comes together in one.
//!
//! Credits by two lines ([`ledger::merge`]); names, posts, the wish for silence and the language; of menus and kept
//! briefs the newer one; of two welcome gifts one. Receipts stay where they are, and are read through `wa.survivor`:
//! whoever holds a receipt may be waiting for the account that is held here. What the model has cost today also stays:
//! limits and caps read all accounts that are one. What was asked to be erased is asked for the account that
//! it was asked for. What moved is kept ([`joined`]), so that an operator can undo it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::joined::{self, Columns, Moved, Shown};
use super::names::Names;
use super::{UserId, identity, welcome};
use crate::audit::{self, Act};
use crate::ledger::{self, LedgerError, Merged};
use crate::phone::E164;

/// Joins two accounts that are held, and that names have shown to be one person's. `None`: each has an e-mail address of
/// its own, and nothing was done. Otherwise the one that remains: the web app's, or the older one.
pub(super) async fn join(
    db: &mut PgConnection,
    names: &Names,
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
    Ok(Some(joins(db, names, &from, &into, Shown::Identity, now).await?))
}

/// Moves all of `from` to `into`. Both are held. Returns the account that remains.
pub(super) async fn joins(
    db: &mut PgConnection,
    names: &Names,
    from: &UserId,
    into: &UserId,
    shown: Shown,
    now: DateTime<Utc>,
) -> Result<UserId, LedgerError> {
    let two_gifts = welcome::had(db, from).await? && welcome::had(db, into).await?;
    let Merged::Moved(credits) = ledger::merge(db, from, into, now).await? else {
        return ledger::survivor(db, into).await;
    };
    let (mut numbers, mut ids) = identity::unite(db, from, into).await?;
    let (before, after) = columns(db, from, into, now).await?;
    // What only the web app knew of it is theirs as well.
    let column = before.phone.as_ref().and_then(|phone| phone.parse::<E164>().ok());
    numbers.extend(column.map(|phone| names.phone(&phone)));
    ids.extend(before.bsuid.as_deref().map(|id| names.id(id)));
    let generations =
        sqlx::query_scalar(r#"update "Generation" set "userId" = $2 where "userId" = $1 returning "id""#)
            .bind(from.as_str())
            .bind(into.as_str())
            .fetch_all(&mut *db)
            .await?;
    let languages = wishes(db, from, into).await?;
    let moved = Moved { credits, generations, numbers, ids, languages, from: before, into: after };
    let join = joined::keep(&mut *db, names, (from, into), shown, &moved, now).await?;
    if two_gifts {
        let taken = welcome::takes_second(db, &join.to_string(), into, now).await?;
        joined::took(&mut *db, join, taken).await?;
    }
    let key = format!("account.joined:{join}");
    let how = match shown {
        Shown::Identity => "as their identities show",
        Shown::Link => "as the code that came to its number shows",
    };
    let note = format!("one person, {how}: {} joined {}", from.as_str(), into.as_str());
    let act = Act { actor: shown.as_str(), action: "account.joined", subject: into, key: &key, note: &note };
    audit::record(db, act, now).await?;
    Ok(into.clone())
}

/// The names that the web app knows. Returns those of both, as they were.
async fn columns(
    db: &mut PgConnection,
    from: &UserId,
    into: &UserId,
    now: DateTime<Utc>,
) -> Result<(Columns, Columns), sqlx::Error> {
    let before = (Columns::of(&mut *db, from).await?, Columns::of(&mut *db, into).await?);
    Columns::default().write(&mut *db, from, now).await?;
    // By which number an account with an e-mail address may be entered is for the web app to say.
    sqlx::query(
        r#"update "User" set "waUserId" = coalesce("waUserId", $3), "updatedAt" = $4,
             "waPhoneE164" = case when "email" is null then coalesce("waPhoneE164", $2) else "waPhoneE164" end
           where "id" = $1"#,
    )
    .bind(into.as_str())
    .bind(&before.0.phone)
    .bind(&before.0.bsuid)
    .bind(now.naive_utc())
    .execute(db)
    .await?;
    Ok(before)
}

/// Silence, once wished for, stays. In the order in which everybody writes these three. Returns the languages of the one
/// that is gone.
async fn wishes(
    db: &mut PgConnection,
    from: &UserId,
    into: &UserId,
) -> Result<(Option<String>, Option<String>), sqlx::Error> {
    let languages = sqlx::query_as("select language, written from wa.preference where user_id = $1")
        .bind(from.as_str())
        .fetch_optional(&mut *db)
        .await?;
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
    Ok(languages.unwrap_or_default())
}
