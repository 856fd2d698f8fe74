//! Whoever wants to be forgotten says so once, and a worker does it within a minute.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use shared::erasure::{self, AskedBy};

use super::account::Nothing;
use super::guard::{Asked, Visitor, bounded};
use crate::App;
use crate::refusal::Refusal;

/// What its person can refer to.
#[derive(Debug, Serialize)]
pub struct Erasing {
    /// The number of the receipt, such as `EF-7K3M-9Q2D`.
    pub receipt: String,
}

/// `POST /api/portal/erase`: the session ends with everything else. Asked again meanwhile, it is the same wish.
pub async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    _asked: Asked<Nothing>,
) -> Result<Json<Erasing>, Refusal> {
    bounded(&headers, async {
        let mut tx = app.pool().begin().await?;
        let receipt = erasure::ask(&mut tx, &visitor.user, AskedBy::Portal, app.clock.now()).await?;
        tx.commit().await?;
        Ok(Json(Erasing { receipt }))
    })
    .await
}
