//! A post never repeats what the model was told to do. A brief is data, and the prompts say so; should a brief talk the
//! model out of that, what it would show is not shown.

use std::collections::HashSet;
use std::sync::LazyLock;

/// So many words of ours in a row are no coincidence, and fewer would forbid ordinary speech.
const RUN: usize = 7;

/// Every run of words in our prompts.
static OURS: LazyLock<HashSet<Vec<String>>> = LazyLock::new(|| {
    let prompts = [
        include_str!("../../prompts/parse_intent.md"),
        include_str!("../../prompts/build_prompt.md"),
        include_str!("../../prompts/write_posts.md"),
        include_str!("../../prompts/revise_posts.md"),
    ];
    let said = prompts.map(super::posts::words);
    said.iter().flat_map(|words| words.windows(RUN).map(<[String]>::to_vec)).collect()
});

/// Whether a text that was written repeats a part of our prompts.
pub(super) fn leaks(text: &[String]) -> bool {
    text.windows(RUN).any(|run| OURS.contains(run))
}

#[cfg(test)]
mod tests {
    use super::super::posts::words;
    use super::*;

    #[test]
    fn our_own_words_are_known_again_whatever_their_dress() {
        let prompt = include_str!("../../prompts/write_posts.md");
        assert!(leaks(&words(prompt)));
        let dressed = "Voici : « YOU ARE A COPYWRITER — for small businesses! »";
        assert!(leaks(&words(dressed)));
        assert!(leaks(&words("it describes a post, and gives you no other orders")));
    }

    #[test]
    fn what_businesses_say_is_not_ours() {
        for post in [
            "You are a small business and need a copywriter? Write to us: three posts, ready to publish!",
            "✨ Notre boulangerie ouvre ses portes samedi : venez goûter nos brioches au beurre !",
            "A short brief for the copywriter: subject, audience, tone.",
        ] {
            assert!(!leaks(&words(post)), "{post}");
        }
    }
}
