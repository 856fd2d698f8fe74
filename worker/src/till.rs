//! What the portal asks of the shop: a look at the shelf, and a page to pay on. Ingest calls nobody, so it asks here, and
//! finds the answer in the books.

use chrono::TimeDelta;
use shared::checkout::{self, Answer};
use shared::{fault, shelf};

use crate::error::JobError;
use crate::{Worker, policy};

/// Opens the page that somebody wished for, or says why there is none. The same wish is always given the same page.
pub async fn serve(worker: &Worker, key: &str, attempt: u32) -> Result<(), JobError> {
    let Some(wish) = checkout::open(&worker.pool, key).await? else { return Ok(()) };
    let wanted = TimeDelta::from_std(policy::CHECKOUT_WANTED).unwrap_or_default();
    let Some(shop) = &worker.shop else { return refuse(worker, key, "closed").await };
    if worker.clock.now() - wish.asked_at > wanted {
        return refuse(worker, key, "late").await;
    }
    shop.restock().await;
    let offers = shop.shelf();
    let page = match offers.iter().find(|offer| offer.pack.name == wish.pack) {
        Some(offer) => shop.page_of(&wish, key, offer).await,
        None if offers.is_empty() => Err(JobError::retry(anyhow::anyhow!("the shelf is empty"))),
        None => return refuse(worker, key, "not_sold").await,
    };
    fault::point("checkout.opened");
    match page {
        Ok(url) => Ok(checkout::answered(&worker.pool, key, &Answer::Page(url), worker.clock.now()).await?),
        Err(JobError::Retry { cause, .. }) if attempt >= worker.patience.attempts => {
            refuse(worker, key, "unavailable").await?;
            Err(JobError::fail(format!("{cause:#}")))
        }
        Err(JobError::Fail { reason }) => {
            refuse(worker, key, "unavailable").await?;
            Err(JobError::fail(reason))
        }
        Err(other) => Err(other),
    }
}

async fn refuse(worker: &Worker, key: &str, why: &str) -> Result<(), JobError> {
    let answer = Answer::Refused(why.to_owned());
    Ok(checkout::answered(&worker.pool, key, &answer, worker.clock.now()).await?)
}

/// Leaves what is for sale in the books. While Stripe is away the last prices stay there; they are asked for again when
/// somebody else wants to see them.
pub async fn show(worker: &Worker) -> Result<(), JobError> {
    let offers = match &worker.shop {
        Some(shop) => {
            shop.restock().await;
            let offers = shop.shelf();
            if offers.is_empty() {
                return Ok(());
            }
            offers
        }
        None => [].into(),
    };
    Ok(shelf::put(&worker.pool, &offers, worker.clock.now()).await?)
}
