//! The one step of a revision: three posts in, the same three out, shorter or in another language.

use serde_json::json;
use shared::generation::Revision;
use shared::language::Language;

use super::posts;
use crate::openai::Ask;

/// The posts as the JSON document that both the request and its answer are.
pub(super) fn document(posts: &[String; 3]) -> String {
    json!({ "post_1": posts[0], "post_2": posts[1], "post_3": posts[2] }).to_string()
}

pub(super) fn ask(document: &str, revision: Revision) -> Ask<'_> {
    let task = match revision {
        Revision::Shorten => {
            "Make each post at most half as long as it is, in the language it is written in.".to_owned()
        }
        Revision::Translate(language) => {
            format!("Write each post in {}, as somebody would who grew up with it.", name(language))
        }
    };
    Ask {
        step: "revise",
        system: include_str!("../../prompts/revise_posts.md").replace("{{task}}", &task),
        turns: vec![("user", document)],
        schema: Some(posts::schema()),
    }
}

fn name(language: Language) -> &'static str {
    match language {
        Language::Fr => "French",
        Language::En => "English",
    }
}
