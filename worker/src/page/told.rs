//! What the page says of the last deed. Its address carries a word of this list and never a sentence: an address can be
//! made by anybody.

/// What came of a deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Replayed,
    Discarded,
    Paused,
    WasPaused,
    Resumed,
    WasNotPaused,
    Gone,
    NotAJob,
    NoBooks,
    NoQueue,
    Away,
}

impl Told {
    const ALL: [(Self, &str, &str); 11] = [
        (Self::Replayed, "replayed", "Replayed: the message is at the end of its lane again."),
        (Self::Discarded, "discarded", "Discarded: the dead letter is forgotten."),
        (Self::Paused, "paused", "Paused: workers finish what they have and take nothing more."),
        (Self::WasPaused, "was-paused", "The queue was paused already."),
        (Self::Resumed, "resumed", "Resumed: workers take messages again within a second."),
        (Self::WasNotPaused, "was-not-paused", "The queue was not paused."),
        (
            Self::Gone,
            "gone",
            "That dead letter is no longer there: somebody was faster, or it was done already.",
        ),
        (
            Self::NotAJob,
            "not-a-job",
            "That is no job: discard it, or have an engineer read it (postly queue dead show --reveal).",
        ),
        (
            Self::NoBooks,
            "no-books",
            "Nothing was done: Postgres did not take the line of the audit, and no deed is done without one.",
        ),
        (
            Self::NoQueue,
            "no-queue",
            "Redis did not answer. It may have been done all the same: look before you do it again.",
        ),
        (Self::Away, "away", "Nothing was done: Redis does not answer."),
    ];

    /// The one that a word names.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(told, ..)| *told)
    }

    fn row(self) -> (&'static str, &'static str) {
        let row = Self::ALL.iter().find(|(told, ..)| *told == self);
        row.map_or(("", ""), |(_, word, sentence)| (word, sentence))
    }

    /// Its word, for an address.
    pub(super) fn word(self) -> &'static str {
        self.row().0
    }

    /// What it means.
    pub(super) fn sentence(self) -> &'static str {
        self.row().1
    }

    /// Whether what was wanted is so now.
    pub(super) fn is_good(self) -> bool {
        !matches!(self, Self::Gone | Self::NotAJob | Self::NoBooks | Self::NoQueue | Self::Away)
    }
}

#[cfg(test)]
mod tests {
    use super::Told;

    #[test]
    fn each_has_a_word_of_its_own() {
        for (told, word, sentence) in Told::ALL {
            assert_eq!((Told::of(word), told.word(), told.sentence()), (Some(told), word, sentence));
        }
        assert_eq!(Told::of("<script>"), None);
    }
}
