//! The operator's page, at `/` of the admin listener: how the queue stands, what died and why, and four deeds, each with a
//! name and a reason. Server-rendered; a little script fetches the same parts again, and without it the page reloads itself.
//!
//! It is as private as `/metrics`: who reaches the listener may look and act. What a browser of theirs could be made to do
//! by pages of others is stopped in `door`. What comes from outside becomes text in `html`.
//!
//! Why not `apalis-board`: it wants a backend that lists its tasks in every state, its workers with their starts, and that
//! takes a task which somebody types (apalis-core: `backend::Expose`). Our queue keeps nothing of what is done, names its workers
//! to nobody, has lanes, leases, a spill and a pause for which the board has no word, and takes a job only from a verified
//! webhook. Fed from it, the board would show zeros as figures, texts of people as payloads, and buttons that break the order of
//! a lane; it asks nobody who they are or why. Its page is a megabyte of `WebAssembly` behind an inline script, which
//! no strict policy lets run.

mod deed;
mod door;
mod form;
mod fragment;
#[cfg(test)]
mod fuzz;
mod html;
mod look;
mod rates;
mod told;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{Html as Answer, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use shared::clock::Clock;

use crate::Worker;
use crate::operator::Desk;

use html::Html;
use rates::Rates;

/// What operators may say about it.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Names under which the listener is reached, beside addresses and `localhost` (`ADMIN_HOSTS`).
    pub hosts: Vec<String>,
    /// Where the runbook can be read (`RUNBOOK_URL`).
    pub runbook: Option<String>,
}

/// What the page stands on.
#[derive(Debug, Clone)]
struct Page {
    desk: Desk,
    clock: Clock,
    settings: Arc<Settings>,
    /// Of this process: whoever looks is shown how fast it went since somebody looked before.
    rates: Arc<Mutex<Rates>>,
}

/// Nothing but files and answers of this listener, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer. The referrer goes to ourselves: without any, a browser calls the origin of a form `null`
/// (Fetch: append a request `Origin` header), and it is by the origin that a form is known to be ours.
const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The page, its parts, and its deeds.
pub fn routes(worker: &Worker) -> Router {
    let page = Page {
        desk: Desk { queue: worker.queue.clone(), pool: worker.pool.clone(), vault: worker.vault.clone() },
        clock: worker.clock.clone(),
        settings: Arc::new(worker.page.clone()),
        rates: Arc::default(),
    };
    Router::new()
        .route("/", get(whole))
        .route("/page/now", get(now))
        .route("/page/{file}", get(file))
        .route("/deed/{what}", get(deed::ask).post(deed::act))
        .route_layer(from_fn_with_state(page.clone(), door::known))
        .route_layer(map_response(dressed))
        .with_state(page)
}

async fn dressed(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What the address may say.
#[derive(Debug, Deserialize)]
struct Asked {
    /// What came of the last deed.
    told: Option<String>,
}

/// `GET /`.
async fn whole(State(page): State<Page>, Query(asked): Query<Asked>) -> Answer<String> {
    let look = look::look(&page).await;
    let told = asked.told.as_deref().and_then(told::Told::of);
    Answer(framed("Postly: operator", true, |html| {
        html.raw("<h1>Operator</h1>");
        if let Some(told) = told {
            html.raw(if told.is_good() { "<p class=banner>" } else { "<p class='banner bad'>" });
            html.text(told.sentence()).raw("</p>");
        }
        html.raw("<p class=row><a href=/metrics>Metrics</a> ");
        match &page.settings.runbook {
            Some(runbook) => html.raw("<a href=\"").text(runbook).raw("\">Runbook</a>"),
            None => html.raw("<span>Runbook: <code>docs/RUNBOOK.md</code></span>"),
        };
        html.raw("<button type=button id=still hidden>Stop updating</button></p>");
        html.raw(
            "<p id=said role=status class=unseen></p><p id=lost role=status class='banner bad' hidden></p>",
        );
        html.raw("<div id=live>");
        fragment::write(html, &look);
        html.raw("</div>");
    }))
}

/// `GET /page/now`: the parts that change.
async fn now(State(page): State<Page>) -> Answer<String> {
    let look = look::look(&page).await;
    let mut html = Html::default();
    fragment::write(&mut html, &look);
    Answer(html.finish())
}

/// `GET /page/{file}`.
async fn file(Path(file): Path<String>) -> Response {
    let (kind, text) = match file.as_str() {
        "page.css" => ("text/css; charset=utf-8", include_str!("page/page.css")),
        "page.js" => ("text/javascript; charset=utf-8", include_str!("page/page.js")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(CONTENT_TYPE, kind)], text).into_response()
}

/// A whole document around its words. One that lives is fetched again, by the script or by the browser.
fn framed(title: &'static str, lives: bool, write: impl FnOnce(&mut Html)) -> String {
    let mut html = Html::default();
    html.raw("<!doctype html><html lang=en><head><meta charset=utf-8>")
        .raw("<meta name=viewport content=\"width=device-width, initial-scale=1\"><title>")
        .raw(title)
        .raw("</title><link rel=icon href=\"data:,\"><link rel=stylesheet href=/page/page.css>");
    if lives {
        html.raw("<script src=/page/page.js type=module></script>")
            .raw("<noscript><meta http-equiv=refresh content=5></noscript>");
    }
    html.raw("</head><body><a class=skip href=#main>To the page</a>").raw(
        "<header><p class=brand><a href=/>Postly for WhatsApp</a></p></header><main id=main tabindex=-1>",
    );
    write(&mut html);
    html.raw("</main></body></html>");
    html.finish()
}
