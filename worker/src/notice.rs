//! What a provider tells about the account rather than about a conversation: a restriction, the decision about a template.

use metrics::counter;
use shared::job::{Job, Notice};
use shared::receipt;

use crate::Worker;
use crate::error::JobError;

/// The kinds of notices that are counted by their names (Meta: Webhooks of WhatsApp Business Accounts): one that is made up
/// tomorrow must not make a label of its own.
pub const KINDS: &[&str] = &[
    "account_alerts",
    "account_review_update",
    "account_update",
    "business_capability_update",
    "message_template_quality_update",
    "message_template_status_update",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
    "template_category_update",
    "unreadable",
    "user_preferences",
    OTHER,
];

const OTHER: &str = "other";

fn known(kind: &str) -> &'static str {
    KINDS.iter().copied().find(|known| *known == kind).unwrap_or(OTHER)
}

/// Something about the account: kept, and said aloud, since an operator may have to act.
pub async fn record(worker: &Worker, job: &Job, notice: &Notice) -> Result<(), JobError> {
    tracing::warn!(provider = %notice.provider, notice.kind = notice.kind, "the provider has sent a notice");
    counter!("postly_provider_notices_total", "provider" => notice.provider.as_str(), "kind" => known(&notice.kind)).increment(1);
    let mut db = worker.pool.acquire().await?;
    receipt::record(
        &mut db,
        &job.id,
        notice.provider,
        &notice.kind,
        &notice.body,
        job.received_at,
        worker.clock.now(),
    )
    .await?;
    Ok(())
}
