//! Whatever people may write, say, tap or send.

use proptest::prelude::*;
use proptest::sample::select;
use shared::message::Voice;

use super::*;
use crate::mutated::{fixtures, often, texts};

fn words() -> impl Strategy<Value = String> {
    let known: Vec<Vec<u8>> = words::WORDS
        .iter()
        .flat_map(|(_, words)| words.iter().map(|word| word.as_bytes().to_vec()))
        .collect();
    let phrases = [
        "gen ouverture de mon café, Instagram",
        "acheter pack_20",
        "langue : en",
        "traduire en anglais",
        "2.",
        "le 3",
        "post:c1:2",
        "signin:c1:47",
        "Merci beaucoup !",
        "👍👍",
        "postly-0123456789abcdef0123456789abcdef",
    ];
    let phrases = phrases.map(|phrase| phrase.as_bytes().to_vec()).into();
    prop_oneof![texts(known), texts(phrases), texts(fixtures("twilio", "inbound_text")), "\\PC{0,200}"]
}

proptest! {
    #![proptest_config(often())]

    #[test]
    fn whatever_is_written_is_some_command_and_a_brief_stays_as_it_was(text in words()) {
        let command = Command::parse(&Content::Text(text.clone()));
        match &command {
            Command::Generate { brief } => {
                prop_assert!(!brief.is_empty() && brief.as_str() == brief.trim() && text.contains(brief.as_str()), "{brief:?}");
            }
            Command::Buy { wish: Some(wish) } => prop_assert!(!wish.is_empty() && text.contains(wish.as_str())),
            Command::Post { generation, number } => {
                prop_assert!((1..=3).contains(number) && generation.as_ref().is_none_or(|id| text.contains(id.as_str())));
            }
            Command::Silence | Command::Silenced { .. } | Command::Unreadable(_) | Command::React { .. } => {
                prop_assert!(false, "{command:?} is no answer to words");
            }
            _ => {}
        }
        // Where it stands in the message, and whether it was said aloud, makes no difference.
        prop_assert_eq!(&Command::parse(&Content::Text(format!("\n {text}\t"))), &command);
        let voice = Voice { media: "1".to_owned(), mime_type: None, sha256: None, words: Some(text) };
        prop_assert_eq!(&Command::parse(&Content::Voice(voice.into())), &command);
        let _ = command.apology();
    }

    #[test]
    fn what_is_tapped_is_an_id_and_never_words(text in words(), kind in select(vec!["image", "sticker", "opt_out_stop", "opt_out_start", "group"])) {
        let tapped = Command::parse(&Content::Tap { id: text.clone(), title: text.clone() });
        let talks = matches!(tapped, Command::Generate { .. } | Command::Number(_) | Command::SmallTalk(_) | Command::Almost(_));
        prop_assert!(!talks, "{tapped:?}");
        for content in [Content::Unreadable(text.clone()), Content::Silent(text), Content::Unreadable(kind.to_owned()), Content::Silent(kind.to_owned())] {
            let read = Command::parse(&content);
            prop_assert!(matches!(read, Command::Unreadable(_) | Command::Silence | Command::Silenced { .. }), "{read:?}");
        }
    }
}
