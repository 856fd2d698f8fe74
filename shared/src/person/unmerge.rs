//! Two accounts that were joined, and should not have been: what moved goes back, as far as it is still there.
//!
//! Credits go back up to the balance, posts and names unless they have moved on since. Menus, kept briefs, and what was
//! written and bought since stay with the account that remained. Only the last join of a line is undone: an account that
//! has itself joined another has nothing to give back.
//!
//! Names that were learned since the join are whose the name is that they stand beside; what the account that remained had
//! before stays there, whatever it was shown with.
//!
//! Whoever signed in on the web while the two were one is in the account that remained, and may be either's person: those
//! sessions end, and so does what a phone has confirmed and no browser has collected. Both sign in again. The web app goes on
//! taking the token for good until its own look at `wa.session` says otherwise (the README says how).
//!
//! A join that names had shown is shown again by the next message that shows them together.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use super::joined::{self, Columns, Joined};
use super::names::{Names, kind};
use super::{UserId, identity};
use crate::audit::{self, Act};
use crate::ledger::{self, Credits, Entry, LedgerError};
use crate::phone::E164;
use crate::vault::Vault;
use crate::{session, signin};

/// What went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// From which account.
    pub from: UserId,
    /// Credits, and how many had moved.
    pub credits: (Credits, Credits),
    /// Posts, and how many had moved.
    pub generations: (usize, usize),
    /// Numbers and ids: those that had moved, and what was shown beside them since.
    pub names: usize,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a join may not be there to be undone"]
pub enum Unmerged {
    /// The accounts are two again.
    Apart(Apart),
    /// They had been separated before.
    Before,
    /// It has never joined another.
    Never,
    /// It joined another before it was kept what moves.
    NotKept,
    /// The account that it joined has joined another since: that one comes first.
    Further(UserId),
}

/// Separates an account from the one that it has joined. Runs inside the caller's transaction, before anything in it
/// holds an account.
pub async fn unmerge(
    db: &mut PgConnection,
    vault: &Vault,
    account: &UserId,
    (actor, why): (&str, &str),
    now: DateTime<Utc>,
) -> Result<Unmerged, LedgerError> {
    // Held from here on: of two who separate the same, the second finds nothing.
    let Some(join) = joined::find(db, vault, account).await? else {
        return Ok(missing(db, account).await?);
    };
    let Joined { moved, into, .. } = &join;
    let names = Names::of(vault, &mut *db).await?;
    let numbers = moved.numbers.iter().map(|number| (kind(true), number.clone()));
    let ids = moved.ids.iter().map(|id| (kind(false), id.clone()));
    let mut attempt = db.begin().await?;
    identity::claim(&mut attempt, numbers.chain(ids).collect()).await?;
    // This one first: whoever waits for an account that has joined another holds it, on the way to the other.
    for user in [account, into] {
        sqlx::query(r#"select from "User" where "id" = $1 for update"#)
            .bind(user.as_str())
            .execute(&mut *attempt)
            .await?;
    }
    let (held, _) = ledger::lock(&mut attempt, into).await?;
    if held != *into {
        attempt.rollback().await?;
        return Ok(Unmerged::Further(join.into));
    }
    let apart = separate(&mut attempt, &names, account, &join, now).await?;
    let key = format!("account.unmerged:{}", join.id);
    let note = format!("{} is not the person of {}: {why}", account.as_str(), into.as_str());
    let act = Act { actor, action: "account.unmerged", subject: account, key: &key, note: &note };
    audit::record(&mut *attempt, act, now).await?;
    attempt.commit().await?;
    Ok(Unmerged::Apart(apart))
}

/// Why there is no join to undo.
async fn missing(db: &mut PgConnection, account: &UserId) -> Result<Unmerged, sqlx::Error> {
    let (is_joined, was_joined): (bool, bool) = sqlx::query_as(
        "select exists (select from wa.merged_account where from_user = $1),
                exists (select from wa.joined where from_user = $1)",
    )
    .bind(account.as_str())
    .fetch_one(db)
    .await?;
    Ok(match (is_joined, was_joined) {
        (true, _) => Unmerged::NotKept,
        (false, true) => Unmerged::Before,
        (false, false) => Unmerged::Never,
    })
}

/// Gives back. Both accounts and the names are held.
async fn separate(
    db: &mut PgConnection,
    names: &Names,
    from: &UserId,
    join: &Joined,
    now: DateTime<Utc>,
) -> Result<Apart, LedgerError> {
    let (into, moved) = (&join.into, &join.moved);
    if join.bonus > Credits::default() {
        let again = Entry::SecondBonusBack(&join.id.to_string(), join.bonus);
        let _ = ledger::post(db, into, again, now).await?;
    }
    let credits = ledger::unmerge(db, from, into, moved.credits, now).await?;
    // An id that was shown beside one of the numbers since, and a number beside one of the ids, are the same person's. Only
    // what came after the join: the message that shows a join also shows beside each other what both had before.
    let back: Vec<(bool, String, String)> = sqlx::query_as(
        "with numbers as (
           select value, array[beside_meta, beside_twilio] as beside from wa.identity
           where user_id = $2 and kind = 'phone'
             and (value = any($3) or created_at > $5 and (beside_meta = any($4) or beside_twilio = any($4)))
         )
         update wa.identity set user_id = $1
         where user_id = $2
           and (kind = 'phone' and value in (select value from numbers)
                or kind = 'bsuid' and (value = any($4)
                  or created_at > $5 and value in (select unnest(beside) from numbers)))
         returning kind = 'phone', value, name",
    )
    .bind(from.as_str())
    .bind(into.as_str())
    .bind(&moved.numbers)
    .bind(&moved.ids)
    .bind(join.at)
    .fetch_all(&mut *db)
    .await?;
    // Under the key of whose they are again: what was learned since was sealed under the other's.
    identity::seal_again(&mut *db, names, from, &back).await?;
    columns(db, names, from, join, &back, now).await?;
    let generations =
        sqlx::query(r#"update "Generation" set "userId" = $1 where "userId" = $2 and "id" = any($3)"#)
            .bind(from.as_str())
            .bind(into.as_str())
            .bind(&moved.generations)
            .execute(&mut *db)
            .await?
            .rows_affected();
    wishes(db, from, join).await?;
    // The sign-ins first: one that is being collected at this moment is a session when it is let go.
    signin::end_confirmed(&mut *db, into).await?;
    session::revoke_since(&mut *db, into, join.at, now).await?;
    joined::undo(&mut *db, join.id, now).await?;
    Ok(Apart {
        from: into.clone(),
        credits: (credits, moved.credits),
        generations: (usize::try_from(generations).unwrap_or(usize::MAX), moved.generations.len()),
        names: back.len(),
    })
}

/// The columns of the web app: a name that goes back to one of the two is no longer the other's.
async fn columns(
    db: &mut PgConnection,
    names: &Names,
    from: &UserId,
    join: &Joined,
    back: &[(bool, String, String)],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (into, moved) = (&join.into, &join.moved);
    let same = |one: &str, other: &str| match (one.parse::<E164>(), other.parse::<E164>()) {
        (Ok(one), Ok(other)) => one.canonical() == other.canonical(),
        _ => one == other,
    };
    let mut kept = Columns::of(&mut *db, into).await?;
    let mut given = Columns::default();
    let goes = |number: &str| {
        number.parse().is_ok_and(|number: E164| {
            let digest = names.phone(&number);
            back.iter().any(|(is_number, name, _)| *is_number && *name == digest)
        }) || moved.from.phone.as_deref().is_some_and(|phone| same(phone, number))
    };
    if kept.phone.as_deref().is_some_and(goes) {
        kept.phone = None;
        kept.linked_at = None;
        given.phone.clone_from(&moved.from.phone);
        given.linked_at = moved.from.linked_at;
        let former = moved.into.phone.as_ref().filter(|former| !goes(former));
        if let Some(former) = former
            && is_free(db, names, former, into).await?
        {
            kept.phone = Some(former.clone());
            kept.linked_at = moved.into.linked_at;
        }
    }
    let id = moved.from.bsuid.clone().filter(|id| kept.bsuid.as_ref() == Some(id));
    if moved.into.bsuid.is_none() && id.is_some() {
        kept.bsuid = None;
        given.bsuid = id;
    }
    kept.write(&mut *db, into, now).await?;
    // Somebody else may have it meanwhile: then it is not given, and the rest is.
    if let Some(phone) = &given.phone
        && !is_free(db, names, phone, from).await?
    {
        given.phone = None;
        given.linked_at = None;
    }
    given.write(db, from, now).await
}

/// Whether a number leads to nobody but this account.
async fn is_free(
    db: &mut PgConnection,
    names: &Names,
    phone: &str,
    user: &UserId,
) -> Result<bool, sqlx::Error> {
    let number: Option<E164> = phone.parse().ok();
    let spellings = number.as_ref().map_or_else(|| vec![phone.to_owned()], E164::spelled);
    sqlx::query_scalar(
        r#"select not exists (select from "User" where "waPhoneE164" = any($1) and "id" <> $2)
              and not exists (select from wa.identity where kind = 'phone' and value = $3 and user_id <> $2)"#,
    )
    .bind(spellings)
    .bind(user.as_str())
    .bind(number.map(|number| names.phone(&number)))
    .fetch_one(db)
    .await
}

/// The languages of the one that is back, as they were; the other keeps what it got. Silence as it is wished for now: who
/// asked for it last is not known of whom.
async fn wishes(db: &mut PgConnection, from: &UserId, join: &Joined) -> Result<(), sqlx::Error> {
    let (language, written) = &join.moved.languages;
    sqlx::query(
        "insert into wa.preference (user_id, language, written, stopped_at)
         select $1, $3, $4, (select stopped_at from wa.preference where user_id = $2)
         on conflict (user_id) do nothing",
    )
    .bind(from.as_str())
    .bind(join.into.as_str())
    .bind(language)
    .bind(written)
    .execute(db)
    .await?;
    Ok(())
}
