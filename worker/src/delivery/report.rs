//! A provider's report on something we sent. Many refusals come only here, after the message was taken, and mean the same
//! here: the number is paused, a stop is kept, a bug is told. Only the message itself is not tried again.

use shared::job::{CodeWish, SendStatus, StatusReport};
use shared::message::Address;
use shared::outbox::Reported;
use shared::queue::Route;
use shared::trace::TraceContext;
use shared::{outbox, preference};
use tracing::Instrument;

use super::{refusal, turn};
use crate::error::JobError;
use crate::whatsapp::{Action, Why};
use crate::{Worker, code, generate};

/// Takes note of a report. Nobody pays for posts of which no part can arrive.
pub async fn take(worker: &Worker, report: &StatusReport) -> Result<(), JobError> {
    let Some(reported) = outbox::report(&mut *worker.pool.acquire().await?, &worker.vault, report).await?
    else {
        tracing::debug!(provider = %report.provider, "a report on a message that is not ours");
        return Ok(());
    };
    let span = tracing::info_span!(
        "report",
        otel.kind = "consumer",
        provider = report.provider.as_str(),
        status = report.status.as_str()
    );
    // Under the send that it is about; the webhook that brought it may have brought many.
    if let Some(trace) = reported.trace {
        trace.adopt(&span);
        if let Some(here) = TraceContext::current() {
            here.link(&span);
        }
    }
    follow(worker, report, reported).instrument(span).await
}

async fn follow(worker: &Worker, report: &StatusReport, reported: Reported) -> Result<(), JobError> {
    let address = reported.address.unwrap_or_else(Address::nowhere);
    let route = Route { provider: report.provider, business: &reported.business, address: &address };
    if report.status != SendStatus::Failed {
        if report.status != SendStatus::Read {
            turn::release(worker, route, reported.id, true).await;
        }
        return Ok(());
    }
    let error = refusal::reported(report.provider, report.error_code.as_deref().unwrap_or_default());
    if error.action == Action::Refused(Why::Stopped) {
        // Told again, it is the same wish: a death before it is mended by the next start.
        let mut tx = worker.pool.begin().await?;
        preference::stop_who_wrote(&mut tx, &reported.cause, worker.clock.now()).await?;
        tx.commit().await?;
    }
    tracing::warn!(provider = %report.provider, error.code = error.code, "a reply will not arrive");
    refusal::concerns(worker, route, &error, true).await;
    if CodeWish::is_cause(&reported.cause) {
        return code::give_back(worker, &reported.cause, code::refused(report.provider, &error.code)).await;
    }
    if outbox::came_to_nothing(&worker.pool, &reported.cause).await? {
        generate::refund_undelivered(worker, &reported.cause).await?;
    }
    Ok(())
}
