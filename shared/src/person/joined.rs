//! What moved when an account joined another: kept with the join, so that it can be given back.
//!
//! Owner of `wa.joined`.

use chrono::{DateTime, NaiveDateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::UserId;
use super::names::Names;
use crate::ledger::Credits;
use crate::vault::{Keys, PersonKey, Place, Vault};

/// By what two accounts were known to be one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Names that a provider showed together.
    Identity,
    /// A code that came to the number of the one, typed by who was signed in to the other.
    Link,
}

impl Shown {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Link => "link",
        }
    }
}

/// The columns in which the web app keeps the names of an account.
#[derive(Clone, Default, sqlx::FromRow)]
pub(super) struct Columns {
    pub(super) phone: Option<String>,
    pub(super) linked_at: Option<NaiveDateTime>,
    pub(super) bsuid: Option<String>,
}

/// What a number and an id are sealed for, beside their account.
const PHONE: &str = "phone";
const BSUID: &str = "bsuid";

fn place(column: &str, user: &UserId) -> String {
    format!("{column}\n{}", user.as_str())
}

impl Columns {
    pub(super) async fn of(db: impl PgExecutor<'_>, user: &UserId) -> Result<Self, sqlx::Error> {
        sqlx::query_as(
            r#"select "waPhoneE164" as phone, "waLinkedAt" as linked_at, "waUserId" as bsuid
               from "User" where "id" = $1"#,
        )
        .bind(user.as_str())
        .fetch_one(db)
        .await
    }

    /// As they are kept: under the key of whose they are.
    pub(super) fn sealed(&self, key: &PersonKey, user: &UserId) -> Self {
        let sealed = |column: &str, name: &str| key.seal(Place::Joined, &place(column, user), name);
        Self {
            phone: self.phone.as_deref().map(|phone| sealed(PHONE, phone)),
            linked_at: self.linked_at,
            bsuid: self.bsuid.as_deref().map(|id| sealed(BSUID, id)),
        }
    }

    /// As they were. What nobody can read any more was somebody's who is forgotten.
    fn opened(self, keys: &Keys, user: &UserId) -> Result<Self, sqlx::Error> {
        let opened = |column: &str, stored: Option<String>| match stored {
            Some(stored) => keys.open(Place::Joined, &place(column, user), stored),
            None => Ok(None),
        };
        Ok(Self {
            phone: opened(PHONE, self.phone)?,
            linked_at: self.linked_at,
            bsuid: opened(BSUID, self.bsuid)?,
        })
    }

    /// Writes them. No other account may have the same.
    pub(super) async fn write(
        &self,
        db: impl PgExecutor<'_>,
        user: &UserId,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            r#"update "User" set "waPhoneE164" = $2, "waLinkedAt" = $3, "waUserId" = $4, "updatedAt" = $5 where "id" = $1"#,
        )
        .bind(user.as_str())
        .bind(&self.phone)
        .bind(self.linked_at)
        .bind(&self.bsuid)
        .bind(now.naive_utc())
        .execute(db)
        .await?;
        Ok(())
    }
}

/// All that came from the account that is gone.
pub(super) struct Moved {
    pub(super) credits: Credits,
    pub(super) generations: Vec<String>,
    /// The digests of its numbers.
    pub(super) numbers: Vec<String>,
    /// The digests of its ids.
    pub(super) ids: Vec<String>,
    /// The chosen language, and that of the last brief.
    pub(super) languages: (Option<String>, Option<String>),
    /// The columns of both, as they were.
    pub(super) from: Columns,
    pub(super) into: Columns,
}

/// A join that was not undone.
pub(super) struct Joined {
    pub(super) id: i64,
    pub(super) into: UserId,
    pub(super) at: DateTime<Utc>,
    /// What was left of a second welcome gift.
    pub(super) bonus: Credits,
    pub(super) moved: Moved,
}

/// Keeps a join. Returns its id.
pub(super) async fn keep(
    db: &mut PgConnection,
    names: &Names,
    (from, into): (&UserId, &UserId),
    shown: Shown,
    moved: &Moved,
    now: DateTime<Utc>,
) -> Result<i64, sqlx::Error> {
    let of_from = moved.from.sealed(&names.key(&mut *db, from).await?, from);
    let of_into = moved.into.sealed(&names.key(&mut *db, into).await?, into);
    sqlx::query_scalar(
        "insert into wa.joined
           (from_user, into_user, shown_by, joined_at, credits, generations, numbers, ids, language, written,
            from_phone, from_linked_at, from_bsuid, into_phone, into_linked_at, into_bsuid)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) returning id",
    )
    .bind(from.as_str())
    .bind(into.as_str())
    .bind(shown.as_str())
    .bind(now)
    .bind(moved.credits.column())
    .bind(&moved.generations)
    .bind(&moved.numbers)
    .bind(&moved.ids)
    .bind(&moved.languages.0)
    .bind(&moved.languages.1)
    .bind(of_from.phone)
    .bind(of_from.linked_at)
    .bind(of_from.bsuid)
    .bind(of_into.phone)
    .bind(of_into.linked_at)
    .bind(of_into.bsuid)
    .fetch_one(db)
    .await
}

/// So much of a second welcome gift was taken.
pub(super) async fn took(db: impl PgExecutor<'_>, join: i64, bonus: Credits) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.joined set bonus = $2 where id = $1")
        .bind(join)
        .bind(bonus.column())
        .execute(db)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    into_user: String,
    joined_at: DateTime<Utc>,
    credits: i32,
    bonus: i32,
    generations: Vec<String>,
    numbers: Vec<String>,
    ids: Vec<String>,
    language: Option<String>,
    written: Option<String>,
    from_phone: Option<String>,
    from_linked_at: Option<NaiveDateTime>,
    from_bsuid: Option<String>,
    into_phone: Option<String>,
    into_linked_at: Option<NaiveDateTime>,
    into_bsuid: Option<String>,
}

/// The join of this account, if it was kept and not undone.
pub(super) async fn find(
    db: &mut PgConnection,
    vault: &Vault,
    from: &UserId,
) -> Result<Option<Joined>, sqlx::Error> {
    let row: Option<Row> =
        sqlx::query_as("select * from wa.joined where from_user = $1 and undone_at is null for update")
            .bind(from.as_str())
            .fetch_optional(&mut *db)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let stored = [&row.from_phone, &row.from_bsuid, &row.into_phone, &row.into_bsuid];
    let stored: Vec<&str> = stored.into_iter().flatten().map(String::as_str).collect();
    let keys = vault.keys(db, &stored).await?;
    let into = UserId::from_stored(row.into_user);
    let of_from = Columns { phone: row.from_phone, linked_at: row.from_linked_at, bsuid: row.from_bsuid };
    let of_into = Columns { phone: row.into_phone, linked_at: row.into_linked_at, bsuid: row.into_bsuid };
    Ok(Some(Joined {
        id: row.id,
        at: row.joined_at,
        bonus: Credits::from_column(row.bonus),
        moved: Moved {
            credits: Credits::from_column(row.credits),
            generations: row.generations,
            numbers: row.numbers,
            ids: row.ids,
            languages: (row.language, row.written),
            from: of_from.opened(&keys, from)?,
            into: of_into.opened(&keys, &into)?,
        },
        into,
    }))
}

/// Ends a join.
pub(super) async fn undo(db: impl PgExecutor<'_>, join: i64, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.joined set undone_at = $2 where id = $1").bind(join).bind(now).execute(db).await?;
    Ok(())
}
