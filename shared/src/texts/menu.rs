//! What can be chosen under a sentence.

use chrono::{DateTime, Utc};

use super::{SignIn, Text, cut, en, fr};
use crate::generation::Past;
use crate::language::Language;
use crate::ledger::Credits;
use crate::menu::{Choice, Menu, Pick};
use crate::pack::Offer;

/// The words on buttons and rows.
pub(super) struct Words {
    /// Opens the list of packs.
    pub(super) packs: &'static str,
    /// Runs the brief that was kept.
    pub(super) write_them: &'static str,
    /// Opens a list of anything else.
    pub(super) choose: &'static str,
    /// Three other posts about the same brief: says what it costs.
    pub(super) again: &'static str,
    /// The same posts in this language.
    pub(super) translate: fn(Language) -> &'static str,
    /// The same posts, shorter.
    pub(super) shorter: &'static str,
    /// One of the three posts, before its number.
    pub(super) post: &'static str,
    /// What costs nothing.
    pub(super) free: &'static str,
    /// Messages are wanted again.
    pub(super) start: &'static str,
    /// Yes, do away with it.
    pub(super) erase: &'static str,
    /// A number of credits.
    pub(super) count: fn(Credits) -> String,
    /// A day, as it is said after an idea.
    pub(super) day: fn(DateTime<Utc>) -> String,
}

/// The longest title of a row (Meta: 24 characters).
const ROW: usize = 24;

/// The longest text under it (Meta: 72 characters).
const UNDER: usize = 72;

impl Text<'_> {
    /// What can be chosen under it.
    #[must_use]
    pub fn menu(self, language: Language) -> Option<Menu> {
        let words = match language {
            Language::Fr => fr::WORDS,
            Language::En => en::WORDS,
        };
        match self {
            Self::OutOfCredits { offers } | Self::Shop { offers } if !offers.is_empty() => {
                let choice = |offer: &Offer| Choice {
                    id: Pick::Pack(offer.pack.name.clone()).id(),
                    title: (words.count)(offer.pack.credits),
                    description: Some(offer.price.in_language(language)),
                };
                Some(Menu {
                    list: Some(words.packs.to_owned()),
                    choices: offers.iter().map(choice).collect(),
                    numbered: Vec::new(),
                })
            }
            Self::Paid { kept: Some(_), .. } | Self::EditedTooLate => {
                Some(Menu::buttons([(Pick::KeptBrief, words.write_them)]))
            }
            Self::Posts { generation, translation, .. }
            | Self::Revised { generation, translation, .. }
            | Self::Resent { generation, translation, .. } => {
                let (into, id) = (translation, generation.to_owned());
                let mut menu = Menu::buttons([
                    (Pick::Again(id.clone()), words.again),
                    (Pick::Translate { into, generation: id.clone() }, (words.translate)(into)),
                    (Pick::Shorten(id.clone()), words.shorter),
                ]);
                let post = |number| Choice {
                    id: Pick::Post { generation: id.clone(), number }.id(),
                    title: format!("{} {number}", words.post),
                    description: None,
                };
                menu.numbered = (1..=3).map(post).collect();
                for free in menu.choices.iter_mut().skip(1) {
                    free.description = Some(words.free.to_owned());
                }
                Some(menu)
            }
            Self::PaymentFailed => Some(Menu::buttons([(Pick::Shop, words.packs)])),
            Self::AskLanguage => {
                Some(Menu::buttons(Language::ALL.map(|language| (Pick::Speak(language), language.name()))))
            }
            Self::SignIn(SignIn::Ask { id, numbers, .. }) => {
                let choice = |number: u8| Choice {
                    id: Pick::SignIn { signin: id.to_owned(), number }.id(),
                    title: number.to_string(),
                    description: None,
                };
                Some(Menu { list: None, choices: numbers.map(choice).into(), numbered: Vec::new() })
            }
            Self::StillStopped => Some(Menu::buttons([(Pick::Start, words.start)])),
            Self::AskErase => Some(Menu::buttons([(Pick::Erase, words.erase)])),
            Self::History { past } if !past.is_empty() => {
                let choice = |past: &Past| Choice {
                    id: Pick::Resend(past.id.clone()).id(),
                    title: cut(&past.brief, ROW),
                    description: Some(match &past.first {
                        Some(first) => cut(&format!("{} · {first}", (words.day)(past.created_at)), UNDER),
                        None => (words.day)(past.created_at),
                    }),
                };
                Some(Menu {
                    list: Some(words.choose.to_owned()),
                    choices: past.iter().map(choice).collect(),
                    numbered: Vec::new(),
                })
            }
            _ => None,
        }
    }

    /// What opens a list, where its text does not fit above buttons.
    #[must_use]
    pub fn opens_list(language: Language) -> &'static str {
        match language {
            Language::Fr => fr::WORDS.choose,
            Language::En => en::WORDS.choose,
        }
    }
}
