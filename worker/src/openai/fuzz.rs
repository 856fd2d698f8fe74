//! Whatever the model's server, or something that stands before it, may answer.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use shared::price::ModelPrices;

use super::transcription::Transcript;
use super::*;
use crate::mutated::{Foreign, bytes, documents, often, texts};
use crate::policy;

const COMPLETIONS: [&str; 3] = [
    r#"{"id":"chatcmpl-1","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"{\"post_1\":\"a\"}","refusal":null}}],"usage":{"prompt_tokens":263,"completion_tokens":100,"total_tokens":363}}"#,
    r#"{"model":"m","choices":[{"finish_reason":"content_filter","message":{"content":null}}]}"#,
    r#"{"model":"m","choices":[{"finish_reason":"length","message":{"content":"x","refusal":"I cannot"}}],"usage":{"prompt_tokens":1}}"#,
];

const TRANSCRIPTS: [&str; 2] = [
    r#"{"text":"un post pour samedi","languages":["fr"],"usage":{"type":"duration","seconds":3}}"#,
    r#"{"text":"un post","usage":{"type":"tokens","input_tokens":14,"output_tokens":5}}"#,
];

const ERRORS: [&str; 2] = [
    r#"{"error":{"message":"Rate limit reached for +33639980123","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
    r#"{"error":{"message":"no money","type":"insufficient_quota","code":"insufficient_quota"}}"#,
];

fn bodies<const N: usize>(seeds: [&'static str; N]) -> impl Strategy<Value = Foreign> {
    let seeds: Vec<Vec<u8>> = seeds.map(|seed| seed.as_bytes().to_vec()).into();
    prop_oneof![documents(&seeds).prop_map(|document| Foreign(document.to_string().into())), bytes(seeds)]
}

/// Whether the books can take it, and add it up with all others of a message and of a day.
fn kept(step: &Step) -> Result<(), TestCaseError> {
    prop_assert!(step.model.len() <= 200 && !step.model.contains('\0'), "{:?}", step.model);
    let tokens = [step.prompt_tokens, step.completion_tokens];
    prop_assert!(tokens.iter().all(|tokens| (0..=100_000_000).contains(tokens)), "{tokens:?}");
    prop_assert!(
        step.cost_micros.is_none_or(|cost| (0..=1_000_000_000).contains(&cost)),
        "{:?}",
        step.cost_micros
    );
    prop_assert!(["stop", "length", REFUSAL].contains(&&*step.finish_reason));
    Ok(())
}

proptest! {
    #![proptest_config(often())]

    #[test]
    fn a_completion_is_a_step_that_can_be_kept(body in bodies(COMPLETIONS)) {
        let Ok(completion) = serde_json::from_slice::<Completion>(&body) else { return Ok(()) };
        match completion.read(Duration::from_millis(5)) {
            Ok(step) => kept(&step)?,
            Err(what) => prop_assert!(what.starts_with("the model")),
        }
    }

    #[test]
    fn a_transcript_is_a_step_that_can_be_kept(body in bodies(TRANSCRIPTS)) {
        for model in ["gpt-transcribe", "gpt-4o-mini", "another"] {
            let Ok(transcript) = serde_json::from_slice::<Transcript>(&body) else { return Ok(()) };
            kept(&transcript.read(model, &ModelPrices::default(), Duration::from_millis(5)))?;
        }
    }

    #[test]
    fn an_error_is_told_without_a_word_of_what_was_sent(
        body in bodies(ERRORS),
        status in 100_u16..1000,
        after in texts(vec![b"7".into(), b"0.5".into(), b"1e400".into(), b"Wed, 21 Oct 2026 07:28:00 GMT".into()]),
    ) {
        let header = HeaderValue::try_from(&after).ok().map(|value| (reqwest::header::RETRY_AFTER, value));
        let error = failure::refused("posts", StatusCode::from_u16(status).unwrap(), &HeaderMap::from_iter(header), &body);
        let told = error.to_string();
        prop_assert!(told.len() < 150 && !told.contains("639980123") && told.contains("model: HTTP"), "{told}");
        if let JobError::Retry { after: Some(after), .. } = error {
            prop_assert!(after <= policy::RETRY.longest);
        }
    }
}
