//! What happened: the lines of the account, and the posts that were written, page by page, the newest first.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::texts::Denial;
use shared::{generation, ledger};

use super::guard::{Visitor, bounded};
use super::id::Id;
use crate::App;
use crate::refusal::Refusal;

/// Lines on a page.
const LINES: usize = 20;

/// Generations on a page: three posts each.
const GENERATIONS: usize = 10;

/// Which page.
#[derive(Debug, Default, Deserialize)]
pub struct Place {
    /// The last one of the page before: `next`, as it was answered.
    before: Option<Id>,
}

/// A page of something.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The newest first.
    pub items: Vec<T>,
    /// Where the next page begins, where there is one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of so many, from what was read: one more, where there is more.
    fn of<R>(mut rows: Vec<R>, at_most: usize, id: impl Fn(&R) -> &str, item: impl Fn(R) -> T) -> Self {
        let more = rows.len() > at_most;
        rows.truncate(at_most);
        let next = rows.last().filter(|_| more).map(|row| id(row).to_owned());
        Self { items: rows.into_iter().map(item).collect(), next }
    }
}

/// So many rows, and one more to see whether there is one.
fn rows(at_most: usize) -> i64 {
    i64::try_from(at_most + 1).unwrap_or(i64::MAX)
}

/// A line of the account.
#[derive(Debug, Serialize)]
pub struct Line {
    /// When.
    pub at: DateTime<Utc>,
    /// What it moved.
    pub delta: i32,
    /// The word in the ledger.
    pub reason: String,
    /// The balance after it.
    pub balance: i64,
}

/// `GET /api/portal/ledger`.
pub async fn ledger(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    place: Result<Query<Place>, QueryRejection>,
) -> Result<Json<Page<Line>>, Refusal> {
    let before =
        place.map_err(|_| Refusal::new(Denial::BadRequest, &headers))?.0.before.map(|Id(before)| before);
    bounded(&headers, async {
        let lines = ledger::history(app.pool(), &visitor.user, before.as_deref(), rows(LINES)).await?;
        Ok(Json(Page::of(
            lines,
            LINES,
            |line| &line.id,
            |line| Line { at: line.at, delta: line.delta, reason: line.reason, balance: line.balance },
        )))
    })
    .await
}

/// A brief and its posts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// Its id.
    pub id: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The person's words.
    pub brief: String,
    /// The language of the posts, as a tag.
    pub language: Option<String>,
    /// The posts.
    pub posts: Vec<String>,
}

/// `GET /api/portal/generations`.
pub async fn generations(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    place: Result<Query<Place>, QueryRejection>,
) -> Result<Json<Page<Written>>, Refusal> {
    let before =
        place.map_err(|_| Refusal::new(Denial::BadRequest, &headers))?.0.before.map(|Id(before)| before);
    bounded(&headers, async {
        let read = generation::page(app.pool(), &visitor.user, before.as_deref(), rows(GENERATIONS)).await?;
        Ok(Json(Page::of(
            read,
            GENERATIONS,
            |read| &read.id,
            |read| Written {
                id: read.id,
                created_at: read.created_at,
                brief: read.brief,
                language: read.language,
                posts: read.posts,
            },
        )))
    })
    .await
}
