//! The two languages in which the product speaks. French is the first; it is what is used when nothing else is
//! known.

use serde::{Deserialize, Serialize};

/// The language of a sentence shown to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Français.
    #[default]
    Fr,
    /// English.
    En,
}

impl Language {
    /// Both, in the order in which translators review them.
    pub const ALL: [Self; 2] = [Self::Fr, Self::En];

    /// Reads what the web app or a model wrote: `fr`, `FR`, `fr-CA`, `English`... `None` for other languages.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let tag = tag.trim().to_lowercase();
        match tag.split(['-', '_']).next().unwrap_or_default() {
            "fr" | "français" | "francais" | "french" => Some(Self::Fr),
            "en" | "anglais" | "english" => Some(Self::En),
            _ => None,
        }
    }

    /// The language with this ISO 639-1 code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The other of the two.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Fr => Self::En,
            Self::En => Self::Fr,
        }
    }

    /// Its own name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fr => "Français",
            Self::En => "English",
        }
    }

    /// The ISO 639-1 code that the shared tables store.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_however_they_are_written() {
        for (tag, language) in [
            ("fr", Some(Language::Fr)),
            ("FR", Some(Language::Fr)),
            ("fr-CA", Some(Language::Fr)),
            (" en_US ", Some(Language::En)),
            ("English", Some(Language::En)),
            ("es", None),
            ("", None),
        ] {
            assert_eq!(Language::from_tag(tag), language, "{tag}");
        }
    }
}
