//! What operators and probes ask, on a listener of its own that is not public.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use shared::queue::{self, Standing};
use shared::spill;
use tokio::time::timeout;

use crate::App;

/// A probe must answer even when what it looks at does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// `/healthz`, `/readyz`, `/metrics`.
pub fn router(app: App, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state((app, metrics))
}

/// The door can take messages while either Redis or Postgres is there; the answer says which is, and whether what Redis has
/// acknowledged outlives it (`null`: its settings are not shown).
async fn ready(State((app, _)): State<(App, PrometheusHandle)>) -> Response {
    let queue = app.intake.queue();
    let ping = async { timeout(PATIENCE, queue.ping()).await.is_ok_and(|ping| ping.is_ok()) };
    let standing = async { timeout(PATIENCE, queue.standing()).await.ok()?.ok()?.durable };
    let select = async {
        timeout(PATIENCE, sqlx::query("select 1").execute(app.pool()))
            .await
            .is_ok_and(|select| select.is_ok())
    };
    let (redis, postgres, durable) = tokio::join!(ping, select, standing);
    let status = if redis || postgres { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let ready = redis || postgres;
    (status, Json(json!({ "ready": ready, "redis": redis, "postgres": postgres, "durable": durable })))
        .into_response()
}

async fn scrape(State((app, metrics)): State<(App, PrometheusHandle)>) -> String {
    let queue = app.intake.queue();
    let figures = timeout(PATIENCE, queue.figures());
    let standing = timeout(PATIENCE, queue.standing());
    let spilled = timeout(PATIENCE, spill::depth(app.pool()));
    let (figures, standing, spilled) = tokio::join!(figures, standing, spilled);
    queue::publish(figures.ok().and_then(Result::ok), spilled.ok().and_then(Result::ok));
    Standing::publish(standing.ok().and_then(Result::ok).as_ref());
    metrics.render()
}
