//! Where a simulated payment leads the browser back to. The web app has its dashboard there; the demo says how the
//! payment stands, and that the conversation goes on where it was.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use shared::language::Language;

use super::Page;
use crate::simulators::stripe::{PaymentState, Session};

const FRAME: &str = include_str!("page/dashboard.html");
/// Styles are the page's own; nothing else is loaded.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Debug, Deserialize)]
pub(super) struct Return {
    session_id: Option<String>,
}

/// How a payment stands for whoever comes back from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Received,
    UnderWay,
    NotPaid,
}

impl Standing {
    /// As Stripe has it. An address proves nothing: anybody can type one.
    fn of(session: Option<&Session>) -> Self {
        match session.and_then(|session| session.payment.as_ref()).map(|payment| payment.state) {
            Some(PaymentState::Succeeded) => Self::Received,
            Some(PaymentState::Processing) => Self::UnderWay,
            Some(PaymentState::Failed) | None => Self::NotPaid,
        }
    }

    /// A heading, and what it means.
    fn words(self, language: Language) -> (&'static str, &'static str) {
        match (self, language) {
            (Self::Received, Language::Fr) => {
                ("Paiement reçu", "Vos crédits sont ajoutés : Postly vous l’écrit dans la conversation.")
            }
            (Self::Received, Language::En) => {
                ("Payment received", "Your credits are being added: Postly tells you in the conversation.")
            }
            (Self::UnderWay, Language::Fr) => (
                "Prélèvement en cours",
                "Postly vous écrira dans la conversation dès que la banque aura répondu.",
            ),
            (Self::UnderWay, Language::En) => (
                "Debit under way",
                "Postly will write to you in the conversation as soon as the bank has answered.",
            ),
            (Self::NotPaid, Language::Fr) => (
                "Paiement annulé",
                "Rien n’a été payé. Le lien de la conversation reste ouvert si vous changez d’avis.",
            ),
            (Self::NotPaid, Language::En) => (
                "Payment cancelled",
                "Nothing was paid. The link in the conversation stays open if you change your mind.",
            ),
        }
    }
}

/// `GET /dashboard`. A real Stripe leads elsewhere, so that nobody has anything to be told here.
pub(super) async fn show(
    State(page): State<Page>,
    Query(back): Query<Return>,
    headers: HeaderMap,
) -> Response {
    if page.stack.reality.stripe {
        return Redirect::to("/").into_response();
    }
    let session = back.session_id.and_then(|id| page.stack.stage.stripe.session(&id));
    let language = language(&headers);
    let (title, more) = Standing::of(session.as_ref()).words(language);
    let (link, elsewhere) = match language {
        Language::Fr => {
            ("Revenir à la conversation", "Elle continue aussi dans l’onglet que vous aviez ouvert.")
        }
        Language::En => ("Back to the conversation", "It also goes on in the tab that you had open."),
    };
    let text = FRAME
        .replace("{{lang}}", language.code())
        .replace("{{title}}", title)
        .replace("{{more}}", more)
        .replace("{{link}}", link)
        .replace("{{elsewhere}}", elsewhere);
    ([(CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, POLICY)], Html(text)).into_response()
}

/// The language of the chat page, which leaves it in a cookie; otherwise what the browser prefers.
fn language(headers: &HeaderMap) -> Language {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let chosen = header(COOKIE).split(';').find_map(|cookie| cookie.trim().strip_prefix("postlyLanguage="));
    let preferred = || header(ACCEPT_LANGUAGE).split([',', ';']).find_map(Language::from_tag);
    chosen.and_then(Language::from_tag).or_else(preferred).unwrap_or_default()
}
