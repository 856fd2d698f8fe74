//! What operators and probes ask, on a listener of its own that is not public.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
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

/// The door can take messages while either Redis or Postgres is there; the answer says which is.
async fn ready(State((app, _)): State<(App, PrometheusHandle)>) -> Response {
    let ping = async { timeout(PATIENCE, app.intake.queue().ping()).await.is_ok_and(|ping| ping.is_ok()) };
    let select = async {
        timeout(PATIENCE, sqlx::query("select 1").execute(app.pool()))
            .await
            .is_ok_and(|select| select.is_ok())
    };
    let (redis, postgres) = tokio::join!(ping, select);
    let status = if redis || postgres { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": redis || postgres, "redis": redis, "postgres": postgres })))
        .into_response()
}

async fn scrape(State((app, metrics)): State<(App, PrometheusHandle)>) -> String {
    let figures = timeout(PATIENCE, app.intake.queue().figures());
    let spilled = timeout(PATIENCE, spill::depth(app.pool()));
    let (figures, spilled) = tokio::join!(figures, spilled);
    if let Ok(Ok(figures)) = figures {
        figures.publish(spilled.ok().and_then(Result::ok));
    }
    metrics.render()
}
