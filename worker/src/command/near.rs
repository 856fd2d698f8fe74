//! A word that is almost a command: asked about, and never taken for a brief that costs a credit.

use strsim::damerau_levenshtein;

use super::Known;
use super::words::WORDS;

/// Words shorter than this are more likely to be other words than slips.
const SHORTEST: usize = 4;

/// The command that was probably meant. Of two words of one family (`solde`, `soldes`) it cannot know, so it asks.
pub(super) fn suggestion(said: &str) -> Option<Known> {
    let words = said.split(' ').count();
    if said.chars().count() < SHORTEST {
        return None;
    }
    WORDS
        .iter()
        .flat_map(|(known, words)| words.iter().map(move |word| (*known, *word)))
        .filter(|(_, word)| word.chars().count() >= SHORTEST && word.split(' ').count() == words)
        .map(|(known, word)| (damerau_levenshtein(said, word), slips(word), known))
        .filter(|(distance, slips, _)| distance <= slips)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(_, _, known)| known)
}

/// How many slips may be between a word and what was written.
fn slips(word: &str) -> usize {
    match word.chars().count() {
        ..7 => 1,
        7..14 => 2,
        _ => 3,
    }
}
