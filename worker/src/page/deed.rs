//! The deeds of the page: asked for by a form, done once it says who and why, answered by leading back to the page, so that a
//! reload does nothing again. Whoever presses twice is told the second time that it was done.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html as Answer, IntoResponse, Response};
use shared::audit::Author;
use shared::queue::{DeadId, DeadLetter};
use tokio::time::timeout;

use super::form::{self, Filled, What};
use super::look::PATIENCE;
use super::told::Told;
use super::{Page, door};
use crate::operator::deed::{self, DeedError, Replayed};
use crate::operator::{Desk, dead};

/// `GET /deed/{what}`: the form.
pub(super) async fn ask(
    State(page): State<Page>,
    Path(what): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(what) = What::of(&what) else { return StatusCode::NOT_FOUND.into_response() };
    let filled = Filled::read(query.unwrap_or_default().as_bytes());
    match meant(&page.desk, what, filled.letter.as_ref()).await {
        Ok(letter) => {
            let entry = letter.as_ref().map(dead::Entry::hidden);
            Answer(form::page(what, entry.as_ref(), &filled, None, page.clock.now())).into_response()
        }
        Err(told) => back(told),
    }
}

/// `POST /deed/{what}`: does it.
pub(super) async fn act(
    State(page): State<Page>,
    Path(what): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(what) = What::of(&what) else { return StatusCode::NOT_FOUND.into_response() };
    if !door::is_ours(&headers) {
        return (StatusCode::FORBIDDEN, "Deeds are done on this page, by a browser that says so.\n")
            .into_response();
    }
    let Some(filled) = Filled::body(&headers, body).await else {
        return (StatusCode::BAD_REQUEST, "A form was expected.\n").into_response();
    };
    let letter = match meant(&page.desk, what, filled.letter.as_ref()).await {
        Ok(letter) => letter,
        Err(told) => return back(told),
    };
    let author = match Author::operator(&filled.by, &filled.why) {
        Ok(author) => author,
        Err(wrong) => {
            let entry = letter.as_ref().map(dead::Entry::hidden);
            let again = form::page(what, entry.as_ref(), &filled, Some(wrong), page.clock.now());
            return (StatusCode::UNPROCESSABLE_ENTITY, Answer(again)).into_response();
        }
    };
    // A browser that goes away does not leave a deed half done.
    let done = tokio::spawn(async move { done(&page, what, letter, &author).await });
    back(match done.await {
        Ok(Ok(told)) => told,
        Ok(Err(DeedError::Books(_))) => Told::NoBooks,
        Ok(Err(DeedError::Queue(_))) | Err(_) => Told::NoQueue,
    })
}

/// The dead letter that is meant, for a deed that wants one.
async fn meant(desk: &Desk, what: What, letter: Option<&DeadId>) -> Result<Option<DeadLetter>, Told> {
    if !what.wants_letter() {
        return Ok(None);
    }
    let id = letter.ok_or(Told::Gone)?;
    let found = timeout(PATIENCE, desk.queue.dead_letter(id)).await.ok().and_then(Result::ok);
    found.ok_or(Told::Away)?.ok_or(Told::Gone).map(Some)
}

async fn done(
    page: &Page,
    what: What,
    letter: Option<DeadLetter>,
    author: &Author,
) -> Result<Told, DeedError> {
    let (desk, now) = (&page.desk, page.clock.now());
    Ok(match (what, letter) {
        (What::Replay, Some(letter)) => match deed::replay(desk, &letter, author, now).await? {
            Replayed::Queued => Told::Replayed,
            Replayed::Gone => Told::Gone,
            Replayed::NotAJob => Told::NotAJob,
        },
        (What::Discard, Some(letter)) if deed::discard(desk, &letter, author, now).await? => Told::Discarded,
        (What::Replay | What::Discard, _) => Told::Gone,
        (What::Pause, _) if deed::pause(desk, author, now).await? => Told::Paused,
        (What::Pause, _) => Told::WasPaused,
        (What::Resume, _) if deed::resume(desk, author, now).await? => Told::Resumed,
        (What::Resume, _) => Told::WasNotPaused,
    })
}

fn back(told: Told) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, format!("/?told={}", told.word()))]).into_response()
}
