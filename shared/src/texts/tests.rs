use std::fmt::Write;

use chrono::DateTime;

use super::*;
use crate::menu::Choice;
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
fn what_was_said_is_said_back_up_to_a_word() {
    assert_eq!(said(" un  post\ncourt "), "un post court");
    let long = said(&"une dégustation, ".repeat(40));
    assert!(
        ["dégustation…", "une…"].iter().any(|end| long.ends_with(end))
            && long.graphemes(true).count() <= HEARD,
        "{long}"
    );
    let exact = "a".repeat(HEARD);
    assert_eq!(said(&exact), exact);
    assert_eq!(said(&format!("{exact} b")), format!("{exact}…"));
    // One endless word, and families that are never torn apart.
    let families = said(&"👩‍👩‍👧‍👦".repeat(300));
    assert_eq!(families, format!("{}…", "👩‍👩‍👧‍👦".repeat(HEARD)));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of all sentences")]
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
        first: (number > 0)
            .then(|| "✨ Notre boulangerie ouvre ses portes samedi : venez goûter nos brioches !".to_owned()),
    };
    let past = [past(2, brief), past(0, "Soldes d’été 🏖️")];
    let spoken =
        format!("{brief}. Et puis on offrira le café aux vingt premiers, et un croissant aux enfants.");
    let revised = |revision| Text::Revised { generation: "c1", revision, posts, translation: Language::En };
    let none = Credits::default();
    let catalogue: [(&str, Text<'_>); 77] = [
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
        ("a voice note", Text::Unread(Unread::Voice)),
        ("a picture", Text::Unread(Unread::Picture)),
        ("a video", Text::Unread(Unread::Video)),
        ("a document", Text::Unread(Unread::Document)),
        ("a sticker", Text::Unread(Unread::Sticker)),
        ("a place", Text::Unread(Unread::Place)),
        ("a contact", Text::Unread(Unread::Contact)),
        ("anything else", Text::Unread(Unread::Other)),
        ("edited too late", Text::EditedTooLate),
        ("busy", Text::Busy),
        ("too fast, one minute", Text::TooFast { minutes: 1 }),
        ("too fast", Text::TooFast { minutes: 7 }),
        ("a voice note, said back", Text::Heard { words: "Crée un post promo pour Instagram." }),
        ("a long voice note, said back", Text::Heard { words: &spoken }),
        ("a voice note that is gone", Text::Unheard(Unheard::Gone)),
        ("a voice note that is too large", Text::Unheard(Unheard::TooLarge)),
        ("a voice note that is too long", Text::Unheard(Unheard::TooLong)),
        ("a voice note of no known format", Text::Unheard(Unheard::Format)),
        ("a voice note without words", Text::Unheard(Unheard::Nothing)),
        ("brief missing", Text::BriefMissing),
        ("refused", Text::Refused(Credits::new(1))),
        ("off topic", Text::OffTopic(Credits::new(3))),
        ("failed", Text::Failed),
        ("shop", Text::Shop { offers: &offers }),
        ("no shop", Text::NoShop),
        ("checkout", Text::Checkout { credits: Credits::new(50), price, url }),
        ("shop closed", Text::ShopClosed),
        ("paid", Text::Paid { bought: Credits::new(50), settled: none, left: Credits::new(51), kept: None }),
        (
            "paid, one settles a debt",
            Text::Paid {
                bought: Credits::new(20),
                settled: Credits::new(1),
                left: Credits::new(19),
                kept: None,
            },
        ),
        (
            "paid, some settle a debt",
            Text::Paid {
                bought: Credits::new(20),
                settled: Credits::new(12),
                left: Credits::new(8),
                kept: None,
            },
        ),
        (
            "paid, one",
            Text::Paid { bought: Credits::new(1), settled: none, left: Credits::new(1), kept: None },
        ),
        (
            "paid, a brief waits",
            Text::Paid { bought: Credits::new(20), settled: none, left: Credits::new(20), kept: Some(brief) },
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
        ("code", Text::Code { code: "012345" }),
        ("login, a code comes", Text::LoginCode { url: Some("https://postly.example") }),
        ("login, a code comes, no address", Text::LoginCode { url: None }),
        ("login, not yet, one minute", Text::LoginLater { minutes: 1 }),
        ("login, not yet", Text::LoginLater { minutes: 10 }),
        ("login, no number", Text::LoginNoNumber { url: Some("https://postly.example") }),
        ("login, no number, no address", Text::LoginNoNumber { url: None }),
        ("export", Text::Export { url: Some("https://postly.example") }),
        ("export, no address", Text::Export { url: None }),
        ("exported", Text::Exported),
        ("export, not yet", Text::ExportLater { minutes: 60 }),
        ("export, in a minute", Text::ExportLater { minutes: 1 }),
        ("ask erase", Text::AskErase),
        ("erasing", Text::Erasing { receipt: "EF-7K3M-9Q2D" }),
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
                let under = description.as_deref().unwrap_or_default();
                assert!(under.encode_utf16().count() <= 72, "{under}");
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
