//! Posts that were paid for, made shorter or put into the other language: one step of the model, free of charge, and
//! within the limits of the day.

use shared::generation::{self, Earlier, Generation, Revision};
use shared::language::Language;
use shared::message::Inbound;
use shared::person::Person;
use shared::receipt::{self, Outcome};
use shared::texts::Text;
use sqlx::PgConnection;

use crate::Worker;
use crate::command::Wish;
use crate::error::JobError;
use crate::generate;
use crate::pipeline::{Pipeline, Posts};

/// What is to be done with these posts.
#[must_use]
pub fn wished(earlier: &Earlier, wish: Wish, interface: Language) -> Revision {
    match wish {
        Wish::Shorten => Revision::Shorten,
        Wish::Translate(into) => Revision::Translate(into.unwrap_or_else(|| earlier.translation(interface))),
    }
}

/// Whether the model may be asked today. `false`: the refusal stands in the outbox and the message has ended.
pub async fn may(
    db: &mut PgConnection,
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
) -> Result<bool, JobError> {
    let now = worker.clock.now();
    let everybody = match worker.budget.is_spent(db, &person.id, &inbound.id, now).await? {
        Some(everybody) => everybody,
        None if worker.allowance.has_revised_enough(db, &person.id, now).await? => false,
        None => return Ok(true),
    };
    generate::answer(db, worker, inbound, person, Outcome::Capped, Text::Capped { everybody }).await?;
    Ok(false)
}

/// From posts to an answer in the outbox.
pub async fn write(
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    earlier: &Earlier,
    revision: Revision,
) -> Result<(), JobError> {
    let revised = Pipeline::of(worker, inbound, person).revise(&earlier.posts, revision).await?;
    let mut tx = worker.pool.begin().await?;
    let done = match &revised {
        Some(posts) => finish(&mut tx, worker, inbound, person, earlier, revision, posts).await?,
        None => generate::decline(&mut tx, worker, inbound, person).await?,
    };
    Ok(generate::end(tx, done).await?)
}

/// Posts, history, answer and the end of the message: one fact. `false`: another worker had ended it.
async fn finish(
    db: &mut PgConnection,
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    earlier: &Earlier,
    revision: Revision,
    posts: &Posts,
) -> Result<bool, JobError> {
    let now = worker.clock.now();
    if !receipt::end(db, &inbound.id, Outcome::Revised, None, now).await? {
        return Ok(false);
    }
    let (person, _) = &generate::held(db, person).await?;
    let language = match revision {
        Revision::Translate(into) => Some(into.code()),
        Revision::Shorten => earlier.language.as_deref(),
    };
    let [platform, industry, objective, tone] = earlier.about.each_ref().map(Option::as_deref);
    let generation = Generation {
        brief: &earlier.brief,
        platform,
        industry,
        objective,
        tone,
        language,
        prompt: "",
        posts: posts.each(),
        tokens: shared::step::tokens(&mut *db, &inbound.id).await?,
    };
    let generation = &generation::add(db, &person.id, &generation, now).await?;
    let translation = generation::translation(language, person.language);
    let text = Text::Revised { generation, revision, posts: posts.each(), translation };
    generate::say(db, &worker.vault, inbound, person, text, now).await?;
    Ok(true)
}
