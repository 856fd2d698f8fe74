//! A guess at the language of a brief, for what is said before a model has been asked: out of credits, or not today.
//!
//! The intent step's own answer is better and wins; a person's choice wins over both.

use shared::language::Language;
use whatlang::{Detector, Lang};

/// The languages that people of the product write in. Out of more, a few words would be anything.
const WRITTEN: [Lang; 4] = [Lang::Fra, Lang::Eng, Lang::Spa, Lang::Ara];

/// One of ours, if the words tell reliably.
#[must_use]
pub fn guess(text: &str) -> Option<Language> {
    let info = Detector::with_allowlist(WRITTEN.to_vec()).detect(text).filter(whatlang::Info::is_reliable)?;
    match info.lang() {
        Lang::Fra => Some(Language::Fr),
        Lang::Eng => Some(Language::En),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_right_or_there_is_none() {
        for (text, language) in [
            ("Write a post about the opening of our new bakery in the old town", Some(Language::En)),
            (
                "Crée un post promo pour l’ouverture de ma boulangerie dans la vieille ville",
                Some(Language::Fr),
            ),
            ("Escribe una publicación sobre la apertura de nuestra panadería", None),
            ("promo", None),
            ("🍋🍋🍋", None),
        ] {
            assert_eq!(guess(text), language, "{text}");
        }
    }
}
