//! Who may come in: somebody with a session, and, to change anything, a request that no page of another site can make.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use shared::db;
use shared::ledger::LedgerError;
use shared::person::UserId;
use shared::texts::Denial;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::refusal::Refusal;
use crate::{App, form, limits};

/// When to come again where something was away.
const SOON: Duration = Duration::from_secs(5);

/// Who is served at this moment: webhooks need the same connections, and some are always left to them.
static TURNS: Semaphore = Semaphore::const_new(limits::PORTAL_TURNS);

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The account, as it is today.
    pub user: UserId,
    /// The session; empty where the web app began it.
    pub session: String,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let headers = &parts.headers;
        let sessions = app.sessions.as_ref().ok_or_else(|| Refusal::new(Denial::NotConfigured, headers))?;
        let read = sessions.read(app.pool(), headers, app.clock.now());
        let session = bounded(headers, async { Ok(read.await?) }).await?;
        let session = session.ok_or_else(|| Refusal::new(Denial::NotSignedIn, headers))?;
        Ok(Self { user: session.user, session: session.id })
    }
}

/// What a page of ours asks to be done.
#[derive(Debug)]
pub struct Asked<T> {
    /// What.
    pub what: T,
    /// From which page, as far as the browser tells.
    pub origin: Option<String>,
}

impl<T: DeserializeOwned> FromRequest<App> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &App) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        // The web app has pages of its own for all this.
        let what = form::read(&parts.headers, body, None).await?;
        let origin = parts.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        Ok(Self { what, origin: origin.filter(|origin| is_site(origin)).map(str::to_owned) })
    }
}

/// Whether this is what a browser writes as the origin of a page: an address that a browser can be sent back to.
pub(super) fn is_site(origin: &str) -> bool {
    let place = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    place.is_some_and(|place| {
        (1..=260).contains(&place.len())
            && place.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
    })
}

/// An errand to Postgres, in bounded time. Where it comes to nothing the person learns that it is our fault and when to
/// come again, and the operator why.
pub(super) async fn bounded<T>(
    headers: &HeaderMap,
    work: impl Future<Output = Result<T, LedgerError>>,
) -> Result<T, Refusal> {
    let work = async {
        // Never closed.
        let _turn = TURNS.acquire().await;
        work.await
    };
    let why = match timeout(limits::PORTAL_PATIENCE, work).await {
        Ok(Ok(done)) => return Ok(done),
        // The account was removed while its person was here.
        Ok(Err(LedgerError::NoSuchPerson)) => return Err(Refusal::new(Denial::NotSignedIn, headers)),
        Ok(Err(LedgerError::Database(error))) => return Err(broken(headers, &error)),
        Err(_) => "no answer in time",
    };
    tracing::error!("the portal could not be served: {why}");
    Err(unavailable(headers))
}

/// Postgres did not do it.
pub(super) fn broken(headers: &HeaderMap, error: &sqlx::Error) -> Refusal {
    tracing::error!("the portal could not be served: {}", db::told(error));
    unavailable(headers)
}

/// Something that is needed is away.
pub(super) fn unavailable(headers: &HeaderMap) -> Refusal {
    Refusal::new(Denial::Unavailable, headers).after(SOON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_back_to_a_site_and_nowhere_else() {
        for site in ["https://postly.example", "http://127.0.0.1:8080", "http://[::1]:8080"] {
            assert!(is_site(site), "{site}");
        }
        for other in [
            "null",
            "https://",
            "javascript://x",
            "https://a.example/path",
            "https://user@a.example",
            "ftp://a",
        ] {
            assert!(!is_site(other), "{other}");
        }
    }
}
