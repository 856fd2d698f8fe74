//! The load balancer before the two doors: takes turns, and turns to the other when one refuses the connection, as
//! the real one does. A connection that breaks in the middle is the provider's to judge: 502.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// Longer than any door takes; a frozen one is given up.
const PATIENCE: Duration = Duration::from_secs(6);

#[derive(Clone)]
struct Front {
    doors: Arc<Vec<String>>,
    turn: Arc<AtomicUsize>,
    http: reqwest::Client,
}

/// Opens it before these doors, until the program ends. Says where.
pub(super) async fn open(doors: Vec<String>) -> Result<String> {
    // Somebody else in this process may have installed it: that is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().context("a client")?;
    let front = Front { doors: Arc::new(doors), turn: Arc::default(), http };
    let listener = TcpListener::bind("127.0.0.1:0").await.context("a free port")?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(pass).with_state(front);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}

async fn pass(
    State(front): State<Front>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    headers.remove("host");
    headers.remove("content-length");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let first = front.turn.fetch_add(1, Ordering::Relaxed);
    for place in 0..front.doors.len() {
        let door = &front.doors[(first + place) % front.doors.len()];
        let request = front.http.request(method.clone(), format!("{door}{path}"));
        let answer = match request.headers(headers.clone()).body(body.clone()).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => continue,
            Err(_) => return StatusCode::BAD_GATEWAY.into_response(),
        };
        let (status, kind) = (answer.status(), answer.headers().get("content-type").cloned());
        let Ok(body) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
        let mut response = (status, body).into_response();
        response.headers_mut().remove("content-type");
        if let Some(kind) = kind {
            response.headers_mut().insert("content-type", kind);
        }
        return response;
    }
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}
