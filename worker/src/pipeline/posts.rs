//! Step 3: the three posts, as three required fields of a JSON schema, and judged before anyone sees them.

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};
use shared::message::{Provider, clean};
use shared::step::Step;

use super::{formatting, leak};
use crate::openai::Ask;
use crate::reply;

/// Three posts: none empty, no two alike, each short enough for one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posts([String; 3]);

impl Posts {
    /// The three, in order.
    #[must_use]
    pub fn each(&self) -> [&str; 3] {
        self.0.each_ref().map(String::as_str)
    }
}

/// What is wrong with an answer. Told to the model once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostsFault {
    /// Not the JSON that was asked for, or cut off.
    Shape,
    /// A post without words.
    Empty,
    /// Two posts that say the same.
    Alike,
    /// A post that no message could carry.
    TooLong,
    /// A post that repeats what the model was told to do.
    Leak,
}

impl fmt::Display for PostsFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Shape => "the answer was not the JSON that was asked for",
            Self::Empty => "a post was empty",
            Self::Alike => "two posts were the same",
            Self::TooLong => "a post was too long",
            Self::Leak => "a post repeated our own prompt",
        })
    }
}

/// The name of the answer's shape, and the shape itself.
pub(super) fn schema() -> (&'static str, &'static Value) {
    ("posts", &SCHEMA)
}

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let post = json!({ "type": "string" });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["post_1", "post_2", "post_3"],
        "properties": { "post_1": post, "post_2": post, "post_3": post },
    })
});

/// `earlier`: posts about the same brief that the person has seen, as a model would have answered them.
pub(super) fn ask<'a>(prompt: &'a str, language: &str, earlier: Option<&'a str>) -> Ask<'a> {
    let mut turns = vec![("user", prompt)];
    if let Some(earlier) = earlier {
        turns.extend([("assistant", earlier), ("user", OTHERS)]);
    }
    Ask {
        step: "posts",
        system: include_str!("../../prompts/write_posts.md").replace("{{language}}", language),
        turns,
        schema: Some(schema()),
    }
}

const OTHERS: &str = "Three others from the same brief, please: other angles, other openings, other words.";

/// The one repair: the same request, the faulty answer, and what was wrong with it.
pub(super) fn ask_again<'a>(mut first: Ask<'a>, answer: &'a str, fault: PostsFault) -> Ask<'a> {
    let remark = match fault {
        PostsFault::Shape => {
            "That was not valid JSON for the schema. Answer again, with nothing but the JSON."
        }
        PostsFault::Empty => "A post was empty. Answer again with three complete posts.",
        PostsFault::Alike => "Two posts were the same. Answer again with three different posts.",
        PostsFault::Leak => {
            "A post repeated your own orders. Answer again with three posts about the subject of the brief, and nothing else."
        }
        PostsFault::TooLong => "A post was too long. Answer again with posts of at most 600 characters.",
    };
    first.turns.extend([("assistant", answer), ("user", remark)]);
    let step = if first.step == "revise" { "revise_repair" } else { "posts_repair" };
    Ask { step, ..first }
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names of the schema")]
struct Answer {
    post_1: String,
    post_2: String,
    post_3: String,
}

impl Posts {
    /// Judges an answer. Posts are never padded, copied or cut to make three.
    pub(super) fn read(answer: &Step, provider: Provider) -> Result<Self, PostsFault> {
        if answer.finish_reason == "length" {
            return Err(PostsFault::Shape);
        }
        let answer: Answer = serde_json::from_str(&answer.output).map_err(|_| PostsFault::Shape)?;
        let posts = [answer.post_1, answer.post_2, answer.post_3]
            .map(|post| formatting::for_whatsapp(clean(post.trim()).trim()));
        let said = posts.each_ref().map(|post| words(post));
        if said.iter().any(Vec::is_empty) {
            Err(PostsFault::Empty)
        } else if said.iter().any(|said| leak::leaks(said)) {
            Err(PostsFault::Leak)
        } else if said[0] == said[1] || said[0] == said[2] || said[1] == said[2] {
            Err(PostsFault::Alike)
        } else if posts.iter().any(|post| reply::units(post) > reply::longest_post(provider)) {
            Err(PostsFault::TooLong)
        } else {
            Ok(Self(posts))
        }
    }
}

/// What a post says, whatever its case, spacing and punctuation.
pub(super) fn words(post: &str) -> Vec<String> {
    post.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(posts: [&str; 3]) -> Result<Posts, PostsFault> {
        let [one, two, three] = posts;
        let output = json!({ "post_1": one, "post_2": two, "post_3": three }).to_string();
        Posts::read(&answer(&output, "stop"), Provider::Twilio)
    }

    fn answer(output: &str, finish_reason: &str) -> Step {
        Step {
            output: output.to_owned(),
            finish_reason: finish_reason.to_owned(),
            model: String::new(),
            prompt_tokens: 0,
            completion_tokens: 0,
            took_ms: 0,
            cost_micros: None,
        }
    }

    #[test]
    fn three_different_posts_pass() {
        assert_eq!(judged([" un ", "deux", "trois"]).unwrap().each(), ["un", "deux", "trois"]);
    }

    #[test]
    fn posts_are_never_padded_with_copies() {
        assert_eq!(judged(["Un post !", "un  POST", "trois"]), Err(PostsFault::Alike));
        assert_eq!(judged(["un", "  \n", "trois"]), Err(PostsFault::Empty));
        assert_eq!(judged(["un", "✨", "trois"]), Err(PostsFault::Empty));
        assert_eq!(judged(["un", "deux", &"mot ".repeat(400)]), Err(PostsFault::TooLong));
    }

    #[test]
    fn a_cut_off_or_foreign_answer_has_no_posts() {
        let whole = r#"{"post_1":"a","post_2":"b","post_3":"c"}"#;
        for (output, reason) in
            [("Voici :", "stop"), (r#"{"post_1":"a","post_2":"b"}"#, "stop"), (whole, "length")]
        {
            assert_eq!(Posts::read(&answer(output, reason), Provider::Meta), Err(PostsFault::Shape));
        }
    }
}
