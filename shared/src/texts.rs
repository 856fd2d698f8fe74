//! Every sentence that a person can read, typed: a sentence that is missing in one language does not compile.
//!
//! One file per language holds one `match`. The page of all of them side by side is a reviewed snapshot.

mod en;
mod fr;

use chrono::{DateTime, Utc};
use unicode_segmentation::UnicodeSegmentation;

use crate::generation::{Past, Revision};
use crate::language::Language;
use crate::ledger::Credits;
use crate::menu::{Choice, Menu, Pick};
use crate::pack::Offer;
use crate::price::Price;

/// Something we say, with what it needs to be said.
#[derive(Debug, Clone, Copy)]
pub enum Text<'a> {
    /// What this service does and which words it knows.
    Help,
    /// How many credits are left.
    Balance(Credits),
    /// A brief arrived and there is no credit for it: nothing was charged. The brief is kept where packs are offered.
    OutOfCredits {
        /// Packs to buy; none where nothing is sold in the chat.
        offers: &'a [Offer],
    },
    /// The three posts, and the credits left after the debit.
    Posts {
        /// Their id in the history.
        generation: &'a str,
        /// Ready to publish.
        posts: [&'a str; 3],
        /// After the debit.
        left: Credits,
        /// Whether to say that it is time to buy some.
        low: bool,
        /// Into which language they can be translated.
        translation: Language,
    },
    /// The posts of an earlier generation, revised free of charge.
    Revised {
        /// Their id in the history.
        generation: &'a str,
        /// What was done.
        revision: Revision,
        /// Ready to publish.
        posts: [&'a str; 3],
        /// Into which language they can be translated.
        translation: Language,
    },
    /// What can be bought.
    Shop {
        /// Packs to buy.
        offers: &'a [Offer],
    },
    /// Nothing is sold in the chat.
    NoShop,
    /// Where to pay for a pack.
    Checkout {
        /// What is bought.
        credits: Credits,
        /// What it costs.
        price: &'a Price,
        /// Stripe's page.
        url: &'a str,
    },
    /// The page could not be opened: nothing was paid.
    ShopClosed,
    /// A payment has come.
    Paid {
        /// What was bought.
        bought: Credits,
        /// The balance now.
        left: Credits,
        /// The brief that waited for it.
        kept: Option<&'a str>,
    },
    /// The money of a payment will not come.
    PaymentFailed,
    /// A number, and nothing that it could choose.
    NothingOffered,
    /// The brief that was kept is not there any more.
    NothingKept,
    /// The model has been used enough for today: by this person, or by everybody. Nothing was charged.
    Capped {
        /// Whether it is everybody's limit.
        everybody: bool,
    },
    /// You are welcome.
    Thanks,
    /// Ready for the next idea: to what has no words, or needs no answer but one.
    Listening,
    /// Something that is almost a command: nothing was charged.
    Almost {
        /// The word that was probably meant, in both languages.
        word: Known,
    },
    /// Which language?
    AskLanguage,
    /// This language from now on: said in it.
    LanguageSet,
    /// The last generations, to be chosen from.
    History {
        /// The newest first.
        past: &'a [Past],
    },
    /// Nothing was ever written for this person, or not any more.
    NoHistory,
    /// One post, and nothing else: to be copied.
    OnePost(&'a str),
    /// The posts of an earlier generation once more.
    Resent {
        /// Their id in the history.
        generation: &'a str,
        /// As they were written.
        posts: [&'a str; 3],
        /// Into which language they can be translated.
        translation: Language,
    },
    /// Nothing will be sent any more.
    Stopped,
    /// Messages are sent again.
    Started,
    /// A brief of somebody who wanted no more messages: nothing was charged.
    StillStopped,
    /// How to get into the account on the web.
    Login {
        /// The web app's address, where it is known.
        url: Option<&'a str>,
    },
    /// What would be deleted, and whether to.
    AskErase,
    /// The wish is written down.
    EraseNoted,
    /// How to choose where there are no buttons.
    PickByNumber,
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
            Self::Paid { kept: Some(_), .. } => Some(Menu::buttons([(Pick::KeptBrief, words.write_them)])),
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
            Self::StillStopped => Some(Menu::buttons([(Pick::Start, words.start)])),
            Self::AskErase => Some(Menu::buttons([(Pick::Erase, words.erase)])),
            Self::History { past } if !past.is_empty() => {
                let choice = |past: &Past| Choice {
                    id: Pick::Resend(past.id.clone()).id(),
                    title: cut(&past.brief, ROW),
                    description: Some((words.day)(past.created_at)),
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

    /// The whole sentence.
    #[must_use]
    pub fn in_language(self, language: Language) -> String {
        self.blocks(language).join("\n\n")
    }
}

/// The words on buttons and rows.
struct Words {
    /// Opens the list of packs.
    packs: &'static str,
    /// Runs the brief that was kept.
    write_them: &'static str,
    /// Opens a list of anything else.
    choose: &'static str,
    /// Three other posts about the same brief: says what it costs.
    again: &'static str,
    /// The same posts in this language.
    translate: fn(Language) -> &'static str,
    /// The same posts, shorter.
    shorter: &'static str,
    /// One of the three posts, before its number.
    post: &'static str,
    /// What costs nothing.
    free: &'static str,
    /// Messages are wanted again.
    start: &'static str,
    /// Yes, do away with it.
    erase: &'static str,
    /// A number of credits.
    count: fn(Credits) -> String,
    /// A day, as it is said after an idea.
    day: fn(DateTime<Utc>) -> String,
}

/// Three posts with their numbers, in the blocks that belong together.
fn numbered(intro: &str, [one, two, three]: [&str; 3]) -> Vec<String> {
    vec![intro.to_owned(), format!("*1.* {one}"), format!("*2.* {two}"), format!("*3.* {three}")]
}

/// The longest title of a row (Meta: 24 characters).
const ROW: usize = 24;

/// The beginning of a brief, by which its writer knows it again.
fn beginning(brief: &str) -> String {
    cut(brief, 120)
}

/// A text on one line, in at most so many UTF-16 units; never inside an emoji.
fn cut(text: &str, at_most: usize) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let units = |text: &str| text.encode_utf16().count();
    if units(&one_line) <= at_most {
        return one_line;
    }
    let mut kept = String::new();
    for grapheme in one_line.graphemes(true) {
        if units(&kept) + units(grapheme) >= at_most {
            break;
        }
        kept.push_str(grapheme);
    }
    format!("{}…", kept.trim_end())
}

/// A command that a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// In French.
    pub fr: &'static str,
    /// In English.
    pub en: &'static str,
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::pack::{Pack, Packs};

    fn offer((pack, minor): (&Pack, i64)) -> Offer {
        let price = Price { minor, currency: "eur".to_owned() };
        Offer { pack: pack.clone(), price_id: "price_1".to_owned(), price }
    }

    #[test]
    fn a_long_brief_is_known_by_its_beginning() {
        assert_eq!(beginning("un  post\ncourt"), "un post court");
        let long = beginning(&"été ".repeat(100));
        assert!(long.ends_with('…') && long.chars().count() <= 120, "{long}");
    }

    #[test]
    fn the_page_that_a_translator_reviews() {
        let posts = ["Premier post 🍋", "Deuxième post", "Troisième post"];
        let offers: Vec<Offer> = Packs::default().iter().zip([490, 990, 2990]).map(offer).collect();
        let (price, url) = (&offers[1].price, "https://checkout.stripe.com/c/pay/cs_1");
        let brief = "Crée un post promo pour l’ouverture de notre boulangerie, avec une dégustation de brioches au beurre \
                     tout le samedi, de 8 h à 13 h, rue des Lilas";
        let day = |day| DateTime::from_timestamp(1_790_000_000 + day * 86_400, 0).unwrap();
        let past = |number: i64, brief: &str| Past {
            id: format!("c{number}"),
            brief: brief.to_owned(),
            created_at: day(number),
        };
        let past = [past(2, brief), past(0, "Soldes d’été 🏖️")];
        let revised =
            |revision| Text::Revised { generation: "c1", revision, posts, translation: Language::En };
        let catalogue: [(&str, Text<'_>); 44] = [
            ("help", Text::Help),
            ("balance, none", Text::Balance(Credits::new(0))),
            ("balance, one", Text::Balance(Credits::new(1))),
            ("balance, many", Text::Balance(Credits::new(12))),
            ("out of credits, nothing sold here", Text::OutOfCredits { offers: &[] }),
            ("out of credits", Text::OutOfCredits { offers: &offers }),
            (
                "posts",
                Text::Posts {
                    generation: "c1",
                    posts,
                    left: Credits::new(4),
                    low: false,
                    translation: Language::En,
                },
            ),
            (
                "posts, few credits left",
                Text::Posts {
                    generation: "c1",
                    posts,
                    left: Credits::new(2),
                    low: true,
                    translation: Language::Fr,
                },
            ),
            ("text only", Text::TextOnly),
            ("brief missing", Text::BriefMissing),
            ("refused", Text::Refused(Credits::new(1))),
            ("failed", Text::Failed),
            ("shop", Text::Shop { offers: &offers }),
            ("no shop", Text::NoShop),
            ("checkout", Text::Checkout { credits: Credits::new(50), price, url }),
            ("shop closed", Text::ShopClosed),
            ("paid", Text::Paid { bought: Credits::new(50), left: Credits::new(51), kept: None }),
            ("paid, one", Text::Paid { bought: Credits::new(1), left: Credits::new(1), kept: None }),
            (
                "paid, a brief waits",
                Text::Paid { bought: Credits::new(20), left: Credits::new(20), kept: Some(brief) },
            ),
            ("payment failed", Text::PaymentFailed),
            ("nothing offered", Text::NothingOffered),
            ("nothing kept", Text::NothingKept),
            ("capped, this person", Text::Capped { everybody: false }),
            ("capped, everybody", Text::Capped { everybody: true }),
            ("thanks", Text::Thanks),
            ("listening", Text::Listening),
            ("almost", Text::Almost { word: Known { fr: "solde", en: "balance" } }),
            ("ask language", Text::AskLanguage),
            ("language set", Text::LanguageSet),
            ("history", Text::History { past: &past }),
            ("no history", Text::NoHistory),
            ("one post", Text::OnePost(posts[1])),
            ("resent", Text::Resent { generation: "c1", posts, translation: Language::En }),
            ("shorter", revised(Revision::Shorten)),
            ("translated into French", revised(Revision::Translate(Language::Fr))),
            ("translated into English", revised(Revision::Translate(Language::En))),
            ("stopped", Text::Stopped),
            ("started", Text::Started),
            ("still stopped", Text::StillStopped),
            ("login", Text::Login { url: Some("https://postly.example") }),
            ("login, no address", Text::Login { url: None }),
            ("ask erase", Text::AskErase),
            ("erase noted", Text::EraseNoted),
            ("pick by number", Text::PickByNumber),
        ];
        let mut page = String::new();
        for (name, text) in catalogue {
            writeln!(page, "== {name}").unwrap();
            for language in Language::ALL {
                writeln!(page, "-- {}\n{}", language.code(), text.in_language(language)).unwrap();
                let Some(menu) = text.menu(language) else { continue };
                for Choice { id, title, description } in menu.numbered.into_iter().chain(menu.choices) {
                    // Meta: buttons and rows.
                    assert!(title.chars().count() <= if menu.list.is_some() { 24 } else { 20 }, "{title}");
                    writeln!(page, "   [{title}] {} → {id}", description.unwrap_or_default()).unwrap();
                }
                if let Some(opens) = menu.list {
                    assert!(opens.chars().count() <= 20, "{opens}");
                    writeln!(page, "   ({opens})").unwrap();
                }
            }
        }
        insta::assert_snapshot!(page);
    }
}
