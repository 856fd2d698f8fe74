//! Choices offered in the chat: buttons or a list where the provider can show them, numbers everywhere.
//!
//! Owner of `wa.menu`. What a tap sends back is the choice's id; what a number means is what was offered last, before
//! the number was written, and within a day.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor};

use crate::language::Language;
use crate::person::UserId;

/// How long a number means something.
pub(crate) const OPEN: TimeDelta = TimeDelta::hours(24);

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// A pack, by its name: `buy:<name>`.
    Pack(String),
    /// To see the packs: `buy`.
    Shop,
    /// The brief that was kept: `gen:kept`.
    KeptBrief,
    /// One post alone: `post:<generation>:<number>`.
    Post {
        /// The generation's id.
        generation: String,
        /// From 1 to 3.
        number: usize,
    },
    /// All posts of a generation once more: `history:<generation>`.
    Resend(String),
    /// Three other posts about the same brief, for a credit: `again:<generation>`.
    Again(String),
    /// The same posts in this language: `translate:<code>:<generation>`.
    Translate {
        /// The language.
        into: Language,
        /// The generation's id.
        generation: String,
    },
    /// The same posts, shorter: `shorter:<generation>`.
    Shorten(String),
    /// To be spoken to in this language: `lang:<code>`.
    Speak(Language),
    /// To be written to again: `start`.
    Start,
    /// Yes, do away with my data: `erase:yes`.
    Erase,
    /// This number stands on the screen: `signin:<sign-in>:<number>`.
    SignIn {
        /// The sign-in's id.
        signin: String,
        /// The number.
        number: u8,
    },
}

impl Pick {
    /// The id that buttons and rows carry.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Pack(name) => format!("buy:{name}"),
            Self::Shop => "buy".to_owned(),
            Self::KeptBrief => "gen:kept".to_owned(),
            Self::Post { generation, number } => format!("post:{generation}:{number}"),
            Self::Resend(generation) => format!("history:{generation}"),
            Self::Again(generation) => format!("again:{generation}"),
            Self::Translate { into, generation } => format!("translate:{}:{generation}", into.code()),
            Self::Shorten(generation) => format!("shorter:{generation}"),
            Self::Speak(language) => format!("lang:{}", language.code()),
            Self::Start => "start".to_owned(),
            Self::Erase => "erase:yes".to_owned(),
            Self::SignIn { signin, number } => format!("signin:{signin}:{number}"),
        }
    }

    /// Reads an id. `None`: one that we do not offer, or not any more.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        match id {
            "buy" => return Some(Self::Shop),
            "gen:kept" => return Some(Self::KeptBrief),
            "start" => return Some(Self::Start),
            "erase:yes" => return Some(Self::Erase),
            _ => {}
        }
        let (kind, rest) = id.split_once(':').filter(|(_, rest)| !rest.is_empty())?;
        match kind {
            "buy" => Some(Self::Pack(rest.to_owned())),
            "history" => Some(Self::Resend(rest.to_owned())),
            "again" => Some(Self::Again(rest.to_owned())),
            "shorter" => Some(Self::Shorten(rest.to_owned())),
            "translate" => {
                let (into, generation) = rest.split_once(':').filter(|(_, id)| !id.is_empty())?;
                let (into, generation) = (Language::from_code(into)?, generation.to_owned());
                Some(Self::Translate { into, generation })
            }
            "signin" => {
                let (signin, number) = rest.split_once(':').filter(|(signin, _)| !signin.is_empty())?;
                Some(Self::SignIn { signin: signin.to_owned(), number: number.parse().ok()? })
            }
            "lang" => Language::from_code(rest).map(Self::Speak),
            "post" => {
                let (generation, number) = rest.rsplit_once(':')?;
                let number = number.parse().ok().filter(|number| (1..=3).contains(number))?;
                (!generation.is_empty()).then(|| Self::Post { generation: generation.to_owned(), number })
            }
            _ => None,
        }
    }

    /// Whether it stands for "yes" where it is offered alone.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::KeptBrief | Self::Start | Self::Erase)
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
    /// What numbers choose that the text itself has numbered, before the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbered: Vec<Choice>,
}

impl Menu {
    /// Up to three buttons.
    #[must_use]
    pub fn buttons<const N: usize>(choices: [(Pick, &str); N]) -> Self {
        let button = |(pick, title): (Pick, &str)| Choice {
            id: pick.id(),
            title: title.to_owned(),
            description: None,
        };
        Self { list: None, choices: choices.map(button).into(), numbered: Vec::new() }
    }

    /// The same as a list, whose rows are what the text has numbered as well.
    #[must_use]
    pub fn as_list(&self, opens: &str) -> Self {
        let choices = self.numbered.iter().chain(&self.choices).cloned().collect();
        Self { list: Some(opens.to_owned()), choices, numbered: Vec::new() }
    }
}

/// Notes what numbers mean from now on.
pub async fn open(
    db: &mut PgConnection,
    user: &UserId,
    menu: &Menu,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<&str> = menu.numbered.iter().chain(&menu.choices).map(|choice| choice.id.as_str()).collect();
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

/// What "yes" means to a person who wrote it at that moment: the one choice of a question, if one was asked.
pub async fn yes(
    db: impl PgExecutor<'_>,
    user: &UserId,
    written_at: DateTime<Utc>,
) -> Result<Option<Pick>, sqlx::Error> {
    let id: Option<Option<String>> = sqlx::query_scalar(
        "select choices[1] from wa.menu
         where user_id = $1 and cardinality(choices) = 1 and opened_at <= $2 and opened_at > $3",
    )
    .bind(user.as_str())
    .bind(written_at)
    .bind(written_at - OPEN)
    .fetch_optional(db)
    .await?;
    Ok(id.flatten().and_then(|id| Pick::of(&id)).filter(Pick::is_yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_can_be_read_again() {
        let generation = || "cjld2cjxh0000qzrmn831i7rn".to_owned();
        let post = Pick::Post { generation: generation(), number: 3 };
        let speak = Language::ALL.map(Pick::Speak);
        let translate = Pick::Translate { into: Language::En, generation: generation() };
        let work = [Pick::Again(generation()), Pick::Shorten(generation()), translate];
        let number = Pick::SignIn { signin: generation(), number: 47 };
        let others =
            [Pick::Pack("pack_20".into()), Pick::Shop, Pick::KeptBrief, post, Pick::Resend(generation())];
        for pick in others.into_iter().chain(speak).chain(work).chain([Pick::Start, Pick::Erase, number]) {
            assert_eq!(Pick::of(&pick.id()), Some(pick));
        }
        for foreign in [
            "",
            "buy:",
            "tone:fun",
            "DID_NOT_REQUEST_CODE",
            "post:x:4",
            "post:x",
            "post::1",
            "lang:es",
            "again:",
            "translate:es:x",
            "translate:en",
            "signin:x",
            "signin::47",
            "signin:x:470",
        ] {
            assert_eq!(Pick::of(foreign), None, "{foreign}");
        }
    }
}
