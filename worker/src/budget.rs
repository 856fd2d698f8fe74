//! What the model may cost in a day: for one person, and for all of them together. Beyond that nobody is charged, and
//! everybody is told.
//!
//! A brief whose credit is held goes on, whatever its steps have cost meanwhile. So a limit is passed by what was begun
//! before it was reached, and by nothing else.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use shared::ledger;
use shared::message::MessageId;
use shared::person::UserId;
use shared::price::{Micros, ModelPrices};
use shared::step::spend;
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::policy;

/// Prices and limits. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    /// What each model costs (`MODEL_PRICES`).
    pub prices: ModelPrices,
    /// For one person (`DAILY_CAP_PERSON`).
    pub person: Option<Micros>,
    /// For everybody (`DAILY_CAP_TOTAL`).
    pub everybody: Option<Micros>,
    /// What everybody had cost when that was last added up.
    total: Arc<Mutex<Option<(Instant, NaiveDate, Micros)>>>,
}

impl Budget {
    /// A budget with these limits.
    #[must_use]
    pub fn new(prices: ModelPrices, person: Option<Micros>, everybody: Option<Micros>) -> Self {
        Self { prices, person, everybody, total: Arc::default() }
    }

    /// Whether a brief may not be begun today, and whether that is everybody's limit.
    pub async fn is_spent(
        &self,
        db: &mut PgConnection,
        user: &UserId,
        message: &MessageId,
        now: DateTime<Utc>,
    ) -> Result<Option<bool>, sqlx::Error> {
        let spent = match (self.person, self.everybody) {
            (_, Some(cap)) if self.total(db, now).await? >= cap => Some(true),
            (Some(cap), _) if spend::by_person(&mut *db, user, now).await? >= cap => Some(false),
            _ => return Ok(None),
        };
        // It was begun before.
        Ok(if ledger::is_held(db, message).await? { None } else { spent })
    }

    /// Adding up everybody for every brief would cost more than it saves.
    async fn total(&self, db: &mut PgConnection, now: DateTime<Utc>) -> Result<Micros, sqlx::Error> {
        let known = *self.total.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, day, total)) = known
            && day == now.date_naive()
            && at.elapsed() < policy::TOTAL_AGE
        {
            return Ok(total);
        }
        let total = spend::by_all(db, now).await?;
        *self.total.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), now.date_naive(), total));
        Ok(total)
    }
}
