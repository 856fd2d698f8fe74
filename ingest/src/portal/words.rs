//! The page in both languages: the file with its words put in, made once.

use std::sync::LazyLock;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use shared::language::Language;
use shared::texts::portal::{PAGE, Phrase, SCRIPT};

use super::files::{FILES, FRAME};

/// The page in one language, and what tells it from others.
pub(super) struct Rendered {
    /// The page.
    pub(super) text: String,
    /// For `ETag`.
    pub(super) tag: String,
}

static FRENCH: LazyLock<Rendered> = LazyLock::new(|| render(Language::Fr));
static ENGLISH: LazyLock<Rendered> = LazyLock::new(|| render(Language::En));

/// What tells the files of this build from those of others: it stands in their addresses, so that a browser may keep them
/// for ever.
pub(super) static BUILD: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for (name, _, text) in FILES {
        digest.update(name.as_bytes());
        digest.update(text.as_bytes());
    }
    hex::encode(&digest.finalize()[..6])
});

/// The page.
pub(super) fn page(language: Language) -> &'static Rendered {
    match language {
        Language::Fr => &FRENCH,
        Language::En => &ENGLISH,
    }
}

fn render(language: Language) -> Rendered {
    let mut text = FRAME.replace("{{lang}}", language.code()).replace("{{build}}", &BUILD);
    for other in Language::ALL {
        let current = if other == language { " aria-current=\"true\"" } else { "" };
        text = text.replace(&format!("{{{{current.{}}}}}", other.code()), current);
    }
    for phrase in PAGE {
        text = text.replace(&format!("{{{{{}}}}}", phrase.0), &escaped(said(phrase, language)));
    }
    let words: Map<String, Value> =
        SCRIPT.iter().map(|phrase| (phrase.0.to_owned(), said(phrase, language).into())).collect();
    // In an element that ends at the next "</script": no sentence may hold one.
    let words = Value::Object(words).to_string().replace('<', "\\u003c");
    let text = text.replace("{{words}}", &words);
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(text.as_bytes())[..8]));
    Rendered { text, tag }
}

fn said((_, fr, en): &Phrase, language: Language) -> &'static str {
    match language {
        Language::Fr => fr,
        Language::En => en,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(phrases: &[Phrase]) -> BTreeSet<String> {
        phrases.iter().map(|(key, ..)| (*key).to_owned()).collect()
    }

    /// What stands behind each `before`, up to `end`.
    fn named(text: &str, before: &str, end: &str) -> BTreeSet<String> {
        text.split(before)
            .skip(1)
            .filter_map(|rest| rest.split_once(end))
            .map(|(key, _)| key.to_owned())
            .collect()
    }

    #[test]
    fn every_word_of_the_page_is_in_the_catalogue_and_no_other() {
        let machines = ["lang", "build", "words", "current.fr", "current.en"].map(str::to_owned);
        let mut wanted = named(FRAME, "{{", "}}");
        wanted.retain(|key| !machines.contains(key));
        assert_eq!(wanted, keys(PAGE));
        for language in Language::ALL {
            assert!(!page(language).text.contains("{{"), "{}", language.code());
        }
    }

    #[test]
    fn every_word_of_the_script_is_in_the_catalogue_and_no_other() {
        let mut wanted = BTreeSet::new();
        for (_, _, text) in FILES.iter().filter(|(_, kind, _)| kind.starts_with("text/javascript")) {
            wanted.extend(named(text, "say(\"", "\""));
            for plural in named(text, "count(\"", "\"").union(&named(text, "change(\"", "\"")) {
                wanted.extend([format!("{plural}.one"), format!("{plural}.many")]);
            }
        }
        let missing: Vec<_> = wanted.difference(&keys(SCRIPT)).cloned().collect();
        assert_eq!(missing, Vec::<String>::new());
        // Words of the ledger are asked for by the word in its line.
        let never: Vec<_> =
            keys(SCRIPT).difference(&wanted).filter(|key| !key.starts_with("ledger.")).cloned().collect();
        assert_eq!(never, Vec::<String>::new());
    }

    #[test]
    fn what_the_script_says_cannot_end_its_element() {
        for language in Language::ALL {
            let text = &page(language).text;
            let words = text.split_once("id=\"words\">").unwrap().1.split_once("</script>").unwrap().0;
            let words: Value = serde_json::from_str(words).unwrap();
            assert_eq!(words.as_object().unwrap().len(), SCRIPT.len());
        }
    }

    #[test]
    fn the_portal_is_a_few_kilobytes() {
        let files: usize = FILES.iter().map(|(_, _, text)| text.len()).sum();
        let all = files + page(Language::Fr).text.len();
        assert!(all < 64 * 1024, "{all} bytes");
    }
}
