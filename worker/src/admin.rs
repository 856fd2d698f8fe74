//! What operators and probes ask of a worker, on a listener that is not public.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use shared::step::spend;
use shared::{ledger, spill};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// A probe must answer even when what it looks at does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// Serves `/healthz`, `/readyz` and `/metrics` until told to stop.
pub async fn serve(
    listener: TcpListener,
    worker: Worker,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state((worker, metrics));
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
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
    let (figures, spilled, imbalance, spent) = tokio::join!(
        timeout(PATIENCE, worker.queue.figures()),
        timeout(PATIENCE, spill::depth(&worker.pool)),
        timeout(PATIENCE, ledger::imbalance(&worker.pool)),
        timeout(PATIENCE, spend::by_all(&worker.pool, now)),
    );
    #[expect(clippy::cast_precision_loss, reason = "credits, and millionths of dollars of a day")]
    {
        if let Ok(Ok(Some(imbalance))) = imbalance {
            gauge!("postly_ledger_imbalance").set(imbalance as f64);
        }
        if let Ok(Ok(spent)) = spent {
            gauge!("postly_llm_cost_today_dollars").set(spent as f64 / 1e6);
        }
    }
    if let Ok(Ok(figures)) = figures {
        figures.publish(spilled.ok().and_then(Result::ok));
    }
    metrics.render()
}
