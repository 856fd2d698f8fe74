//! Fitting an answer into messages, with what can be chosen under it: as few as possible, split between blocks, then
//! between paragraphs and words, and never inside a word or an emoji unless one alone is longer than a message.

use shared::language::Language;
use shared::menu::Menu;
use shared::message::Provider;
use shared::texts::Text;
use unicode_segmentation::UnicodeSegmentation;

/// The longest text of one message, in UTF-16 units: Meta 4 096 ("characters", unit not stated), Twilio 1 600.
fn limit(provider: Provider) -> usize {
    match provider {
        Provider::Meta => 4096,
        Provider::Twilio => 1600,
    }
}

/// The longest text above a list (Meta: Interactive list messages).
const LIST_TEXT: usize = 4096;

/// The longest text that can carry a menu, in UTF-16 units; `None`: no text can (Meta: Interactive messages. Twilio shows
/// choices only through templates that an operator has to have approved).
fn limit_with(menu: &Menu, provider: Provider) -> Option<usize> {
    match provider {
        Provider::Meta => Some(if menu.list.is_some() { LIST_TEXT } else { 1024 }),
        Provider::Twilio => None,
    }
}

/// An answer, ready to be sent.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its messages, in order.
    pub parts: Vec<String>,
    /// What the last of them shows to choose from.
    pub shown: Option<Menu>,
    /// What can be chosen at all: by a tap where it is shown, by number everywhere.
    pub menu: Option<Menu>,
}

/// A text in this language, for this provider: with its menu where that can be shown, with numbered lines elsewhere. What
/// was understood of a voice note stands before it, since a message of its own would be paid for.
#[must_use]
pub fn write(echo: Option<String>, text: Text<'_>, language: Language, provider: Provider) -> Reply {
    let menu = text.menu(language);
    let mut blocks: Vec<String> = echo.into_iter().chain(text.blocks(language)).collect();
    let mut fitted = parts(&blocks, provider);
    let Some(menu) = menu else { return Reply { parts: fitted, shown: None, menu: None } };
    let last = fitted.last().map_or(0, |part| units(part));
    let shown = match limit_with(&menu, provider) {
        Some(limit) if last <= limit => Some(menu.clone()),
        // One message, rather than a second one for the buttons: a list takes a longer text.
        Some(_) if last <= LIST_TEXT => Some(menu.as_list(Text::opens_list(language))),
        _ => None,
    };
    if text.says_its_choices() {
        return Reply { parts: fitted, shown, menu: None };
    }
    if shown.is_some() {
        return Reply { parts: fitted, shown, menu: Some(menu) };
    }
    let lines = menu.choices.iter().zip(menu.numbered.len() + 1..).map(|(choice, number)| {
        match &choice.description {
            Some(description) => format!("*{number}.* {} ({description})", choice.title),
            None => format!("*{number}.* {}", choice.title),
        }
    });
    blocks.push(lines.collect::<Vec<_>>().join("\n"));
    blocks.push(Text::PickByNumber.in_language(language));
    fitted = parts(&blocks, provider);
    Reply { parts: fitted, shown: None, menu: Some(menu) }
}

/// The longest post that still fits one message with its number.
#[must_use]
pub fn longest_post(provider: Provider) -> usize {
    limit(provider) - 16
}

/// The length of a text as providers count it at most.
#[must_use]
pub fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The messages that carry these blocks, in order.
#[must_use]
pub fn parts(blocks: &[String], provider: Provider) -> Vec<String> {
    pack(blocks.iter().map(String::as_str), "\n\n", limit(provider))
}

/// Joins pieces while they fit; a piece that is too long by itself is packed from smaller ones.
fn pack<'a>(pieces: impl IntoIterator<Item = &'a str>, joint: &str, limit: usize) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut room = 0;
    for piece in pieces {
        let size = units(piece);
        match parts.last_mut() {
            Some(last) if units(joint) + size <= room => {
                last.push_str(joint);
                last.push_str(piece);
                room -= units(joint) + size;
            }
            _ => {
                if size <= limit {
                    parts.push(piece.to_owned());
                } else {
                    parts.extend(split(piece, limit));
                }
                room = parts.last().map_or(0, |last| limit - units(last));
            }
        }
    }
    parts
}

fn split(piece: &str, limit: usize) -> Vec<String> {
    for joint in ["\n\n", "\n", " "] {
        if piece.contains(joint) {
            return pack(piece.split(joint), joint, limit);
        }
    }
    pack(piece.graphemes(true).flat_map(|grapheme| fitting(grapheme, limit)), "", limit)
}

/// A grapheme, or, in the absurd case of one longer than a message, its characters.
fn fitting(grapheme: &str, limit: usize) -> Vec<&str> {
    if units(grapheme) <= limit {
        vec![grapheme]
    } else {
        grapheme.split("").filter(|c| !c.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::ledger::Credits;

    use super::*;

    #[test]
    fn an_answer_that_fits_is_one_message() {
        let blocks = ["intro".to_owned(), "*1.* un".to_owned(), "fin".to_owned()];
        assert_eq!(parts(&blocks, Provider::Meta), ["intro\n\n*1.* un\n\nfin"]);
    }

    #[test]
    fn a_menu_is_shown_where_it_can_be_and_numbered_elsewhere() {
        let text = Text::Paid {
            bought: Credits::new(20),
            settled: Credits::default(),
            left: Credits::new(20),
            kept: Some("un post"),
        };
        let meta = write(None, text, Language::Fr, Provider::Meta);
        assert_eq!(meta.shown.unwrap().choices[0].id, "gen:kept");
        assert!(!meta.parts[0].contains("*1.*"));
        let twilio = write(None, text, Language::Fr, Provider::Twilio);
        assert!(twilio.shown.is_none() && twilio.menu.is_some());
        let end = "*1.* Créer les posts\n\nRépondez par le numéro de votre choix.";
        assert!(twilio.parts[0].ends_with(end), "{}", twilio.parts[0]);
        assert!(write(None, Text::Help, Language::Fr, Provider::Meta).menu.is_none());
    }

    #[test]
    fn a_long_answer_is_split_between_posts() {
        let post = "mot ".repeat(150);
        let blocks: Vec<String> = (1..=3).map(|n| format!("*{n}.* {}", post.trim())).collect();
        let parts = parts(&blocks, Provider::Twilio);
        assert_eq!(parts.len(), 2);
        assert!(parts[1].starts_with("*3.* mot") && parts.iter().all(|part| units(part) <= 1600));
    }

    #[test]
    fn a_family_of_emoji_stays_together() {
        let family = "👩‍👩‍👧‍👦";
        let parts = parts(&[family.repeat(300)], Provider::Twilio);
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|part| part.replace(family, "").is_empty()), "a family was torn apart");
    }

    proptest! {
        // Long texts, so few of them: what matters is where the cuts fall.
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn nothing_is_lost_and_everything_fits(text in "(\\PC|\n| |👩‍👩‍👧|é){0,3000}") {
            let parts = parts(std::slice::from_ref(&text), Provider::Twilio);
            prop_assert!(parts.iter().all(|part| units(part) <= 1600));
            let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&parts.concat()), bare(&text));
        }
    }
}
