//! What providers report on our words, and what follows when nothing of an answer arrived.
//!
//! Reports come late, twice and backwards: a row moves only forward.

use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use super::address::Stored;
use super::{LATEST, OutboxId};
use crate::job::{SendStatus, StatusReport};
use crate::message::{Address, MessageId, opaque};
use crate::trace::TraceContext;
use crate::vault::Vault;

/// What a report was about.
#[derive(Debug, Clone)]
pub struct Reported {
    /// The row of ours.
    pub id: OutboxId,
    /// The message that ours answered.
    pub cause: MessageId,
    /// Our number that ours left from.
    pub business: String,
    /// Where ours went, if it will not arrive and somebody can still read it: of all others nobody asks.
    pub address: Option<Address>,
    /// The span that sent it.
    pub trace: Option<TraceContext>,
}

/// Whether every part of the answer to this message has failed.
pub async fn came_to_nothing(db: impl PgExecutor<'_>, cause: &MessageId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "select coalesce(bool_and(state = 'failed'), false) from wa.outbox where cause = $1 and {LATEST}"
    )))
    .bind(cause.as_str())
    .fetch_one(db)
    .await
}

/// Id, cause, our number, where it went, the span that sent it.
type Row = (i64, String, String, Json<Stored>, Option<String>);

/// Applies a provider's report: forward only, in whatever order reports come. What it says of the bill is kept once,
/// since all reports on one message say the same. `None` when the report is not on one of ours.
pub async fn report(
    db: &mut PgConnection,
    vault: &Vault,
    report: &StatusReport,
) -> Result<Option<Reported>, sqlx::Error> {
    let pricing = report.pricing.clone().unwrap_or_default();
    let row: Option<Row> = sqlx::query_as(
        "update wa.outbox set
           state = case
             when state = 'failed' or ($3 = 'failed' and state in ('delivered', 'read')) then state
             when array_position(array['pending', 'sending', 'unknown', 'accepted', 'sent', 'delivered', 'read', 'failed'], state)
                < array_position(array['pending', 'sending', 'unknown', 'accepted', 'sent', 'delivered', 'read', 'failed'], $3)
             then $3 else state end,
           provider_message_id = coalesce(provider_message_id, $2),
           accepted_at = coalesce(accepted_at, $4),
           sent_at = case when $3 = 'sent' then coalesce(sent_at, $4) else sent_at end,
           delivered_at = case when $3 = 'delivered' then coalesce(delivered_at, $4) else delivered_at end,
           read_at = case when $3 = 'read' then coalesce(read_at, $4) else read_at end,
           failed_at = case when $3 = 'failed' then coalesce(failed_at, $4) else failed_at end,
           error_code = coalesce($5, error_code),
           billable = coalesce(billable, $7),
           pricing_model = coalesce(pricing_model, $8),
           pricing_type = coalesce(pricing_type, $9),
           pricing_category = coalesce(pricing_category, $10)
         where provider = $6 and (id = $1 or (provider_message_id = $2 and $1 is null))
         returning id, cause, business, address, trace",
    )
    .bind(report.outbox_id)
    .bind(opaque(&report.provider_message_id))
    .bind(report.status.as_str())
    .bind(report.at)
    .bind(report.error_code.as_deref().filter(|_| report.status == SendStatus::Failed))
    .bind(report.provider.as_str())
    .bind(pricing.billable)
    .bind(pricing.model)
    .bind(pricing.kind)
    .bind(pricing.category)
    .fetch_optional(&mut *db)
    .await?;
    let Some((id, cause, business, Json(stored), trace)) = row else { return Ok(None) };
    let address = if report.status == SendStatus::Failed {
        let keys = vault.keys(db, stored.stored().as_slice()).await?;
        stored.read(&cause, vault, &keys)?
    } else {
        None
    };
    Ok(Some(Reported {
        id: OutboxId(id),
        cause: MessageId::from_stored(cause),
        business,
        address,
        trace: trace.as_deref().and_then(TraceContext::read),
    }))
}
