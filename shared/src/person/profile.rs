//! An account as its person sees it: what it owns, and by which names it is known.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::UserId;
use super::names::Names;
use crate::vault::Vault;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Profile {
    /// Its id.
    pub id: String,
    /// Its balance.
    pub credits: i32,
    /// Its address on the web, where it has one: who has none can enter by the number only.
    pub email: Option<String>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
}

/// The account of a person. `None`: its row is gone.
pub async fn profile(db: impl PgExecutor<'_>, user: &UserId) -> Result<Option<Profile>, sqlx::Error> {
    sqlx::query_as(
        r#"select "id" as id, "credits" as credits, "email" as email, "createdAt" at time zone 'UTC' as created_at
           from "User" where "id" = wa.survivor($1)"#,
    )
    .bind(user.as_str())
    .fetch_optional(db)
    .await
}

/// A name by which somebody is known in WhatsApp.
#[derive(Clone, PartialEq, Eq)]
pub struct Name {
    /// `phone`, or `bsuid` for an id that Meta gave.
    pub kind: String,
    /// The number as it was last spelled, or the id.
    pub value: String,
    /// Since when we know it.
    pub created_at: DateTime<Utc>,
    /// When it was last shown, to the hour.
    pub seen_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    kind: String,
    value: String,
    name: String,
    created_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
}

/// Every name of a person.
pub async fn names(db: &mut PgConnection, vault: &Vault, user: &UserId) -> Result<Vec<Name>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select kind, value, name, created_at, seen_at from wa.identity
         where user_id in (select wa.accounts_of($1)) order by created_at, kind, value",
    )
    .bind(user.as_str())
    .fetch_all(&mut *db)
    .await?;
    let stored = rows.iter().map(|row| (row.value.clone(), row.name.clone())).collect();
    let opened = Names::of(vault, &mut *db).await?.open(db, stored).await?;
    let name = |(row, value): (Row, Option<String>)| {
        let Row { kind, created_at, seen_at, .. } = row;
        value.map(|value| Name { kind, value, created_at, seen_at })
    };
    Ok(rows.into_iter().zip(opened).filter_map(name).collect())
}
