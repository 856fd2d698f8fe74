//! The portal: a page at `/` where people sign in, and see and do what is theirs. No framework, no third party, nothing
//! but this server's own files and its API under `/api/portal/`.
//!
//! What always holds: nobody sees anything of an account but who holds a session of it ([`guard::Visitor`]); nothing is
//! changed because a page of another site wants it ([`guard::Asked`]); no answer is kept by anybody on its way.

pub mod account;
pub mod devices;
pub mod erase;
pub mod export;
pub mod files;
#[cfg(test)]
mod fuzz;
pub mod guard;
pub mod history;
mod id;
pub mod shop;
mod words;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};

use crate::App;

/// The page and its API.
pub(crate) fn routes() -> Router<App> {
    let api = Router::new()
        .route("/api/portal/account", get(account::show))
        .route("/api/portal/language", post(account::speak))
        .route("/api/portal/unlink", post(account::unlink))
        .route("/api/portal/ledger", get(history::ledger))
        .route("/api/portal/generations", get(history::generations))
        .route("/api/portal/packs", get(shop::packs))
        .route("/api/portal/checkout", post(shop::checkout))
        .route("/api/portal/payment", get(shop::payment))
        .route("/api/portal/sessions", get(devices::list))
        .route("/api/portal/sessions/revoke", post(devices::revoke))
        .route("/api/portal/sign-out", post(devices::sign_out))
        .route("/api/portal/export", get(export::download))
        .route("/api/portal/erase", post(erase::ask))
        .layer(map_response(private));
    Router::new().route("/", get(files::page)).route("/portal/{build}/{file}", get(files::file)).merge(api)
}

/// What is somebody's own is kept by nobody else, and is what it says it is.
async fn private(mut response: Response) -> Response {
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (VARY, "cookie, accept-language"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
