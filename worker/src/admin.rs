//! What operators and probes ask of a worker, on a listener that is not public.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use shared::queue::{self, Standing};
use shared::step::spend;
use shared::{erasure, ledger, retention, spill};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{Worker, page};

/// A probe must answer even when what it looks at does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serves `/healthz`, `/readyz`, `/metrics` and the operator's page until told to stop.
pub async fn serve(
    listener: TcpListener,
    worker: Worker,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let page = page::routes(&worker);
    let router = Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state((worker, metrics))
        .merge(page);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// Alive is whose loops go round.
async fn alive(State((worker, _)): State<(Worker, PrometheusHandle)>) -> Response {
    match worker.pulse.stands_still(worker.patience.stands_still) {
        None => "ok\n".into_response(),
        Some(which) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("the loop {} stands still\n", which.as_str()))
                .into_response()
        }
    }
}

/// A worker needs both: without either it waits.
async fn ready(State((worker, _)): State<(Worker, PrometheusHandle)>) -> Response {
    let ping = async { timeout(PATIENCE, worker.queue.ping()).await.is_ok_and(|ping| ping.is_ok()) };
    let select = async {
        timeout(PATIENCE, sqlx::query("select 1").execute(&worker.pool))
            .await
            .is_ok_and(|select| select.is_ok())
    };
    let (redis, postgres) = tokio::join!(ping, select);
    let status = if redis && postgres { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": redis && postgres, "redis": redis, "postgres": postgres })))
        .into_response()
}

async fn scrape(State((worker, metrics)): State<(Worker, PrometheusHandle)>) -> String {
    let now = worker.clock.now();
    let (figures, standing, spilled, imbalance, spent, waits, kept) = tokio::join!(
        timeout(PATIENCE, worker.queue.figures()),
        timeout(PATIENCE, worker.queue.standing()),
        timeout(PATIENCE, spill::depth(&worker.pool)),
        timeout(PATIENCE, ledger::imbalance(&worker.pool)),
        timeout(PATIENCE, spend::by_all(&worker.pool, now)),
        timeout(PATIENCE, erasure::waits_since(&worker.pool)),
        timeout(PATIENCE, retention::standing(&worker.pool)),
    );
    let age = |since: DateTime<Utc>| (now - since).as_seconds_f64().max(0.0);
    let waits = waits.ok().and_then(Result::ok).map_or(f64::NAN, |since| since.map_or(0.0, age));
    gauge!("postly_erasure_oldest_age_seconds").set(waits);
    let kept = kept.ok().and_then(Result::ok).unwrap_or_default();
    for kind in retention::Kind::ALL {
        let done = kept.iter().find(|(known, _)| *known == kind);
        let behind = done.map_or(f64::NAN, |(_, at)| age(*at));
        gauge!("postly_retention_behind_seconds", "kind" => kind.as_str()).set(behind);
    }
    #[expect(clippy::cast_precision_loss, reason = "credits, and millionths of dollars of a day")]
    {
        // What could not be read now is not a number: an old figure would be taken for today's.
        let imbalance =
            imbalance.ok().and_then(Result::ok).flatten().map_or(f64::NAN, |credits| credits as f64);
        gauge!("postly_ledger_imbalance").set(imbalance);
        let spent = spent.ok().and_then(Result::ok).map_or(f64::NAN, |micros| micros as f64 / 1e6);
        gauge!("postly_llm_cost_today_dollars").set(spent);
    }
    queue::publish(figures.ok().and_then(Result::ok), spilled.ok().and_then(Result::ok));
    Standing::publish(standing.ok().and_then(Result::ok).as_ref());
    worker.pulse.publish();
    metrics.render()
}
