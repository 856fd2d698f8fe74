//! Choices offered in the chat: buttons or a list where the provider can show them, numbers everywhere.
//!
//! Owner of `wa.menu`. What a tap sends back is the choice's id; what a number means is what was offered last, before
//! the number was written, and within a day.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor};

use crate::person::UserId;

/// How long a number means something.
const OPEN: TimeDelta = TimeDelta::hours(24);

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// A pack, by its name: `buy:<name>`.
    Pack(String),
    /// To see the packs: `buy`.
    Shop,
    /// The brief that was kept: `gen:kept`.
    KeptBrief,
}

impl Pick {
    /// The id that buttons and rows carry.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Pack(name) => format!("buy:{name}"),
            Self::Shop => "buy".to_owned(),
            Self::KeptBrief => "gen:kept".to_owned(),
        }
    }

    /// Reads an id. `None`: one that we do not offer, or not any more.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        match id {
            "buy" => Some(Self::Shop),
            "gen:kept" => Some(Self::KeptBrief),
            other => Some(Self::Pack(other.strip_prefix("buy:").filter(|name| !name.is_empty())?.to_owned())),
        }
    }
}

/// One line of a menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What comes back.
    pub id: String,
    /// What is read.
    pub title: String,
    /// What stands under it, in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What can be chosen under a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Menu {
    /// What opens the list; without it, the choices are buttons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// In their order.
    pub choices: Vec<Choice>,
}

/// Notes what numbers mean from now on.
pub async fn open(
    db: &mut PgConnection,
    user: &UserId,
    menu: &Menu,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<&str> = menu.choices.iter().map(|choice| choice.id.as_str()).collect();
    sqlx::query(
        "insert into wa.menu (user_id, choices, opened_at) values ($1, $2, $3)
         on conflict (user_id) do update set choices = excluded.choices, opened_at = excluded.opened_at",
    )
    .bind(user.as_str())
    .bind(ids)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// What this number means to a person who wrote it at that moment.
pub async fn pick(
    db: impl PgExecutor<'_>,
    user: &UserId,
    number: usize,
    written_at: DateTime<Utc>,
) -> Result<Option<Pick>, sqlx::Error> {
    let id: Option<Option<String>> = sqlx::query_scalar(
        "select choices[$2] from wa.menu where user_id = $1 and opened_at <= $3 and opened_at > $4",
    )
    .bind(user.as_str())
    .bind(i32::try_from(number).unwrap_or(i32::MAX))
    .bind(written_at)
    .bind(written_at - OPEN)
    .fetch_optional(db)
    .await?;
    Ok(id.flatten().and_then(|id| Pick::of(&id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_can_be_read_again() {
        for pick in [Pick::Pack("pack_20".into()), Pick::Shop, Pick::KeptBrief] {
            assert_eq!(Pick::of(&pick.id()), Some(pick));
        }
        for foreign in ["", "buy:", "tone:fun", "DID_NOT_REQUEST_CODE"] {
            assert_eq!(Pick::of(foreign), None, "{foreign}");
        }
    }
}
