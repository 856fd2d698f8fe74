//! What is for sale and what it costs, as a worker last asked of Stripe: for those who show prices and may not ask.
//!
//! Owner of `wa.shelf`: one row.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::pack::Offer;
use crate::price::Price;

/// A pack on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its name.
    pub pack: String,
    /// What it holds.
    pub credits: u32,
    /// What it costs, in the currency's smallest unit.
    pub minor: i64,
    /// Three letters.
    pub currency: String,
}

impl Item {
    /// What it costs.
    #[must_use]
    pub fn price(&self) -> Price {
        Price { minor: self.minor, currency: self.currency.clone() }
    }
}

/// The shelf, as it was at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    /// In the order in which they are offered; none where nothing is sold.
    pub items: Vec<Item>,
    /// When a worker last looked.
    pub looked_at: DateTime<Utc>,
}

/// The shelf. `None`: no worker has looked yet.
pub async fn shelf(db: impl PgExecutor<'_>) -> Result<Option<Shelf>, sqlx::Error> {
    let row: Option<(Json<Vec<Item>>, DateTime<Utc>)> =
        sqlx::query_as("select items, looked_at from wa.shelf").fetch_optional(db).await?;
    Ok(row.map(|(items, looked_at)| Shelf { items: items.0, looked_at }))
}

/// Keeps what a worker has seen. An older look changes nothing.
pub async fn put(db: impl PgExecutor<'_>, offers: &[Offer], now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let item = |offer: &Offer| Item {
        pack: offer.pack.name.clone(),
        credits: offer.pack.credits.get(),
        minor: offer.price.minor,
        currency: offer.price.currency.clone(),
    };
    sqlx::query(
        "insert into wa.shelf as s (items, looked_at) values ($1, $2)
         on conflict (single) do update set items = excluded.items, looked_at = excluded.looked_at
         where s.looked_at <= excluded.looked_at",
    )
    .bind(Json(offers.iter().map(item).collect::<Vec<_>>()))
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}
