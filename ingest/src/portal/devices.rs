//! Where somebody is signed in, and how that ends.

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::session;
use shared::texts::Denial;

use super::account::Nothing;
use super::guard::{Asked, Visitor, bounded};
use super::id::Id;
use crate::App;
use crate::refusal::Refusal;
use crate::session::Sessions;

/// A session.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Its id, by which it is ended.
    pub id: String,
    /// The browser, where it is known.
    pub browser: Option<String>,
    /// The system.
    pub system: Option<String>,
    /// Since when.
    pub begun_at: DateTime<Utc>,
    /// When it was last seen, to the hour.
    pub seen_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// All of them.
#[derive(Debug, Serialize)]
pub struct Devices {
    /// The one that was seen last first.
    pub items: Vec<Device>,
}

/// `GET /api/portal/sessions`.
pub async fn list(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Json<Devices>, Refusal> {
    bounded(&headers, async {
        let entries = session::list(app.pool(), &visitor.user, app.clock.now()).await?;
        let device = |entry: session::Entry| Device {
            current: entry.id == visitor.session,
            id: entry.id,
            browser: entry.browser,
            system: entry.system,
            begun_at: entry.begun_at,
            seen_at: entry.seen_at,
        };
        Ok(Json(Devices { items: entries.into_iter().map(device).collect() }))
    })
    .await
}

/// Which session.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    id: Id,
}

/// It has ended.
#[derive(Debug, Serialize)]
pub struct Ended {
    /// Always.
    pub ended: bool,
}

/// `POST /api/portal/sessions/revoke`: that device is signed out. The one that asks as well, if it is that.
pub async fn revoke(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    asked: Asked<Which>,
) -> Result<Response, Refusal> {
    let (sessions, Which { id: Id(id) }) = (open(&app, &headers)?, asked.what);
    let ended = bounded(&headers, async {
        Ok(session::revoke(app.pool(), &visitor.user, &id, app.clock.now()).await?)
    })
    .await?;
    if !ended {
        return Err(Refusal::new(Denial::NotFound, &headers));
    }
    let cookies = if id == visitor.session { sessions.forget() } else { Vec::new() };
    Ok(farewell(cookies))
}

/// `POST /api/portal/sign-out`: this device.
pub async fn sign_out(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    _asked: Asked<Nothing>,
) -> Result<Response, Refusal> {
    let sessions = open(&app, &headers)?;
    bounded(&headers, async {
        Ok(session::revoke(app.pool(), &visitor.user, &visitor.session, app.clock.now()).await?)
    })
    .await?;
    Ok(farewell(sessions.forget()))
}

fn open<'a>(app: &'a App, headers: &HeaderMap) -> Result<&'a Sessions, Refusal> {
    app.sessions.as_ref().ok_or_else(|| Refusal::new(Denial::NotConfigured, headers))
}

fn farewell(cookies: Vec<HeaderValue>) -> Response {
    let mut response = Json(Ended { ended: true }).into_response();
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
