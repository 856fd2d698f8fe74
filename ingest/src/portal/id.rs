//! What a browser calls something by: a line, a post, a session, a pack. It was given out here, or by Stripe, and comes
//! back as anybody likes.

use serde::Deserialize;

/// Longer than any that is given out; Stripe's are at most 255 characters (Stripe: API upgrades).
const LONGEST: usize = 255;

/// An id that the books can at least be asked about: Postgres takes no NUL in a text, and would refuse the question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Id(pub(super) String);

/// Nobody has given this out.
#[derive(Debug, thiserror::Error)]
#[error("no id")]
pub(super) struct InvalidId;

impl TryFrom<String> for Id {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let sound = text.len() <= LONGEST && !text.chars().any(char::is_control);
        if sound { Ok(Self(text)) } else { Err(InvalidId) }
    }
}
