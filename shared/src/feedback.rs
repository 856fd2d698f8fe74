//! What people make of our messages: a reaction is an answer without words, and the only one that most posts get.
//!
//! Owner of `wa.feedback`. One row for each person and message of ours; the last word stays, by the provider's time, since
//! reactions come late and out of order as everything does.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::menu::Pick;
use crate::message::{Provider, opaque};
use crate::outbox;
use crate::person::UserId;
use crate::vault::Vault;

/// What an emoji says, as far as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They like it.
    Positive,
    /// They do not.
    Negative,
    /// Who knows.
    Other,
}

impl Kind {
    /// The word in tables and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
            Self::Other => "other",
        }
    }

    /// What this emoji says, whatever the colour of its skin.
    #[must_use]
    pub fn of(emoji: &str) -> Self {
        let Some(first) = emoji.chars().next() else { return Self::Other };
        if "👍👏🙌🙏💪👌🔥🎉🥳💯✨⭐🌟✅❤🧡💛💚💙💜🤍🤎🖤🩷😍🥰😘🤩😀😃😄😁😊🙂😎🤗👑🚀🏆".contains(first)
        {
            Self::Positive
        } else if "👎💔😠😡🤬😞😒🙁☹😕😢😣😤🤮🤢💩🥱❌".contains(first) {
            Self::Negative
        } else {
            Self::Other
        }
    }
}

/// A reaction to a message of ours.
#[derive(Debug, Clone, Copy)]
pub struct Reaction<'a> {
    /// Who carried it.
    pub provider: Provider,
    /// The provider's id of our message.
    pub to: &'a str,
    /// `None`: taken back.
    pub emoji: Option<&'a str>,
    /// When, says the provider.
    pub at: DateTime<Utc>,
}

/// Keeps a reaction, unless a later one is known or the message is none that this person was sent. `false`: nothing has
/// changed.
pub async fn keep(
    db: &mut PgConnection,
    vault: &Vault,
    user: &UserId,
    reaction: Reaction<'_>,
) -> Result<bool, sqlx::Error> {
    // Posts are known by what can be chosen under the last part of their message.
    let choices = outbox::choices(db, vault, reaction.provider, reaction.to).await?;
    let generation = choices.iter().find_map(|choice| match Pick::of(&choice.id) {
        Some(Pick::Again(generation)) => Some(generation),
        _ => None,
    });
    // Of the account that the message was sent to, whatever that has joined since: so there is one row for each message.
    let done = sqlx::query(
        "insert into wa.feedback as f (user_id, outbox_id, emoji, kind, generation_id, reacted_at)
         select r.user_id, o.id, $4, $5, $7, $6
         from wa.outbox o join wa.receipt r on r.message_id = o.cause and wa.survivor(r.user_id) = $1
         where o.provider = $2 and o.provider_message_id = $3
         on conflict (user_id, outbox_id) do update
           set emoji = excluded.emoji, kind = excluded.kind, reacted_at = excluded.reacted_at
           where f.reacted_at <= excluded.reacted_at",
    )
    .bind(user.as_str())
    .bind(reaction.provider.as_str())
    .bind(opaque(reaction.to))
    .bind(reaction.emoji)
    .bind(reaction.emoji.map(|emoji| Kind::of(emoji).as_str()))
    .bind(reaction.at)
    .bind(generation)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A reaction that is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Kept {
    /// What was put there; `None`: it was taken back.
    pub emoji: Option<String>,
    /// The posts that it is about, where the message carried some.
    pub generation_id: Option<String>,
    /// When, says the provider.
    pub reacted_at: DateTime<Utc>,
}

/// Every reaction of a person, in order.
pub async fn of(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<Kept>, sqlx::Error> {
    sqlx::query_as(
        "select emoji, generation_id, reacted_at from wa.feedback
         where user_id in (select wa.accounts_of($1)) order by reacted_at, outbox_id",
    )
    .bind(user.as_str())
    .fetch_all(db)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumb_is_a_thumb_in_every_colour() {
        for (emoji, kind) in [
            ("👍", Kind::Positive),
            ("👍🏿", Kind::Positive),
            ("❤️", Kind::Positive),
            ("👎🏻", Kind::Negative),
            ("😡", Kind::Negative),
            ("🤔", Kind::Other),
            ("😂", Kind::Other),
            ("x", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(Kind::of(emoji), kind, "{emoji}");
        }
    }
}
