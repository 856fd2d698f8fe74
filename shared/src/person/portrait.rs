//! All that the books say of who somebody is: for an operator, who decides what of it is shown.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;

use super::UserId;
use super::names::Names;
use crate::vault::Vault;

/// An account and its names.
#[derive(Debug, sqlx::FromRow)]
pub struct Portrait {
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// The e-mail address of an account of the web app.
    pub email: Option<String>,
    /// The number by which the web app lets its person in.
    pub phone: Option<String>,
    /// When that was proved.
    pub linked_at: Option<DateTime<Utc>>,
    /// Whether they want no messages.
    pub stopped: bool,
    /// Posts in the history.
    pub generations: i64,
}

/// A number or an id of an account.
#[derive(Debug)]
pub struct Alias {
    /// Whether it is a number.
    pub is_number: bool,
    /// It.
    pub value: String,
    /// Since when it is theirs.
    pub since: DateTime<Utc>,
    /// When it was last shown, or proved.
    pub seen_at: DateTime<Utc>,
    /// Of an id: since when its person has another one.
    pub retired_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    is_number: bool,
    value: String,
    name: String,
    since: DateTime<Utc>,
    seen_at: DateTime<Utc>,
    retired_at: Option<DateTime<Utc>>,
}

/// An account that has joined this one, or one that had.
#[derive(Debug, Clone, sqlx::FromRow, Serialize)]
pub struct Former {
    /// Its id.
    pub account: String,
    /// The one that it joined.
    pub into: String,
    /// When.
    pub at: DateTime<Utc>,
    /// By what the two were known to be one person's. `None`: that was not kept then, and the join cannot be undone.
    pub shown_by: Option<String>,
    /// The credits that moved.
    pub credits: Option<i32>,
    /// The posts that moved.
    pub generations: Option<i32>,
}

/// Draws an account. `None`: it is not in the books.
pub async fn portrait(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
) -> Result<Option<(Portrait, Vec<Alias>, Vec<Former>)>, sqlx::Error> {
    let portrait: Option<Portrait> = sqlx::query_as(
        r#"select u."createdAt" at time zone 'UTC' as opened_at, u."email" as email, u."waPhoneE164" as phone,
                  u."waLinkedAt" at time zone 'UTC' as linked_at, p.stopped_at is not null as stopped,
                  (select count(*) from "Generation" g where g."userId" = u."id") as generations
           from "User" u left join wa.preference p on p.user_id = u."id" where u."id" = $1"#,
    )
    .bind(user.as_str())
    .fetch_optional(&mut *db)
    .await?;
    let Some(portrait) = portrait else { return Ok(None) };
    let rows: Vec<Row> = sqlx::query_as(
        "select kind = 'phone' as is_number, value, name, created_at as since, seen_at, retired_at
         from wa.identity where user_id = $1 order by 1 desc, since, value",
    )
    .bind(user.as_str())
    .fetch_all(&mut *db)
    .await?;
    let stored = rows.iter().map(|row| (row.value.clone(), row.name.clone())).collect();
    let opened = Names::of(vault, &mut *db).await?.open(&mut *db, stored).await?;
    let alias = |(row, value): (Row, Option<String>)| {
        let Row { is_number, since, seen_at, retired_at, .. } = row;
        value.map(|value| Alias { is_number, value, since, seen_at, retired_at })
    };
    let names = rows.into_iter().zip(opened).filter_map(alias).collect();
    let former = sqlx::query_as(
        r#"select m.from_user as account, m.into_user as "into", m.merged_at as at, j.shown_by, j.credits,
                  cardinality(j.generations) as generations
           from wa.merged_account m left join wa.joined j on j.from_user = m.from_user and j.undone_at is null
           where m.into_user in (select wa.accounts_of($1)) order by m.merged_at, m.from_user"#,
    )
    .bind(user.as_str())
    .fetch_all(db)
    .await?;
    Ok(Some((portrait, names, former)))
}
