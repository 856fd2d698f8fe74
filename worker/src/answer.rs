//! Commands that need nothing but the books: what is said to each, and what it changes.

use chrono::{DateTime, Utc};
use metrics::counter;
use shared::erasure::{self, AskedBy};
use shared::feedback::{self, Kind, Reaction};
use shared::message::Inbound;
use shared::person::Person;
use shared::receipt::{self, Outcome};
use shared::texts::Text;
use shared::{generation, ledger, preference};
use sqlx::PgConnection;

use crate::Worker;
use crate::command::{Command, Known, SmallTalk};
use crate::error::JobError;
use crate::{code, document, generate};

/// How many generations a history shows.
const HISTORY: i64 = 5;

/// Ends a message with what its command is answered. `received_at`: when ingest received it.
pub async fn answer(
    db: &mut PgConnection,
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    command: &Command,
    received_at: DateTime<Utc>,
) -> Result<(), JobError> {
    let now = worker.clock.now();
    let mut person = person.clone();
    let (list, found, receipt_number);
    let text = match command {
        Command::Help | Command::SmallTalk(SmallTalk::Greeting) => Text::Help,
        Command::SmallTalk(SmallTalk::Thanks) => Text::Thanks,
        Command::SmallTalk(SmallTalk::Nod | SmallTalk::No) | Command::Yes => Text::Listening,
        Command::Almost(known) => Text::Almost { word: named(*known) },
        Command::Balance => Text::Balance(ledger::balance(db, &person.id).await?),
        Command::BriefMissing => Text::BriefMissing,
        Command::KeptBrief => Text::NothingKept,
        Command::Number(_) => Text::NothingOffered,
        Command::Unreadable(kind) => Text::Unread(*kind),
        Command::Speak(None) => Text::AskLanguage,
        Command::Speak(Some(language)) => {
            preference::speak(db, &person.id, *language, now).await?;
            person.language = *language;
            Text::LanguageSet
        }
        Command::Login => code::login(db, worker, inbound, &person).await?,
        Command::History => {
            list = generation::last(&mut *db, &person.id, HISTORY).await?;
            if list.is_empty() { Text::NoHistory } else { Text::History { past: &list } }
        }
        Command::Post { generation, number } => {
            found = generation::find(&mut *db, &person.id, generation.as_deref()).await?;
            match found.as_ref().and_then(|found| found.posts.get(number.wrapping_sub(1))) {
                Some(post) => Text::OnePost(post),
                None => Text::NoHistory,
            }
        }
        Command::Resend(generation) => {
            found = generation::find(&mut *db, &person.id, Some(generation)).await?;
            match &found {
                Some(found) => Text::Resent {
                    generation: &found.id,
                    posts: found.posts.each_ref().map(String::as_str),
                    translation: found.translation(person.language),
                },
                None => Text::NoHistory,
            }
        }
        // Of something that is not there.
        Command::Again { .. } | Command::Revise { .. } => Text::NoHistory,
        Command::Stop if person.stopped => return record(db, inbound, now).await,
        Command::Stop => {
            preference::stop(db, &person.id, received_at).await?;
            Text::Stopped
        }
        Command::Start => {
            preference::start(db, &person.id).await?;
            Text::Started
        }
        // To whoever holds the phone, as everything that stands in its chat already: nobody is asked who they are.
        Command::Export => return document::asked(db, worker, inbound, &person, now).await,
        Command::Erase { confirmed: false } => Text::AskErase,
        Command::Erase { confirmed: true } => {
            receipt_number = erasure::ask(db, &person.id, AskedBy::Chat, now).await?;
            Text::Erasing { receipt: &receipt_number }
        }
        // The provider has answered them already.
        Command::Silenced { stop: true } => {
            preference::stop(db, &person.id, received_at).await?;
            return record(db, inbound, now).await;
        }
        Command::Silenced { stop: false } => {
            preference::start(db, &person.id).await?;
            return record(db, inbound, now).await;
        }
        Command::React { to, emoji } => {
            let reaction =
                Reaction { provider: inbound.provider, to, emoji: emoji.as_deref(), at: inbound.sent_at };
            if feedback::keep(db, &worker.vault, &person.id, reaction).await?
                && let Some(kind) = emoji.as_deref().map(Kind::of)
            {
                counter!("postly_reactions_total", "kind" => kind.as_str()).increment(1);
            }
            return record(db, inbound, now).await;
        }
        Command::Silence
        | Command::Generate { .. }
        | Command::Buy { .. }
        | Command::SignIn(_)
        | Command::SignInNumber { .. }
        | Command::NotMe => {
            return record(db, inbound, now).await;
        }
    };
    generate::answer(db, worker, inbound, &person, Outcome::Answered, text).await?;
    Ok(())
}

/// Somebody who wanted no more messages writes something: what asks for nothing gets nothing, and what would cost a
/// credit is not done behind their back. `None`: it is answered like anybody's.
pub async fn answer_stopped(
    db: &mut PgConnection,
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    command: &Command,
) -> Result<Option<()>, JobError> {
    match command {
        Command::Generate { .. }
        | Command::KeptBrief
        | Command::BriefMissing
        | Command::Again { .. }
        | Command::Revise { .. } => {
            generate::answer(db, worker, inbound, person, Outcome::Answered, Text::StillStopped).await?;
        }
        Command::SmallTalk(_)
        | Command::Almost(_)
        | Command::Number(_)
        | Command::Yes
        | Command::Unreadable(_) => record(db, inbound, worker.clock.now()).await?,
        _ => return Ok(None),
    }
    Ok(Some(()))
}

/// Ends a message that is not answered.
async fn record(db: &mut PgConnection, inbound: &Inbound, now: DateTime<Utc>) -> Result<(), JobError> {
    let _ended = receipt::end(db, &inbound.id, Outcome::Recorded, None, now).await?;
    Ok(())
}

/// How we name a command ourselves.
fn named(known: Known) -> shared::texts::Known {
    let (fr, en) = match known {
        Known::Help => ("aide", "help"),
        Known::Balance => ("solde", "balance"),
        Known::Buy => ("acheter", "buy"),
        Known::History => ("historique", "history"),
        Known::Again => ("encore", "again"),
        Known::Translate => ("traduire", "translate"),
        Known::Shorten => ("plus court", "shorter"),
        Known::Speak => ("langue", "lang"),
        Known::Login => ("connexion", "login"),
        Known::Stop => ("stop", "stop"),
        Known::Start => ("start", "start"),
        Known::Export => ("exporter mes données", "export my data"),
        Known::Erase => ("supprimer mes données", "delete my data"),
        Known::Generate => ("gen", "gen"),
    };
    shared::texts::Known { fr, en }
}
