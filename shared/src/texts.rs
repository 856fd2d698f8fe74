//! Every sentence that a person can read, typed: a sentence that is missing in one language does not compile.
//!
//! One file per language holds one `match`. The page of all of them side by side is a reviewed snapshot.

mod en;
mod fr;

use crate::language::Language;
use crate::ledger::Credits;

/// Something we say, with what it needs to be said.
#[derive(Debug, Clone, Copy)]
pub enum Text<'a> {
    /// What this service does and which words it knows.
    Help,
    /// How many credits are left.
    Balance(Credits),
    /// A brief arrived and there is no credit for it: nothing was charged.
    OutOfCredits,
    /// The three posts, and the credits left after the debit.
    Posts {
        /// Ready to publish.
        posts: [&'a str; 3],
        /// After the debit.
        left: Credits,
    },
    /// A message of a kind that cannot be read yet.
    TextOnly,
    /// The word `gen` without a brief behind it.
    BriefMissing,
    /// The model declined the brief: nothing is charged.
    Refused(Credits),
    /// We failed for good: the credit, if one was taken, is back.
    Failed,
}

impl Text<'_> {
    /// The sentence, in the blocks that belong together: where it must be split to fit, it is split between them.
    #[must_use]
    pub fn blocks(self, language: Language) -> Vec<String> {
        match language {
            Language::Fr => fr::say(self),
            Language::En => en::say(self),
        }
    }

    /// The whole sentence.
    #[must_use]
    pub fn in_language(self, language: Language) -> String {
        self.blocks(language).join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn the_page_that_a_translator_reviews() {
        let posts = ["Premier post 🍋", "Deuxième post", "Troisième post"];
        let catalogue: [(&str, Text<'_>); 10] = [
            ("help", Text::Help),
            ("balance, none", Text::Balance(Credits::new(0))),
            ("balance, one", Text::Balance(Credits::new(1))),
            ("balance, many", Text::Balance(Credits::new(12))),
            ("out of credits", Text::OutOfCredits),
            ("posts", Text::Posts { posts, left: Credits::new(4) }),
            ("text only", Text::TextOnly),
            ("brief missing", Text::BriefMissing),
            ("refused", Text::Refused(Credits::new(1))),
            ("failed", Text::Failed),
        ];
        let mut page = String::new();
        for (name, text) in catalogue {
            writeln!(page, "== {name}").unwrap();
            for language in Language::ALL {
                writeln!(page, "-- {}\n{}", language.code(), text.in_language(language)).unwrap();
            }
        }
        insta::assert_snapshot!(page);
    }
}
