//! The account itself: what it owns, how it is reached, in which language it is spoken to.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::language::Language;
use shared::ledger::LedgerError;
use shared::phone::E164;
use shared::texts::Denial;
use shared::{person, preference};

use super::guard::{Asked, Visitor, bounded};
use crate::App;
use crate::refusal::Refusal;

/// An account, as its person sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The balance.
    pub credits: i32,
    /// The number, with its middle hidden: somebody may be looking over a shoulder.
    pub phone: Option<String>,
    /// The address on the web, where there is one.
    pub email: Option<String>,
    /// `fr` or `en`: how it is spoken to in WhatsApp.
    pub language: &'static str,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
}

/// `GET /api/portal/account`.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Json<Account>, Refusal> {
    bounded(&headers, async {
        let mut db = app.pool().acquire().await?;
        let profile = person::profile(&mut *db, &visitor.user).await?.ok_or(LedgerError::NoSuchPerson)?;
        let known = person::known(&mut db, &visitor.user).await?;
        let phone = person::phone(&mut db, &app.vault, &visitor.user).await?;
        Ok(Json(Account {
            credits: profile.credits,
            phone: phone.as_ref().map(E164::masked),
            email: profile.email,
            language: known.map(|known| known.language).unwrap_or_default().code(),
            created_at: profile.created_at,
        }))
    })
    .await
}

/// A language that is wished for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speaking {
    language: String,
}

/// The language that is spoken from now on.
#[derive(Debug, Serialize)]
pub struct Spoken {
    /// `fr` or `en`.
    pub language: &'static str,
}

/// `POST /api/portal/language`: in WhatsApp as well.
pub async fn speak(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    asked: Asked<Speaking>,
) -> Result<Json<Spoken>, Refusal> {
    let language = Language::from_code(&asked.what.language);
    let language = language.ok_or_else(|| Refusal::new(Denial::BadRequest, &headers))?;
    bounded(&headers, async {
        let mut tx = app.pool().begin().await?;
        preference::speak(&mut tx, &visitor.user, language, app.clock.now()).await?;
        tx.commit().await?;
        Ok(Json(Spoken { language: language.code() }))
    })
    .await
}

/// Nothing more is to be said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What became of it.
#[derive(Debug, Serialize)]
pub struct Unlinked {
    /// Whether there was a number.
    pub unlinked: bool,
}

/// `POST /api/portal/unlink`: the number opens this account no more. Not where it is the only way in: nobody could ever
/// come back to the credits.
pub async fn unlink(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    _asked: Asked<Nothing>,
) -> Result<Json<Unlinked>, Refusal> {
    let unlinked = bounded(&headers, async {
        let mut tx = app.pool().begin().await?;
        let profile = person::profile(&mut *tx, &visitor.user).await?.ok_or(LedgerError::NoSuchPerson)?;
        if profile.email.is_none() {
            return Ok(None);
        }
        let unlinked = person::unlink(&mut tx, &app.vault, &visitor.user, app.clock.now()).await?;
        tx.commit().await?;
        Ok(Some(unlinked))
    })
    .await?;
    let unlinked = unlinked.ok_or_else(|| Refusal::new(Denial::OnlyWayIn, &headers))?;
    Ok(Json(Unlinked { unlinked }))
}
