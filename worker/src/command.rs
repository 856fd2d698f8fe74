//! What a person asks for, from the words they wrote. Pure: a text in, a command out.
//!
//! Only the word of the command is compared without case and accents; a brief stays exactly as it was written.

use shared::message::Content;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// What can you do?
    Help,
    /// How many credits are left?
    Balance,
    /// Write three posts about this.
    Generate {
        /// The person's words, trimmed.
        brief: String,
    },
    /// `gen` with nothing behind it.
    BriefMissing,
    /// Something that cannot be read yet.
    Unreadable,
    /// Nothing to answer.
    Silence,
}

const PUNCTUATION: [char; 4] = [':', '.', '!', '?'];

impl Command {
    /// Reads a message.
    #[must_use]
    pub fn parse(content: &Content) -> Self {
        let text = match content {
            Content::Text(text) => text.trim(),
            Content::Unreadable(_) => return Self::Unreadable,
            Content::Silent(_) => return Self::Silence,
        };
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let word = fold(first.strip_prefix('/').unwrap_or(first).trim_end_matches(PUNCTUATION));
        let rest = rest.trim();
        // French sets a space before its question and exclamation marks.
        let rest = if rest.trim_matches(PUNCTUATION).is_empty() { "" } else { rest };
        match (word.as_str(), rest) {
            ("help" | "aide", "") => Self::Help,
            ("balance" | "solde", "") => Self::Balance,
            ("gen", "") => Self::BriefMissing,
            ("gen", brief) => Self::Generate { brief: brief.to_owned() },
            _ => Self::Generate { brief: text.to_owned() },
        }
    }
}

/// Lower case, without the accents of French.
fn fold(word: &str) -> String {
    word.to_lowercase()
        .chars()
        .map(|letter| match letter {
            'à' | 'â' | 'ä' => 'a',
            'é' | 'è' | 'ê' | 'ë' => 'e',
            'î' | 'ï' => 'i',
            'ô' | 'ö' => 'o',
            'ù' | 'û' | 'ü' => 'u',
            'ç' => 'c',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Command {
        Command::parse(&Content::Text(text.to_owned()))
    }

    fn brief(text: &str) -> Command {
        Command::Generate { brief: text.to_owned() }
    }

    #[test]
    fn words_are_known_however_they_are_written() {
        for help in ["help", "Aide", " AIDE ", "/aide", "aide !", "Aide?", "HELP"] {
            assert_eq!(parse(help), Command::Help, "{help}");
        }
        for balance in ["solde", "Balance", "/SOLDE", "solde ?"] {
            assert_eq!(parse(balance), Command::Balance, "{balance}");
        }
    }

    #[test]
    fn a_brief_keeps_its_case_and_its_accents() {
        assert_eq!(parse("gen Soldes d’Été chez ZAZA"), brief("Soldes d’Été chez ZAZA"));
        assert_eq!(parse("GEN: Noël à Paris"), brief("Noël à Paris"));
        assert_eq!(parse("Crée un post promo pour Instagram"), brief("Crée un post promo pour Instagram"));
        assert_eq!(parse("gen\nligne une\nligne deux"), brief("ligne une\nligne deux"));
    }

    #[test]
    fn a_word_inside_a_sentence_is_no_command() {
        assert_eq!(parse("aide à domicile : un post"), brief("aide à domicile : un post"));
        assert_eq!(parse("Solde exceptionnel"), brief("Solde exceptionnel"));
        assert_eq!(parse("générale"), brief("générale"));
    }

    #[test]
    fn gen_alone_is_asked_about_and_costs_nothing() {
        assert_eq!(parse("gen"), Command::BriefMissing);
        assert_eq!(parse("/Gen   "), Command::BriefMissing);
    }

    #[test]
    fn what_is_not_text_is_not_a_brief() {
        assert_eq!(Command::parse(&Content::Unreadable("audio".into())), Command::Unreadable);
        assert_eq!(Command::parse(&Content::Silent("reaction".into())), Command::Silence);
    }
}
