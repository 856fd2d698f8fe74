//! The page on which a person pays, cancels, or learns that it is too late.
//!
//! A choice is a plain form post that answers 303; the webhooks travel beside it, so the person may be back before
//! they are. No script, nothing from elsewhere. Choosing twice does once what was chosen and leads to the same place.

use axum::extract::{Path, State};
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::Stripe;
use super::payment::Method;
use super::session::{Item, Session, SessionState};
use words::Words;

mod words;

const FRAME: &str = include_str!("page.html");
/// Styles are the page's own; nothing else is loaded. Where a form leads is not limited: it leads back to the shop.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// `GET /pay/{id}`.
pub(super) async fn show(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let session = stripe.session(&id);
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let words = Words::of(session.as_ref().and_then(|session| session.order.locale.as_deref()), accepted);
    match session {
        Some(session) => {
            let main = match session.state {
                SessionState::Open => open(&session, words),
                SessionState::Complete => closed(words.complete, words.complete_more, Some(&session), words),
                SessionState::Expired => closed(words.expired, words.expired_more, None, words),
            };
            framed(StatusCode::OK, words, &main)
        }
        None => framed(StatusCode::NOT_FOUND, words, &closed(words.unknown, words.unknown_more, None, words)),
    }
}

/// `POST /pay/{id}/{choice}`.
pub(super) async fn choose(
    State(stripe): State<Stripe>,
    Path((id, choice)): Path<(String, String)>,
) -> Response {
    match choice.as_str() {
        "card" => {
            stripe.paid_on_page(&id, Method::Card);
        }
        "sepa" | "sepa-fails" => {
            if stripe.paid_on_page(&id, Method::Debit) {
                stripe.debit_follows(id.clone(), choice == "sepa");
            }
        }
        "cancel" => {}
        _ => return StatusCode::NOT_FOUND.into_response(),
    }
    let Some(session) = stripe.session(&id) else { return StatusCode::NOT_FOUND.into_response() };
    let to = match (session.state, session.order.cancel_url.as_ref()) {
        (SessionState::Complete, _) => session.success_url(),
        (SessionState::Open, Some(cancel_url)) => cancel_url.clone(),
        (SessionState::Open, None) | (SessionState::Expired, _) => session.url,
    };
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

impl Stripe {
    /// Pays on the page, and says whether that was still possible.
    fn paid_on_page(&self, session_id: &str, method: Method) -> bool {
        self.tidies();
        let now = self.0.clock.now();
        let told = self.0.account.change(|account| account.pays(session_id, method, now));
        let paid = !told.is_empty();
        drop(self.emits(told));
        paid
    }

    /// Lets a debit end after its time.
    fn debit_follows(&self, session_id: String, well: bool) {
        let stripe = self.clone();
        let time = self.0.debit.read(|debit| *debit);
        self.0.life.errand(async move {
            tokio::time::sleep(time).await;
            let told = stripe.0.account.change(|account| account.debit_ends(&session_id, well));
            drop(stripe.emits(told));
        });
    }
}

fn open(session: &Session, words: &Words) -> String {
    let line = |item: &Item| {
        let amount = words.money(item.amount, &session.currency);
        let (name, quantity) = (escaped(&item.name), item.quantity);
        format!("<li><span>{name} <small>× {quantity}</small></span><b>{amount}</b></li>")
    };
    let lines: String = session.items.iter().map(line).collect();
    let button = |choice: &str, class: &str, label: &str, hint: &str| {
        let hint = if hint.is_empty() { String::new() } else { format!("<small>{hint}</small>") };
        let id = &session.id;
        let button = format!("<button class=\"{class}\">{label}{hint}</button>");
        format!("<form method=\"post\" action=\"/pay/{id}/{choice}\">{button}</form>")
    };
    let total = words.money(session.amount_total, &session.currency);
    let cancel = session.order.cancel_url.as_ref().map(|_| button("cancel", "plain", words.cancel, ""));
    [
        format!("<p class=\"to\">{}</p><h1>{total}</h1><ul>{lines}</ul>", words.to_pay),
        button("card", "main", words.card, ""),
        button("sepa", "", words.debit, words.debit_succeeds),
        button("sepa-fails", "", words.debit, words.debit_fails),
        cancel.unwrap_or_default(),
    ]
    .concat()
}

fn closed(title: &str, more: &str, back: Option<&Session>, words: &Words) -> String {
    let back = back.map_or_else(String::new, |session| {
        format!("<p><a href=\"{}\">{}</a></p>", escaped(&session.success_url()), words.back)
    });
    format!("<h1 class=\"said\">{title}</h1><p>{more}</p>{back}")
}

fn framed(status: StatusCode, words: &Words, main: &str) -> Response {
    let page = FRAME
        .replace("{{lang}}", words.lang)
        .replace("{{title}}", words.title)
        .replace("{{notice}}", words.notice)
        .replace("{{main}}", main);
    let headers = [(CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, POLICY)];
    (status, headers, Html(page)).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
