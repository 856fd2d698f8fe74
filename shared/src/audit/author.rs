//! Who does something by hand, and why: nothing is done without both.
//!
//! The name is what somebody says of themselves at a machine or on a page that only operators reach. It is a claim, and the
//! audit keeps it as one.

use crate::message::conceal;

/// Long enough for any name.
const LONGEST_NAME: usize = 60;

/// Long enough for a reason with the number of its ticket. A log does not belong here.
const LONGEST_REASON: usize = 500;

/// Both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    actor: String,
    why: String,
}

/// Why somebody is not taken for the author of a deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// There is no name.
    #[error("say who you are")]
    NoName,
    /// The name is none.
    #[error("a name has at most {LONGEST_NAME} characters")]
    LongName,
    /// There is no reason.
    #[error("say why")]
    NoReason,
    /// The reason is a story.
    #[error("a reason has at most {LONGEST_REASON} characters")]
    LongReason,
}

impl Unsigned {
    /// Whether it is the name that is wrong, and not the reason.
    #[must_use]
    pub fn is_name(self) -> bool {
        matches!(self, Self::NoName | Self::LongName)
    }
}

impl Author {
    /// An operator of this name, with this reason; both on one line, and without ids of messages that name somebody. What is too
    /// long is refused: half a reason says something else.
    pub fn operator(name: &str, why: &str) -> Result<Self, Unsigned> {
        let (name, why) = (line(name), line(&conceal(why)));
        let too_long = |text: &str, most: usize| text.chars().count() > most;
        match () {
            () if name.is_empty() => Err(Unsigned::NoName),
            () if too_long(&name, LONGEST_NAME) => Err(Unsigned::LongName),
            () if why.is_empty() => Err(Unsigned::NoReason),
            () if too_long(&why, LONGEST_REASON) => Err(Unsigned::LongReason),
            () => Ok(Self { actor: format!("operator:{name}"), why }),
        }
    }

    /// Who, as the audit names them.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Why, in their words.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

/// Nothing that could move a terminal's cursor, begin another line, or turn the direction of those beside it.
fn line(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let plain: String = text.chars().map(|c| if steers(c) { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_does_anything_without_a_name_and_a_reason() {
        let signed = |name: &str, why: &str| Author::operator(name, why);
        assert_eq!(signed(" \t", "because"), Err(Unsigned::NoName));
        assert_eq!(signed("camille", "\u{202e}\n"), Err(Unsigned::NoReason));
        assert_eq!(signed(&"c".repeat(61), "because"), Err(Unsigned::LongName));
        assert_eq!(signed("camille", &"é".repeat(501)), Err(Unsigned::LongReason));
        assert!(signed(&"é".repeat(60), &"é".repeat(500)).is_ok());
    }

    #[test]
    fn what_they_write_stays_on_its_line() {
        let author = Author::operator("cam\u{1b}[2Jille", " the model\r\nis back\0 \u{202e}again").unwrap();
        assert_eq!((author.actor(), author.why()), ("operator:cam [2Jille", "the model is back again"));
        let named = Author::operator("camille", "wamid.A was lost").unwrap();
        assert_eq!(named.why(), format!("{} was lost", crate::message::opaque("wamid.A")));
    }
}
