//! Everything that we keep of a person, in one file: whoever asks for it may see it.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use shared::export;

use super::guard::{Visitor, bounded, unavailable};
use crate::App;
use crate::refusal::Refusal;

/// `GET /api/portal/export`.
pub async fn download(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let now = app.clock.now();
    let all = bounded(&headers, async {
        let mut tx = app.pool().begin().await?;
        export::begin(&mut tx).await?;
        let all = export::everything(&mut tx, &app.vault, &visitor.user, now).await?;
        tx.rollback().await?;
        Ok(all)
    })
    .await?;
    let file = export::file(&all, now).map_err(|_| unavailable(&headers))?;
    let name = format!("attachment; filename=\"{}\"", file.name);
    let kind = "application/json; charset=utf-8".to_owned();
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], file.text).into_response())
}
