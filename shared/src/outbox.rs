//! Every word that we send stands here before it leaves, and stays until we know how it arrived.
//!
//! Owner of `wa.outbox`. A row is unique by (cause, part), so that no cause is answered twice. Neither provider has an
//! idempotency key: a send whose outcome is not known is `unknown` and never blindly repeated. Our own id travels along
//! and comes back in the provider's reports, which move a row only forward.

mod address;
mod choices;
mod courtesy;
mod diary;
mod document;
mod reports;
mod row;
mod stranded;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::menu::Menu;
use crate::message::{Address, Inbound, Lane, MessageId, Provider, opaque};
use crate::trace::TraceContext;
use crate::vault::{PersonKey, Place, Vault};

pub use address::waiting;
pub(crate) use address::{is_aside, seal};
pub use choices::choices;
pub use courtesy::{expire, unsaid};
pub use diary::{Spoken, diary};
pub use document::{Document, instead_of_document, last_document, put_document};
pub use reports::{Reported, came_to_nothing, report};
pub use stranded::{Stranded, stranded};

use row::Row;

/// The id of a row: what travels with the send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OutboxId(i64);

impl OutboxId {
    /// An id that came back from a provider or from the tables.
    #[must_use]
    pub fn new(id: i64) -> Self {
        Self(id)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

/// Where a row stands, as far as sending is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not yet sent.
    Pending,
    /// A worker marked it and may have sent it.
    Sending,
    /// Sent, perhaps: the provider's answer never came.
    Unknown,
    /// The provider has it, and possibly more.
    Accepted,
    /// It will not arrive.
    Failed,
}

/// A message of ours.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its row.
    pub id: OutboxId,
    /// Who carries it.
    pub provider: Provider,
    /// Our number that it leaves from.
    pub business: String,
    /// Where it goes.
    pub address: Address,
    /// The text; none of a code, which is made when it leaves.
    pub body: String,
    /// The challenge whose code this is, if it is one.
    pub challenge: Option<String>,
    /// The document that the text stands beside, if it does; made when it leaves, like a code.
    pub document: Option<Document>,
    /// What can be chosen under it.
    pub menu: Option<Menu>,
    /// Where it stands.
    pub state: State,
    /// How often it may have reached the provider; a refusal is not counted.
    pub attempts: i32,
    /// The last refusal, and how often in a row it was that one.
    pub refused: Option<(String, u32)>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was last handed over.
    pub sending_at: Option<DateTime<Utc>>,
    /// What it is to its person, where it is the first part of a reply to a message of theirs.
    pub reply: Option<Reply>,
}

/// What a reply is to the one who wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// What they were waiting for, be it posts, a balance or a polite refusal.
    Answer,
    /// That it came to nothing.
    Apology,
}

/// The parts of the latest handling: those before it belong to one that failed and was replayed.
const LATEST: &str = "part > 100 * coalesce((select replays from wa.receipt where message_id = cause), 0)";

/// What an answer answers, and where it goes.
#[derive(Debug, Clone)]
pub struct Recipient<'a> {
    /// The message that caused it.
    pub cause: &'a MessageId,
    /// Who carries it.
    pub provider: Provider,
    /// Our number that it leaves from.
    pub business: &'a str,
    /// Where it goes.
    pub address: &'a Address,
    /// The conversation in which that is.
    pub lane: Lane,
}

impl<'a> From<&'a Inbound> for Recipient<'a> {
    fn from(to: &'a Inbound) -> Self {
        Self {
            cause: &to.id,
            provider: to.provider,
            business: &to.business,
            address: &to.sender.address,
            lane: to.lane(),
        }
    }
}

/// Puts the parts of an answer in the outbox, the menu under the last, sealed under the key of whoever is answered: nobody's
/// where nobody knows who that is. Belongs in the transaction that decides the answer.
pub async fn put(
    db: &mut PgConnection,
    seals: (&Vault, Option<&PersonKey>),
    to: Recipient<'_>,
    parts: &[String],
    menu: Option<&Menu>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    write(db, seals, to, parts, (menu, None), now).await
}

/// The rows of an answer, with what stands under or beside the last of them.
async fn write(
    db: &mut PgConnection,
    (vault, key): (&Vault, Option<&PersonKey>),
    to: Recipient<'_>,
    parts: &[String],
    (menu, document): (Option<&Menu>, Option<Document>),
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let numbers: Vec<i32> = (1..).take(parts.len()).collect();
    let cause = to.cause.as_str();
    let sealed =
        |place, words: &str| key.map_or_else(|| words.to_owned(), |key| key.seal(place, cause, words));
    let bodies: Vec<String> = parts.iter().map(|part| sealed(Place::Body, part)).collect();
    let menu =
        menu.map(serde_json::to_string).transpose().map_err(|error| sqlx::Error::Encode(error.into()))?;
    let menu = menu.map(|menu| Json(sealed(Place::Menu, &menu)));
    let address = address::seal((vault, key), cause, to.address)?;
    let reached = address::reached(db, vault, to.cause, to.address).await?;
    sqlx::query(
        "insert into wa.outbox (cause, part, provider, business, address, body, created_at, menu, lane, document, reached)
         select $1, part + $8 + 100 * coalesce((select replays from wa.receipt where message_id = $1), 0),
                $2, $3, $4, body, $5, case when part = cardinality($6::int[]) then $9::jsonb end, $10,
                case when part = cardinality($6::int[]) then $11 end, $12
         from unnest($6::int[], $7::text[]) as parts (part, body)
         on conflict (cause, part) do nothing",
    )
    .bind(cause)
    .bind(to.provider.as_str())
    .bind(to.business)
    .bind(Json(address))
    .bind(now)
    .bind(numbers)
    .bind(bodies)
    .bind(if crate::fault::without("outbox_key") { rand::random_range(1..90) } else { 0 })
    .bind(menu)
    .bind(to.lane.as_str())
    .bind(document.map(Document::as_str))
    .bind(reached)
    .execute(db)
    .await?;
    Ok(())
}

/// Puts a one-time code in the outbox: without its digits, which nobody knows yet.
pub async fn put_code(
    db: &mut PgConnection,
    vault: &Vault,
    to: Recipient<'_>,
    challenge: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let address = address::seal((vault, None), to.cause.as_str(), to.address)?;
    let reached = address::reached(db, vault, to.cause, to.address).await?;
    sqlx::query(
        "insert into wa.outbox (cause, part, provider, business, address, body, created_at, lane, challenge, reached)
         values ($1, 1, $2, $3, $4, '', $5, $6, $7, $8) on conflict (cause, part) do nothing",
    )
    .bind(to.cause.as_str())
    .bind(to.provider.as_str())
    .bind(to.business)
    .bind(Json(address))
    .bind(now)
    .bind(to.lane.as_str())
    .bind(challenge)
    .bind(reached)
    .execute(db)
    .await?;
    Ok(())
}

/// What a message caused to be said, in the order of its parts.
pub async fn caused_by(
    db: &mut PgConnection,
    vault: &Vault,
    cause: &MessageId,
) -> Result<Vec<Outgoing>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select id, provider, business, address, body, challenge, document, menu, state, attempts, error_code, refusals, created_at, sending_at,
           case when part % 100 = 1 then (select outcome = 'failed' from wa.receipt where message_id = cause) end as apology
         from wa.outbox where cause = $1 and {LATEST} order by part"
    )))
    .bind(cause.as_str())
    .fetch_all(&mut *db)
    .await?;
    let stored: Vec<&str> = rows.iter().flat_map(Row::stored).collect();
    let keys = vault.keys(db, &stored).await?;
    rows.into_iter().map(|row| row.read(cause, vault, &keys)).collect()
}

/// Marks a pending row as being sent. `false` when it was not pending: someone else has it.
#[must_use = "only the one who marked a row may send it"]
pub async fn mark_sending(
    db: impl PgExecutor<'_>,
    id: OutboxId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update wa.outbox set state = 'sending', attempts = attempts + 1, sending_at = $2, trace = $4
         where id = $1 and (state = 'pending' or $3)",
    )
    .bind(id.get())
    .bind(now)
    .bind(crate::fault::without("sending"))
    .bind(TraceContext::current().map(|trace| trace.to_string()))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The provider took it. A report that overtook us has said more already: then only the id is filled in.
pub async fn accepted(
    db: impl PgExecutor<'_>,
    id: OutboxId,
    provider_message_id: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wa.outbox
         set state = case when state in ('pending', 'sending', 'unknown') then 'accepted' else state end,
             accepted_at = coalesce(accepted_at, $3), provider_message_id = $2
         where id = $1",
    )
    .bind(id.get())
    .bind(opaque(provider_message_id))
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// The provider refused it in a way that another try may mend: pending again, as if it had never left. Refusals of one
/// kind are counted while they follow each other.
pub async fn not_taken(db: impl PgExecutor<'_>, id: OutboxId, code: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wa.outbox set state = 'pending', attempts = attempts - 1, error_code = $2,
           refusals = case when error_code = $2 then refusals + 1 else 1 end
         where id = $1 and state in ('sending', 'unknown')",
    )
    .bind(id.get())
    .bind(code)
    .execute(db)
    .await?;
    Ok(())
}

/// Nobody ever reported on it: pending once more. That it may have left stays counted. `false`: a report came.
#[must_use = "what was reported on must not be sent again"]
pub async fn unreported(db: impl PgExecutor<'_>, id: OutboxId) -> Result<bool, sqlx::Error> {
    let statement =
        "update wa.outbox set state = 'pending', error_code = 'unknown' where id = $1 and state = 'unknown'";
    let done = sqlx::query(statement).bind(id.get()).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

/// Whether it left is not known: reports, or a deadline, will tell.
pub async fn outcome_unknown(db: impl PgExecutor<'_>, id: OutboxId) -> Result<(), sqlx::Error> {
    sqlx::query("update wa.outbox set state = 'unknown' where id = $1 and state = 'sending'")
        .bind(id.get())
        .execute(db)
        .await?;
    Ok(())
}

/// It will not be sent again. `false`: a report has come that says more.
pub async fn failed(
    db: impl PgExecutor<'_>,
    id: OutboxId,
    code: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update wa.outbox set state = 'failed', error_code = $2, failed_at = $3
         where id = $1 and state in ('pending', 'sending', 'unknown')",
    )
    .bind(id.get())
    .bind(code)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The rest of an answer of which a part was refused is not sent.
pub async fn abandon(
    db: impl PgExecutor<'_>,
    cause: &MessageId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wa.outbox set state = 'failed', error_code = 'abandoned', failed_at = $2
         where cause = $1 and state = 'pending'",
    )
    .bind(cause.as_str())
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}
