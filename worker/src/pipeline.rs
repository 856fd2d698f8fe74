//! The three model steps, in their order: what is wanted, how to brief for it, the posts.
//!
//! Each answer is recorded before the next step begins. A step found recorded is not paid for again, even if its
//! answer was bad.

mod formatting;
#[cfg(test)]
mod fuzz;
mod intent;
mod leak;
mod posts;
mod prompt;
mod revise;

use std::collections::HashMap;

use metrics::counter;
use shared::clock::Clock;
use shared::fault;
use shared::generation::Revision;
use shared::language::Language;
use shared::message::{Inbound, MessageId, Provider};
use shared::person::{Person, UserId};
use shared::price::ModelPrices;
use shared::step::{self, Step};
use shared::vault::{PersonKey, Vault};
use sqlx::PgPool;
use tokio::sync::OnceCell;

pub use intent::Intent;
pub use posts::Posts;

use posts::PostsFault;

use crate::Worker;
use crate::error::JobError;
use crate::openai::{Ask, OpenAi, REFUSAL};

/// What the steps need.
#[derive(Debug)]
pub struct Pipeline<'a> {
    /// The model.
    pub openai: &'a OpenAi,
    /// Where answers are recorded.
    pub pool: &'a PgPool,
    /// The time.
    pub clock: &'a Clock,
    /// What the models cost.
    pub prices: &'a ModelPrices,
    /// By what they are sealed.
    pub vault: &'a Vault,
    /// Whose steps these are.
    pub message: &'a MessageId,
    /// Who wrote it.
    pub person: &'a UserId,
    /// Who will carry the posts: bounds their length.
    pub provider: Provider,
    /// What earlier starts have recorded, and by what more is sealed: read before the first step.
    earlier: OnceCell<(HashMap<String, Step>, PersonKey)>,
}

/// What came out.
#[derive(Debug)]
pub enum Written {
    /// Three posts.
    Posts(Box<Draft>),
    /// The model declined.
    Refused,
    /// It was no brief. Boxed for its size.
    OffTopic(Box<Intent>),
}

/// Posts, and what led to them.
#[derive(Debug)]
pub struct Draft {
    /// What the brief wants.
    pub intent: Intent,
    /// The second step's words.
    pub prompt: String,
    /// Three, different, not empty, short enough.
    pub posts: Posts,
}

impl<'a> Pipeline<'a> {
    /// The steps of this message.
    #[must_use]
    pub fn of(worker: &'a Worker, inbound: &'a Inbound, person: &'a Person) -> Self {
        Self {
            openai: &worker.openai,
            pool: &worker.pool,
            clock: &worker.clock,
            prices: &worker.budget.prices,
            vault: &worker.vault,
            message: &inbound.id,
            person: &person.id,
            provider: inbound.provider,
            earlier: OnceCell::new(),
        }
    }
}

impl Pipeline<'_> {
    /// Takes the three steps. `interface` is the person's own language, for a brief that names none; `earlier` are posts
    /// about the same brief, of which others are wanted.
    pub async fn write(
        &self,
        brief: &str,
        interface: Language,
        earlier: Option<&[String; 3]>,
    ) -> Result<Written, JobError> {
        let ask = intent::ask(brief);
        let (flagged, answer) = tokio::join!(self.openai.flags(brief), self.step(&ask));
        let Some(answer) = answer?.filter(|_| !flagged) else { return Ok(Written::Refused) };
        let intent = Intent::read(&answer.output);
        if intent.off_topic {
            return Ok(Written::OffTopic(Box::new(intent)));
        }
        let language = intent.language_name(interface);
        let facts = intent.facts(brief);
        let Some(answer) = self.step(&prompt::ask(&facts, &language)).await? else {
            return Ok(Written::Refused);
        };
        let prompt = prompt::read(&answer, brief);
        let earlier = earlier.map(revise::document);
        let ask = posts::ask(&prompt, &language, earlier.as_deref());
        let Some(posts) = self.posts(ask).await? else { return Ok(Written::Refused) };
        Ok(Written::Posts(Box::new(Draft { intent, prompt, posts })))
    }

    /// The same posts, revised. `None`: the model declined.
    pub async fn revise(&self, posts: &[String; 3], revision: Revision) -> Result<Option<Posts>, JobError> {
        self.posts(revise::ask(&revise::document(posts), revision)).await
    }

    /// A step whose answer is three posts, with one repair. `None`: the model declined.
    async fn posts(&self, ask: Ask<'_>) -> Result<Option<Posts>, JobError> {
        let Some(answer) = self.step(&ask).await? else { return Ok(None) };
        let fault = match Posts::read(&answer, self.provider) {
            Ok(posts) => return Ok(Some(posts)),
            Err(fault) => fault,
        };
        let Some(answer) = self.step(&posts::ask_again(ask, &answer.output, fault)).await? else {
            return Ok(None);
        };
        match Posts::read(&answer, self.provider) {
            Ok(posts) => Ok(Some(posts)),
            // Talked into it twice: there is no post in this brief.
            Err(PostsFault::Leak) => Ok(None),
            Err(fault) => Err(JobError::fail(format!("model: {fault}, twice"))),
        }
    }

    /// One step: from the records, or from the model and then into the records. `None`: the model declined.
    #[tracing::instrument(name = "model", skip_all, fields(otel.kind = "client", step = ask.step, recorded))]
    async fn step(&self, ask: &Ask<'_>) -> Result<Option<Step>, JobError> {
        let (recorded, key) = self.earlier.get_or_try_init(|| self.earlier()).await?;
        let recorded = recorded.get(ask.step);
        tracing::Span::current().record("recorded", recorded.is_some());
        let step = if let Some(step) = recorded {
            step.clone()
        } else {
            let step = self.openai.ask(ask).await?;
            let step = self.priced(step, ask.step);
            fault::point(paid(ask.step));
            step::record(self.pool, key, self.message, ask.step, &step, self.clock.now()).await?;
            fault::point(recorded_point(ask.step));
            step
        };
        Ok((step.finish_reason != REFUSAL).then_some(step))
    }
}

impl Pipeline<'_> {
    async fn earlier(&self) -> Result<(HashMap<String, Step>, PersonKey), sqlx::Error> {
        let mut db = self.pool.acquire().await?;
        let recorded = step::all(&mut db, self.vault, self.message).await?;
        Ok((recorded, self.vault.theirs(&mut db, self.person).await?))
    }

    /// The step with what it cost, which is counted.
    fn priced(&self, mut step: Step, name: &'static str) -> Step {
        step.cost_micros = self.prices.cost(&step.model, step.prompt_tokens, step.completion_tokens);
        if let Some(cost) = step.cost_micros.and_then(|cost| u64::try_from(cost).ok()) {
            counter!("postly_llm_cost_microdollars_total", "step" => name).increment(cost);
        }
        step
    }
}

fn paid(step: &str) -> &'static str {
    match step {
        "intent" => "intent.paid",
        "prompt" => "prompt.paid",
        _ => "posts.paid",
    }
}

fn recorded_point(step: &str) -> &'static str {
    match step {
        "intent" => "intent.recorded",
        "prompt" => "prompt.recorded",
        _ => "posts.recorded",
    }
}
