//! Buying credits. Prices and pages to pay on come from a worker, which alone calls Stripe: it is asked through the queue,
//! and its answer is looked for in the books, for as long as somebody in front of a page waits.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use shared::checkout::{self, Answer, Wish};
use shared::job::Job;
use shared::payment;
use shared::shelf::{self, Shelf};
use shared::texts::Denial;
use sqlx::PgPool;
use tokio::time::{Instant, Interval, interval};

use super::guard::{Asked, Visitor, bounded, is_site, unavailable};
use super::id::Id;
use crate::refusal::{self, Refusal};
use crate::{App, limits};

/// What is for sale.
#[derive(Debug, Serialize)]
pub struct Packs {
    /// In the order in which they are offered; none where nothing is sold here.
    pub items: Vec<Item>,
}

/// A pack.
#[derive(Debug, Serialize)]
pub struct Item {
    /// Its name, by which it is bought.
    pub pack: String,
    /// What it holds.
    pub credits: u32,
    /// What it costs, as it is written in the language of the request.
    pub price: String,
}

/// `GET /api/portal/packs`. Old prices are shown while new ones are asked for; without any, they are waited for.
pub async fn packs(
    State(app): State<App>,
    _visitor: Visitor,
    headers: HeaderMap,
) -> Result<Json<Packs>, Refusal> {
    let shelf = stocked(&app, &headers).await?;
    let shelf = shelf.ok_or_else(|| unavailable(&headers))?;
    let language = refusal::language(&headers);
    let item = |item: shelf::Item| {
        let price = item.price().in_language(language);
        Item { pack: item.pack, credits: item.credits, price }
    };
    Ok(Json(Packs { items: shelf.items.into_iter().map(item).collect() }))
}

/// The shelf, after a worker has been asked to look at it where that was long ago.
async fn stocked(app: &App, headers: &HeaderMap) -> Result<Option<Shelf>, Refusal> {
    let now = app.clock.now();
    let look = async || bounded(headers, async { Ok(shelf::shelf(app.pool()).await?) }).await;
    let known = look().await?;
    let fresh = TimeDelta::from_std(limits::SHELF_FRESH).unwrap_or_default();
    if known.as_ref().is_some_and(|shelf| now - shelf.looked_at < fresh) {
        return Ok(known);
    }
    if app.intake.wants(Job::shelf(now)).await.is_err() || known.is_some() {
        return Ok(known);
    }
    let mut patience = Patience::of(limits::SHELF_PATIENCE);
    while patience.goes_on().await {
        if let Some(shelf) = look().await? {
            return Ok(Some(shelf));
        }
    }
    Ok(None)
}

/// A pack that is wished for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Its name.
    pack: Id,
    /// The request's own: sent again, it is the same page.
    key: String,
}

/// Where to pay.
#[derive(Debug, Serialize)]
pub struct Till {
    /// Stripe's page.
    pub url: String,
}

/// `POST /api/portal/checkout`.
pub async fn checkout(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    asked: Asked<Choice>,
) -> Result<Json<Till>, Refusal> {
    let refuse = |denial| Refusal::new(denial, &headers);
    let Choice { pack: Id(pack), key } = asked.what;
    let origin = asked.origin.or_else(|| host(&headers)).ok_or_else(|| refuse(Denial::BadRequest))?;
    if !(8..=64).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(refuse(Denial::BadRequest));
    }
    // Not waited for: a worker knows best, and looks as well.
    let shelf = bounded(&headers, async { Ok(shelf::shelf(app.pool()).await?) }).await?;
    if shelf.is_some_and(|shelf| !shelf.items.iter().any(|item| item.pack == pack)) {
        return Err(refuse(Denial::NotFound));
    }
    let key = format!("{}:{key}", visitor.user.as_str());
    let (language, asked_at) = (refusal::language(&headers), app.clock.now());
    let wish = Wish { user: visitor.user, pack, language, origin, asked_at };
    let asked = bounded(&headers, async { Ok(checkout::ask(app.pool(), &key, &wish).await?) }).await?;
    match asked {
        checkout::Asked::Kept => {}
        checkout::Asked::Taken => return Err(refuse(Denial::BadRequest)),
        checkout::Asked::TooMany => {
            return Err(refuse(Denial::TooManyRequests).after(limits::CHECKOUT_PAUSE));
        }
    }
    app.intake.wants(Job::checkout(&key, asked_at)).await.map_err(|_| unavailable(&headers))?;
    match page(app.pool(), &headers, &key).await? {
        Answer::Page(url) => Ok(Json(Till { url })),
        Answer::Refused(why) => {
            // Final, so it is not for this key to be asked for again.
            tracing::warn!(why, "a page to pay on was not opened");
            Err(refuse(Denial::NotOpened))
        }
    }
}

/// Waits for a worker's answer, as long as a person does. Each look has its turn, as everything else of the portal.
async fn page(pool: &PgPool, headers: &HeaderMap, key: &str) -> Result<Answer, Refusal> {
    let mut patience = Patience::of(limits::CHECKOUT_PATIENCE);
    while patience.goes_on().await {
        let look = async { Ok(checkout::answer(pool, key).await?) };
        if let Some(answer) = bounded(headers, look).await? {
            return Ok(answer);
        }
    }
    tracing::warn!("no worker has opened a page to pay on in time");
    Err(unavailable(headers))
}

/// The moments at which an answer is looked for. No connection is held between them.
struct Patience {
    turns: Interval,
    until: Instant,
}

impl Patience {
    fn of(within: Duration) -> Self {
        Self { turns: interval(limits::LOOK_EVERY), until: Instant::now() + within }
    }

    /// Waits for the next moment. `false`: there is none.
    async fn goes_on(&mut self) -> bool {
        self.turns.tick().await;
        Instant::now() < self.until
    }
}

/// Where a request without an origin went: what is no browser is sent nowhere by the answer.
fn host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(axum::http::header::HOST)?.to_str().ok()?;
    let origin = format!("https://{host}");
    is_site(&origin).then_some(origin)
}

/// Which payment.
#[derive(Debug, Deserialize)]
pub struct Which {
    /// The checkout, as Stripe told the browser.
    session: Id,
}

/// How a payment stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// `paid`, `unpaid`, `failed`; `unknown` while nothing was heard of it, and for whatever is not theirs.
    pub state: &'static str,
    /// When its money came.
    pub paid_at: Option<DateTime<Utc>>,
}

/// `GET /api/portal/payment`.
pub async fn payment(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Standing>, Refusal> {
    let Which { session: Id(session) } = which.map_err(|_| Refusal::new(Denial::BadRequest, &headers))?.0;
    bounded(&headers, async {
        let found = payment::of(app.pool(), &visitor.user, Some(&session)).await?.into_iter().next();
        let state = match found.as_ref().map(|found| found.state.as_str()) {
            Some("paid") => "paid",
            Some("failed") => "failed",
            Some(_) => "unpaid",
            None => "unknown",
        };
        Ok(Json(Standing { state, paid_at: found.and_then(|found| found.paid_at) }))
    })
    .await
}
