//! All that is kept of a person, sent to the phone on which they ask for it: as a document where their provider carries one.
//!
//! It is made when it leaves, in one look at the books, and stands nowhere: its row in the outbox holds the words beside it.
//! Meta takes `text/plain` among the documents that WhatsApp is sure to show, and no JSON (Meta: Document messages, Supported
//! document types): so it is sent as that, under a name that says what it is. Twilio carries PDF and files of offices, and neither
//! text nor a name (Twilio: Guidance on WhatsApp Media Messages): there it is said where to have it.

use chrono::{DateTime, Utc};
use shared::export::{self, File};
use shared::fault;
use shared::message::{Inbound, MessageId, Provider};
use shared::outbox::{self, Document, Outgoing};
use shared::person::{self, Person, UserId};
use shared::receipt::{self, Outcome};
use shared::texts::Text;
use sqlx::PgConnection;

use crate::Worker;
use crate::error::JobError;
use crate::form::Upload;
use crate::whatsapp::{Accepted, Action, SendError, Why};
use crate::{generate, policy, reply, voice};

/// What we say that a document is.
const TYPE: &str = "text/plain";

/// Somebody wants to have all that is kept of them.
pub async fn asked(
    db: &mut PgConnection,
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<(), JobError> {
    if inbound.provider == Provider::Twilio {
        let text = Text::Export { url: worker.web.as_deref() };
        generate::answer(db, worker, inbound, person, Outcome::Answered, text).await?;
        return Ok(());
    }
    if let Some(minutes) = worker.allowance.document(db, &person.id, &inbound.id, now).await? {
        let text = Text::ExportLater { minutes };
        generate::answer(db, worker, inbound, person, Outcome::Capped, text).await?;
        return Ok(());
    }
    if !receipt::end(db, &inbound.id, Outcome::Answered, None, now).await? {
        return Ok(());
    }
    let words = Text::Exported.in_language(person.language);
    let heard = voice::echo(inbound, person.language).map(|echo| format!("{echo}\n\n{words}"));
    let caption = heard.filter(|caption| reply::units(caption) <= policy::CAPTION).unwrap_or(words);
    let key = worker.vault.key(db, &person.id).await?;
    outbox::put_document(db, (&worker.vault, &key), inbound.into(), Document::Export, caption, now).await?;
    Ok(())
}

/// A document that is about to leave, as the books are now.
#[derive(Debug)]
pub struct Made {
    /// None: it is too large, or the address has another person since.
    file: Option<File>,
    /// Whose it is.
    user: UserId,
    /// What is said in its place: where to have it.
    elsewhere: String,
}

/// Makes the document of whoever is answered. `None`: nobody knows any more who that is.
///
/// Whoever has got the number meanwhile, or is at a phone that was unlinked, must not have it: they are told where one has to
/// sign in.
pub async fn make(
    worker: &Worker,
    cause: &MessageId,
    message: &Outgoing,
    document: Document,
) -> Result<Option<Made>, JobError> {
    let Document::Export = document;
    let now = worker.clock.now();
    let mut tx = worker.pool.begin().await?;
    export::begin(&mut tx).await?;
    let Some(user) = receipt::whose(&mut *tx, cause).await? else { return Ok(None) };
    let Some(person) = person::known(&mut tx, &user).await? else { return Ok(None) };
    let theirs = person::is_reached_at(&mut tx, &worker.vault, &user, &message.address).await?;
    let file = if theirs {
        let all = export::everything(&mut tx, &worker.vault, &user, now).await?;
        let file = export::file(&all, now).map_err(JobError::retry)?;
        Some(file).filter(|file| file.text.len() <= policy::LARGEST_DOCUMENT)
    } else {
        None
    };
    tx.rollback().await?;
    fault::point("document.made");
    let elsewhere = Text::Export { url: worker.web.as_deref() }.in_language(person.language);
    Ok(Some(Made { file, user, elsewhere }))
}

/// Hands a document over, or says where it is to be had: also where the provider takes no such file any more, so that nobody who
/// asks hears nothing.
pub async fn send(
    worker: &Worker,
    cause: &MessageId,
    message: &Outgoing,
    made: Made,
) -> Result<Result<Accepted, SendError>, JobError> {
    if let Some(file) = &made.file {
        let upload = Upload { name: &file.name, mime_type: TYPE, bytes: file.text.as_bytes() };
        match worker.providers.upload(message, upload).await {
            Ok(media) => {
                fault::point("document.uploaded");
                return Ok(worker.providers.send_document(message, &media, &file.name).await);
            }
            Err(SendError { code, action: Action::Refused(Why::Request | Why::Unheard), trace }) => {
                tracing::error!(error.code = code, error.trace = trace, "a document is refused: a bug");
            }
            Err(error) => return Ok(Err(error)),
        }
    }
    let mut db = worker.pool.acquire().await?;
    let key = worker.vault.key(&mut db, &made.user).await?;
    outbox::instead_of_document(&mut *db, &key, cause, message.id, &made.elsewhere).await?;
    drop(db);
    Ok(worker.providers.send(&Outgoing { body: made.elsewhere, document: None, ..message.clone() }).await)
}
