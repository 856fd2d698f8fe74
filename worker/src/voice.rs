//! Listening to a voice note. Between two transactions it becomes words; from there on it is a message like any other,
//! whose answer begins with what was understood.
//!
//! The words are a step in the books before anything is done with them: a retry reads them there, and nobody pays a
//! second time to hear the same thing.

use std::borrow::Cow;

use metrics::counter;
use shared::fault;
use shared::language::Language;
use shared::message::{Content, Inbound, MessageId, Voice};
use shared::person::{self, Person};
use shared::receipt::{self, Outcome, Standing, Start};
use shared::step::{self, Step};
use shared::texts::{Text, Unheard, Unread};
use shared::vault::Vault;
use sqlx::PgConnection;

use crate::Worker;
use crate::command::Command;
use crate::error::JobError;
use crate::media::{self, Unfetched, ogg};
use crate::openai::{TRANSCRIPTION, Transcribed};
use crate::{answer, generate, policy, typing};

/// The message with its words, if it was a voice note. `None`: it has ended here, and at most something is to be sent.
pub async fn heard<'a>(
    worker: &Worker,
    inbound: &'a Inbound,
    start: Start<'_>,
) -> Result<Option<Cow<'a, Inbound>>, JobError> {
    let Content::Voice(voice) = &inbound.content else { return Ok(Some(Cow::Borrowed(inbound))) };
    let Some((person, recorded)) = open(worker, inbound, start).await? else { return Ok(None) };
    let listened = match recorded {
        Some(step) => Ok(step),
        None => listen(worker, inbound, voice, &person, start).await?,
    };
    match listened.and_then(|step| words(&step.output).map_err(Text::Unheard)) {
        Ok(words) => Ok(Some(Cow::Owned(with_words(inbound, voice, words)))),
        Err(text) => {
            let mut tx = worker.pool.begin().await?;
            let done = generate::answer(&mut tx, worker, inbound, &person, Outcome::Answered, text).await?;
            generate::end(tx, done).await?;
            Ok(None)
        }
    }
}

/// The message with the words that are recorded, for its last answer: nobody listens any more.
pub async fn recalled<'a>(worker: &Worker, inbound: &'a Inbound) -> Result<Cow<'a, Inbound>, JobError> {
    let Content::Voice(voice) = &inbound.content else { return Ok(Cow::Borrowed(inbound)) };
    let mut db = worker.pool.acquire().await?;
    let words = recall(&mut db, &worker.vault, &inbound.id).await?;
    Ok(words.map_or(Cow::Borrowed(inbound), |words| Cow::Owned(with_words(inbound, voice, words))))
}

/// What was understood of this message, if anybody listened to it.
pub async fn recall(
    db: &mut PgConnection,
    vault: &Vault,
    message: &MessageId,
) -> Result<Option<String>, sqlx::Error> {
    let step = step::find(db, vault, message, TRANSCRIPTION).await?;
    Ok(step.and_then(|step| words(&step.output).ok()))
}

/// What was understood, said back before the answer. `None`: it was written.
#[must_use]
pub fn echo(inbound: &Inbound, language: Language) -> Option<String> {
    let Content::Voice(voice) = &inbound.content else { return None };
    Some(said_back(voice.words.as_deref()?, language))
}

/// The words of a voice note, as they stand before its answer.
#[must_use]
pub fn said_back(words: &str, language: Language) -> String {
    Text::Heard { words }.in_language(language)
}

fn with_words(inbound: &Inbound, voice: &Voice, words: String) -> Inbound {
    Inbound { content: Content::Voice(voice.heard(words).into()), ..inbound.clone() }
}

/// The first transaction: the receipt, the person, and whether anybody is to listen. Words that are recorded were paid
/// for, whatever holds by now. `None`: it has ended.
async fn open(
    worker: &Worker,
    inbound: &Inbound,
    start: Start<'_>,
) -> Result<Option<(Person, Option<Step>)>, JobError> {
    let now = worker.clock.now();
    let mut tx = worker.pool.begin().await?;
    match receipt::start(&mut tx, &worker.vault, inbound, start, now).await? {
        Standing::Open(changed) if changed.withdrawn => {
            let done = generate::withdraw(&mut tx, inbound, now).await?;
            generate::end(tx, done).await?;
            return Ok(None);
        }
        Standing::Open(_) | Standing::Begun(_) => {}
        Standing::Behind => {
            tx.rollback().await?;
            let cause = anyhow::anyhow!("an earlier message of its conversation is still spilled");
            return Err(JobError::wait(policy::RELAY_PERIOD / 2, cause));
        }
        Standing::Ended => {
            tx.commit().await?;
            return Ok(None);
        }
        Standing::Forgotten => {
            tx.rollback().await?;
            return Ok(None);
        }
        Standing::Failed(reason) => {
            tx.commit().await?;
            return Err(JobError::fail(reason));
        }
    }
    let person = person::resolve(&mut tx, &worker.vault, &inbound.sender, inbound.sent_at, now).await?;
    receipt::belongs_to(&mut tx, &inbound.id, &person.id).await?;
    worker.vault.key(&mut tx, &person.id).await?;
    let recorded = step::find(&mut tx, &worker.vault, &inbound.id, TRANSCRIPTION).await?;
    let refusal = if recorded.is_some() {
        None
    } else if person.stopped {
        // Unheard it asks for nothing. Who wants to be written to again writes so.
        let command = Command::parse(&inbound.content);
        let _recorded = answer::answer_stopped(&mut tx, worker, inbound, &person, &command).await?;
        tx.commit().await?;
        return Ok(None);
    } else if worker.openai.listens() {
        let spent = worker.budget.is_spent(&mut tx, &person.id, &inbound.id, now).await?;
        let text = if let Some(everybody) = spent {
            Some(Text::Capped { everybody })
        } else {
            let minutes = worker.allowance.voice(&mut tx, &person.id, &inbound.id, now).await?;
            minutes.map(|minutes| Text::TooFast { minutes })
        };
        text.map(|text| (Outcome::Capped, text))
    } else {
        Some((Outcome::Answered, Text::Unread(Unread::Voice)))
    };
    let ended = refusal.is_some();
    if let Some((outcome, text)) = refusal {
        generate::answer(&mut tx, worker, inbound, &person, outcome, text).await?;
    }
    tx.commit().await?;
    fault::point("voice.opened");
    Ok((!ended).then_some((person, recorded)))
}

/// Fetches the sound and has it transcribed, while the person sees that somebody is at it. What cannot be heard, now or
/// ever, is told by the text.
async fn listen(
    worker: &Worker,
    inbound: &Inbound,
    voice: &Voice,
    person: &Person,
    start: Start<'_>,
) -> Result<Result<Step, Text<'static>>, JobError> {
    let _typing = typing::begin(worker, inbound);
    let sound = match media::fetch(&worker.providers, inbound, voice).await {
        Ok(sound) => sound,
        Err(Unfetched::Never(why)) => return Ok(Err(Text::Unheard(why))),
        Err(Unfetched::Missing) if start.number < policy::MEDIA_LOOKS => {
            return Err(JobError::retry(anyhow::anyhow!("media: not there yet")));
        }
        Err(Unfetched::Missing) => return Ok(Err(Text::Unheard(Unheard::Gone))),
        Err(Unfetched::Retry(cause)) => return Err(JobError::retry(anyhow::anyhow!(cause))),
        Err(Unfetched::Operator(code)) => {
            let provider = inbound.provider.as_str();
            tracing::error!(
                provider,
                error.code = code,
                "no media can be fetched until an operator has looked"
            );
            return Err(JobError::retry(anyhow::anyhow!("media: the operator is needed ({code})")));
        }
    };
    let too_long = match ogg::seconds(&sound.bytes) {
        Some(seconds) => seconds > policy::LONGEST_VOICE.as_secs(),
        None => sound.bytes.len() > policy::LARGEST_UNTIMED,
    };
    if too_long {
        return Ok(Err(Text::Unheard(Unheard::TooLong)));
    }
    fault::point("voice.fetched");
    let spoken = person.chosen.then_some(person.language);
    let step = match worker.openai.transcribe(&sound, spoken, &worker.budget.prices).await? {
        Transcribed::Words(step) => *step,
        Transcribed::Unusable(why) => return Ok(Err(Text::Unheard(why))),
        Transcribed::Unsupported => return Ok(Err(Text::Unread(Unread::Voice))),
    };
    fault::point("transcription.paid");
    if let Some(cost) = step.cost_micros.and_then(|cost| u64::try_from(cost).ok()) {
        counter!("postly_llm_cost_microdollars_total", "step" => TRANSCRIPTION).increment(cost);
    }
    let mut db = worker.pool.acquire().await?;
    let key = worker.vault.theirs(&mut db, &person.id).await?;
    step::record(&mut *db, &key, &inbound.id, TRANSCRIPTION, &step, worker.clock.now()).await?;
    drop(db);
    fault::point("transcription.recorded");
    Ok(Ok(step))
}

/// The words of a transcript. What a model writes of noise stands in brackets, or has no letters.
fn words(transcript: &str) -> Result<String, Unheard> {
    let mut depth = 0_u32;
    let spoken = transcript.chars().any(|c| {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && c.is_alphanumeric()
    });
    let words = transcript.trim();
    match (spoken, crate::reply::units(words) > policy::LONGEST_WORDS) {
        (false, _) => Err(Unheard::Nothing),
        (true, true) => Err(Unheard::TooLong),
        (true, false) => Ok(words.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_no_words() {
        for noise in ["", "  ", "...", "♪♪", "[Musique]", "(bruit de fond) …", "[ (rires) ]"] {
            assert_eq!(words(noise), Err(Unheard::Nothing), "{noise}");
        }
        for said in ["Solde.", " 2 ", "[Musique] Crée un post", "Un post (avec le prix)"] {
            assert_eq!(words(said).as_deref(), Ok(said.trim()));
        }
        assert_eq!(words(&"mot ".repeat(2000)), Err(Unheard::TooLong));
    }
}
