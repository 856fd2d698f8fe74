//! What a person asks for, from the words they wrote. Pure: a text in, a command out.
//!
//! Only the word of the command is compared without case and accents; a brief stays exactly as it was written.

use shared::menu::Pick;
use shared::message::Content;
use shared::texts::Text;

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
    /// What can be bought; or this pack, by its name or by how many credits it holds.
    Buy {
        /// As it was typed or tapped.
        wish: Option<String>,
    },
    /// Write about the brief that was kept.
    KeptBrief,
    /// One of the choices that were offered last.
    Number(usize),
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
            // What is offered no more, and what was never ours, is only recorded.
            Content::Tap { id, .. } => return Pick::of(id).map_or(Self::Silence, Self::of),
            Content::Unreadable(_) => return Self::Unreadable,
            Content::Silent(_) => return Self::Silence,
        };
        let number = text.trim_end_matches(['.', ')', ' ']);
        if !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Self::Number(number.parse().unwrap_or(usize::MAX));
        }
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let word = fold(first.strip_prefix('/').unwrap_or(first).trim_end_matches(PUNCTUATION));
        let rest = rest.trim();
        // French sets a space before its question and exclamation marks.
        let rest = if rest.trim_matches(PUNCTUATION).is_empty() { "" } else { rest };
        match (word.as_str(), rest) {
            ("help" | "aide", "") => Self::Help,
            ("balance" | "solde", "") => Self::Balance,
            ("buy" | "acheter" | "recharger", "") => Self::Buy { wish: None },
            ("buy" | "acheter" | "recharger", wish) if is_pack(wish) => {
                Self::Buy { wish: Some(wish.to_owned()) }
            }
            ("gen", "") => Self::BriefMissing,
            ("gen", brief) => Self::Generate { brief: brief.to_owned() },
            _ => Self::Generate { brief: text.to_owned() },
        }
    }
}

impl Command {
    /// What is said when nothing came of it in the end, if an answer was due.
    #[must_use]
    pub fn apology(&self) -> Option<Text<'static>> {
        match self {
            Self::Silence => None,
            Self::Buy { .. } => Some(Text::ShopClosed),
            _ => Some(Text::Failed),
        }
    }

    /// What a choice asks for.
    #[must_use]
    pub fn of(pick: Pick) -> Self {
        match pick {
            Pick::Shop => Self::Buy { wish: None },
            Pick::Pack(name) => Self::Buy { wish: Some(name) },
            Pick::KeptBrief => Self::KeptBrief,
        }
    }
}

/// Whether these words name a pack: a number, or a name that nobody would write in a sentence.
fn is_pack(wish: &str) -> bool {
    wish.parse::<u32>().is_ok() || (wish.contains('_') && !wish.contains(char::is_whitespace))
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
    fn what_can_be_tapped_can_be_typed() {
        for shop in ["acheter", "Buy", "/ACHETER", "recharger !"] {
            assert_eq!(parse(shop), Command::Buy { wish: None }, "{shop}");
        }
        for (pack, wish) in [("acheter 20", "20"), ("buy pack_20", "pack_20")] {
            assert_eq!(parse(pack), Command::Buy { wish: Some(wish.into()) });
        }
        for (number, choice) in [("2", 2), (" 1. ", 1), ("3)", 3), ("12", 12), ("100", 100)] {
            assert_eq!(parse(number), Command::Number(choice), "{number}");
        }
        let tap = |id: &str| Command::parse(&Content::Tap { id: id.into(), title: "20 crédits".into() });
        assert_eq!(tap("buy:pack_20"), Command::Buy { wish: Some("pack_20".into()) });
        assert_eq!(tap("gen:kept"), Command::KeptBrief);
        assert_eq!(tap("tone:fun"), Command::Silence);
    }

    #[test]
    fn shopping_in_a_sentence_is_a_brief() {
        for text in ["acheter local : un post", "Buy one get one free", "20 bougies pour nos 20 ans"] {
            assert_eq!(parse(text), brief(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_text_is_not_a_brief() {
        assert_eq!(Command::parse(&Content::Unreadable("audio".into())), Command::Unreadable);
        assert_eq!(Command::parse(&Content::Silent("reaction".into())), Command::Silence);
    }
}
