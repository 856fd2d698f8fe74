//! Whatever a model may write, told by whatever brief.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;
use crate::mutated::{Foreign, bytes, documents, fixtures, often, texts};
use crate::reply;

const POSTS: &str = r###"{"post_1":"✨ Notre **boulangerie** ouvre samedi !","post_2":"## Venez goûter\n* pain\n* brioche","post_3":"Voir [notre site](https://pain.example/a_b) #Lyon"}"###;
const INTENT: &str = r#"{"platform":"instagram","industry":"boulangerie","objective":"ouverture","tone":null,"language":"fr-FR","written_in":"fr","off_topic":false}"#;

/// The same thing three times over, in three dresses.
const COPIES: &str = r#"{"post_1":"Le pain !","post_2":"**le** pain","post_3":"LE PAIN"}"#;

fn answers<const N: usize>(seeds: [&'static str; N]) -> impl Strategy<Value = String> {
    let seeds: Vec<Vec<u8>> = seeds.map(|seed| seed.as_bytes().to_vec()).into();
    let document = documents(&seeds).prop_map(|document| Foreign(document.to_string().into()));
    prop_oneof![document, bytes(seeds)].prop_map(|answer| String::from_utf8_lossy(&answer).into_owned())
}

fn step(output: String) -> Step {
    let finish_reason = "stop".to_owned();
    Step {
        output,
        finish_reason,
        model: String::new(),
        prompt_tokens: 0,
        completion_tokens: 0,
        took_ms: 0,
        cost_micros: None,
    }
}

/// What Markdown is made of, and two words.
const MARKS: [&str; 28] = [
    "mot",
    "Soldes",
    "**",
    "__",
    "~~",
    "~~~",
    "```",
    "`",
    "](",
    "[",
    "]",
    ")",
    "]: https://a.example/b__c",
    "# ",
    "* ",
    "+ ",
    "> ",
    "1. ",
    "- ",
    "---",
    "***",
    "<b>",
    "<!-- ",
    "&amp;",
    "\\",
    "|",
    "    ",
    "!",
];

proptest! {
    #![proptest_config(often())]

    #[test]
    fn three_posts_are_three_that_a_message_carries(answer in answers([POSTS, COPIES]), provider in select(Provider::ALL.to_vec())) {
        let Ok(posts) = Posts::read(&step(answer), provider) else { return Ok(()) };
        let posts = posts.each();
        for post in posts {
            prop_assert!(post.chars().any(char::is_alphanumeric) && !post.contains('\0') && post == post.trim(), "{post:?}");
            prop_assert!(reply::units(post) <= reply::longest_post(provider));
        }
        let said = posts.map(posts::words);
        prop_assert!(said[0] != said[1] && said[1] != said[2] && said[0] != said[2], "{posts:?}");
        let document = revise::document(&posts.map(str::to_owned));
        let again: Value = serde_json::from_str(&document).unwrap();
        prop_assert_eq!(again["post_3"].as_str(), Some(posts[2]));
    }

    #[test]
    fn no_mark_takes_the_words_of_its_line_along(line in vec(select(MARKS.to_vec()), 1..8)) {
        let line = line.concat();
        let shown = formatting::for_whatsapp(&format!("avant\n{line}\naprès"));
        for word in ["mot", "Soldes", "a.example", "avant", "après"] {
            prop_assert!(!line.contains(word) || shown.contains(word), "{line:?} became {shown:?}");
        }
    }

    #[test]
    fn an_intent_is_a_few_words_and_never_an_order(answer in answers([INTENT]), brief in texts(fixtures("twilio", "inbound_text"))) {
        let intent = Intent::read(&answer);
        let fields = [&intent.platform, &intent.industry, &intent.objective, &intent.tone, &intent.language, &intent.written_in];
        for field in fields.into_iter().flatten() {
            prop_assert!(!field.is_empty() && field == field.trim() && !field.contains('\0') && field.chars().count() <= 200, "{field:?}");
        }
        for language in Language::ALL {
            let name = intent.language_name(language);
            prop_assert!(name.len() <= 44 && name.chars().all(|c| c.is_ascii_alphabetic() || "- ".contains(c)), "{name:?}");
        }
        let facts: Value = serde_json::from_str(&intent.facts(&brief)).unwrap();
        prop_assert_eq!(facts["brief"].as_str(), Some(brief.as_str()));
        let prompt = prompt::read(&step(answer.clone()), &brief);
        prop_assert!(!prompt.trim().is_empty() || (answer.trim().is_empty() && brief.trim().is_empty()));
    }

    #[test]
    fn our_own_prompt_is_never_a_post(start in 0_usize..20, dress in "[ .,!?*_«»—\n]{1,4}") {
        let ours = posts::words(include_str!("../../prompts/write_posts.md"));
        let run: Vec<String> = ours.into_iter().skip(start).take(12).collect();
        let answer = serde_json::json!({ "post_1": run.join(&dress), "post_2": "deux", "post_3": "trois" });
        prop_assert_eq!(Posts::read(&step(answer.to_string()), Provider::Meta), Err(PostsFault::Leak));
    }
}
