//! Every sentence that a person can read, typed: a sentence that is missing in one language does not compile.
//!
//! One file per language holds one `match`. The page of all of them side by side is a reviewed snapshot.

mod en;
mod fr;

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
        /// Ready to publish.
        posts: [&'a str; 3],
        /// After the debit.
        left: Credits,
        /// Whether to say that it is time to buy some.
        low: bool,
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
                })
            }
            Self::Paid { kept: Some(_), .. } => {
                let (id, title) = (Pick::KeptBrief.id(), words.write_them.to_owned());
                Some(Menu { list: None, choices: vec![Choice { id, title, description: None }] })
            }
            Self::PaymentFailed => {
                let (id, title) = (Pick::Shop.id(), words.packs.to_owned());
                Some(Menu { list: None, choices: vec![Choice { id, title, description: None }] })
            }
            _ => None,
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
    /// A number of credits.
    count: fn(Credits) -> String,
}

/// The beginning of a brief, by which its writer knows it again.
fn beginning(brief: &str) -> String {
    let one_line = brief.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= 120 {
        return one_line;
    }
    let cut: String = one_line.chars().take(119).collect();
    format!("{}…", cut.trim_end())
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
        let catalogue: [(&str, Text<'_>); 25] = [
            ("help", Text::Help),
            ("balance, none", Text::Balance(Credits::new(0))),
            ("balance, one", Text::Balance(Credits::new(1))),
            ("balance, many", Text::Balance(Credits::new(12))),
            ("out of credits, nothing sold here", Text::OutOfCredits { offers: &[] }),
            ("out of credits", Text::OutOfCredits { offers: &offers }),
            ("posts", Text::Posts { posts, left: Credits::new(4), low: false }),
            ("posts, few credits left", Text::Posts { posts, left: Credits::new(2), low: true }),
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
            ("pick by number", Text::PickByNumber),
        ];
        let mut page = String::new();
        for (name, text) in catalogue {
            writeln!(page, "== {name}").unwrap();
            for language in Language::ALL {
                writeln!(page, "-- {}\n{}", language.code(), text.in_language(language)).unwrap();
                let Some(menu) = text.menu(language) else { continue };
                for Choice { id, title, description } in menu.choices {
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
