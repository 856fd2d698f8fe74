//! Step 2: from what is wanted to a copywriter's brief, in plain text.

use shared::step::Step;

use crate::openai::Ask;

pub(super) fn ask<'a>(facts: &'a str, language: &str) -> Ask<'a> {
    Ask {
        step: "prompt",
        system: include_str!("../../prompts/build_prompt.md").replace("{{language}}", language),
        turns: vec![("user", facts)],
        schema: None,
    }
}

/// The model's words, or the person's own when it had none.
pub(super) fn read(answer: &Step, brief: &str) -> String {
    let words = answer.output.trim();
    if words.is_empty() { brief.to_owned() } else { words.to_owned() }
}
