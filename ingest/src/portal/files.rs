//! The files of the portal. They are part of this program: nothing is read from disk, nothing comes from elsewhere.

use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, SET_COOKIE,
    VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use shared::language::Language;
use shared::person;
use tokio::time::timeout;

use super::guard::bounded;
use super::words::{self, BUILD};
use crate::session::pairs;
use crate::{App, refusal};

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The page, before its words are put in.
pub(super) const FRAME: &str = include_str!("page/page.html");

/// What each file is, and what it says.
pub(super) const FILES: [(&str, &str, &str); 15] = [
    ("page.css", CSS, include_str!("page/page.css")),
    ("icon.svg", SVG, include_str!("page/icon.svg")),
    ("page.js", JS, include_str!("page/page.js")),
    ("account.js", JS, include_str!("page/account.js")),
    ("code.js", JS, include_str!("page/code.js")),
    ("erase.js", JS, include_str!("page/erase.js")),
    ("export.js", JS, include_str!("page/export.js")),
    ("ledger.js", JS, include_str!("page/ledger.js")),
    ("pages.js", JS, include_str!("page/pages.js")),
    ("posts.js", JS, include_str!("page/posts.js")),
    ("server.js", JS, include_str!("page/server.js")),
    ("shop.js", JS, include_str!("page/shop.js")),
    ("tools.js", JS, include_str!("page/tools.js")),
    ("whatsapp.js", JS, include_str!("page/whatsapp.js")),
    ("words.js", JS, include_str!("page/words.js")),
];

/// Nothing but files and answers of this server; nothing inline; no text of anybody ever becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Headers of the page and of its files.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The cookie in which a browser keeps the language that was chosen on the page.
const CHOSEN: &str = "postly-language";

/// How long the books may take to say which language an account speaks. The page is there without them.
const LANGUAGE_PATIENCE: Duration = Duration::from_millis(500);

/// `GET /`: the page, in the language that was chosen here, otherwise in that of the account, otherwise in the one that
/// the browser likes best.
pub async fn page(State(app): State<App>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let wished = query.as_deref().and_then(wished);
    let language = match wished {
        Some(language) => language,
        None => spoken(&app, &headers).await,
    };
    let page = words::page(language);
    let known = headers.get_all(IF_NONE_MATCH).iter().any(|tags| {
        tags.to_str()
            .is_ok_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == page.tag))
    });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, "text/html; charset=utf-8")], page.text.as_str()).into_response()
    };
    let own =
        [(CACHE_CONTROL, "private, no-cache"), (VARY, "accept-language, cookie"), (ETAG, page.tag.as_str())];
    for (name, value) in HEADERS.into_iter().chain(own) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Some(language) = wished {
        let secure = if app.sessions.as_ref().is_some_and(crate::session::Sessions::is_secure) {
            "; Secure"
        } else {
            ""
        };
        let cookie =
            format!("{CHOSEN}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax{secure}", language.code());
        response.headers_mut().extend(HeaderValue::try_from(cookie).ok().map(|cookie| (SET_COOKIE, cookie)));
    }
    response
}

/// The language that the address asks for.
fn wished(query: &str) -> Option<Language> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "lang").and_then(|(_, code)| Language::from_code(&code))
}

/// The language in which this browser is spoken to when it asks for none.
async fn spoken(app: &App, headers: &HeaderMap) -> Language {
    let chosen =
        pairs(headers).find(|(name, _)| *name == CHOSEN).and_then(|(_, code)| Language::from_code(code));
    if let Some(language) = timeout(LANGUAGE_PATIENCE, of_account(app, headers)).await.ok().flatten() {
        return language;
    }
    chosen.unwrap_or_else(|| refusal::language(headers))
}

/// The language that somebody has chosen for their account, where somebody is signed in and the books are there.
async fn of_account(app: &App, headers: &HeaderMap) -> Option<Language> {
    let sessions = app.sessions.as_ref()?;
    let asked = bounded(headers, async {
        let session = sessions.read(app.pool(), headers, app.clock.now()).await?;
        let Some(session) = session else { return Ok(None) };
        let mut db = app.pool().acquire().await?;
        Ok(person::known(&mut db, &session.user).await?)
    });
    asked.await.ok().flatten().filter(|person| person.chosen).map(|person| person.language)
}

/// `GET /portal/{build}/{file}`. A browser keeps what bears the name of this build for ever. While two builds run side by
/// side the other one's name is asked for as well: it gets what is here, to be looked at again.
pub async fn file(Path((build, file)): Path<(String, String)>) -> Response {
    let Some((_, kind, text)) = FILES.iter().find(|(name, ..)| *name == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let keep = if build == *BUILD { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = ([(CONTENT_TYPE, *kind), (CACHE_CONTROL, keep)], *text).into_response();
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
