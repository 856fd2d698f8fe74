//! The shop in the chat: what is for sale, and a page to pay for it. Open when `STRIPE_SECRET_KEY` is set.
//!
//! What packs cost is asked of Stripe and remembered, since a list must be there at once; when Stripe is away, the last
//! prices stay on the shelf. Credits are not given here: they come with Stripe's own word, at ingest's door.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use shared::checkout::Wish;
use shared::message::Inbound;
use shared::pack::{Offer, Packs};
use shared::person::Person;
use shared::receipt::Outcome;
use shared::texts::Text;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::error::JobError;
use crate::stripe::{Purchase, Stripe};
use crate::{Worker, generate, policy};

/// The shop. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Shop {
    stripe: Stripe,
    packs: Packs,
    /// Where a browser goes after the page: the web app's own.
    return_url: String,
    shelf: Arc<RwLock<Arc<[Offer]>>>,
    /// When the shelf is to be looked at again. Whoever holds it looks.
    due: Arc<Mutex<Instant>>,
}

impl Shop {
    /// A shop with an empty shelf.
    #[must_use]
    pub fn new(stripe: Stripe, packs: Packs, return_url: String) -> Self {
        let due = Arc::new(Mutex::new(Instant::now()));
        Self { stripe, packs, return_url, shelf: Arc::default(), due }
    }

    /// What is for sale, as far as is known at this moment.
    #[must_use]
    pub fn shelf(&self) -> Arc<[Offer]> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks Stripe for prices when that is due: waited for while the shelf is empty, and never long.
    pub async fn restock(&self) {
        let mut due = match self.due.try_lock() {
            Ok(due) => due,
            // Somebody is asking. What is there is good enough.
            Err(_) if !self.shelf().is_empty() => return,
            Err(_) => self.due.lock().await,
        };
        if Instant::now() < *due {
            return;
        }
        let pause = match timeout(policy::RESTOCK_TIMEOUT, self.stripe.offers(&self.packs)).await {
            Ok(Ok(offers)) => {
                if offers.len() < self.packs.iter().count() {
                    tracing::error!(sold = offers.len(), "Stripe does not sell every pack of CREDIT_PACKS");
                }
                *self.shelf.write().unwrap_or_else(PoisonError::into_inner) = offers.into();
                policy::RESTOCK
            }
            Ok(Err(error)) => {
                tracing::warn!("prices could not be asked for: {error}");
                policy::RESTOCK_AGAIN
            }
            Err(_) => policy::RESTOCK_AGAIN,
        };
        *due = Instant::now() + pause;
    }

    /// A page where this person can pay for this offer. The same message is always given the same page.
    async fn page(
        &self,
        inbound: &Inbound,
        person: &Person,
        offer: &Offer,
        received_at: DateTime<Utc>,
    ) -> Result<String, JobError> {
        let purchase = Purchase {
            offer,
            account: &person.id,
            language: person.language,
            paid_url: &format!("{}?checkout=success&session_id={{CHECKOUT_SESSION_ID}}", self.return_url),
            cancelled_url: &format!("{}?checkout=cancelled", self.return_url),
            expires_at: expires_at(received_at),
        };
        self.stripe.checkout(purchase, &key(inbound.id.as_str(), offer)).await
    }

    /// The same for somebody who asked for it in the portal, to which the browser goes back.
    pub(crate) async fn page_of(
        &self,
        wish: &Wish,
        wish_key: &str,
        offer: &Offer,
    ) -> Result<String, JobError> {
        let purchase = Purchase {
            offer,
            account: &wish.user,
            language: wish.language,
            paid_url: &format!("{}/?paid={{CHECKOUT_SESSION_ID}}", wish.origin),
            cancelled_url: &format!("{}/?paid=no", wish.origin),
            expires_at: expires_at(wish.asked_at),
        };
        self.stripe.checkout(purchase, &key(wish_key, offer)).await
    }
}

/// From the moment at which it was asked for, not from now: Stripe compares the parameters that come with a key.
fn expires_at(asked_at: DateTime<Utc>) -> DateTime<Utc> {
    asked_at + TimeDelta::from_std(policy::CHECKOUT_OPEN).unwrap_or_default()
}

/// Stripe sees a digest, and no id of ours. The price is part of it, since a shelf may have been restocked
/// between two attempts, and Stripe refuses other parameters under the same key.
fn key(cause: &str, offer: &Offer) -> String {
    let cause = format!("{cause}|{}|{}", offer.price_id, offer.pack.name);
    format!("checkout:{}", hex::encode(Sha256::digest(cause.as_bytes())))
}

/// Answers somebody who wants to buy: the shelf, or a page for the pack that was named.
pub async fn answer(
    worker: &Worker,
    inbound: &Inbound,
    person: &Person,
    wish: Option<&str>,
    received_at: DateTime<Utc>,
) -> Result<(), JobError> {
    let Some(shop) = &worker.shop else { return say(worker, inbound, person, Text::NoShop).await };
    let offers = shop.shelf();
    let wished = wish.and_then(|wish| offers.iter().find(|offer| is(offer, wish)));
    match wished {
        None if offers.is_empty() => Err(JobError::retry(anyhow::anyhow!("the shelf is empty"))),
        None => say(worker, inbound, person, Text::Shop { offers: &offers }).await,
        Some(offer) => {
            let url = shop.page(inbound, person, offer, received_at).await?;
            let text = Text::Checkout { credits: offer.pack.credits, price: &offer.price, url: &url };
            say(worker, inbound, person, text).await
        }
    }
}

/// Whether these words mean this offer: its name, or how many credits it holds.
fn is(offer: &Offer, wish: &str) -> bool {
    offer.pack.name.eq_ignore_ascii_case(wish) || offer.pack.credits.get().to_string() == wish
}

async fn say(worker: &Worker, inbound: &Inbound, person: &Person, text: Text<'_>) -> Result<(), JobError> {
    let mut tx = worker.pool.begin().await?;
    let done = generate::answer(&mut tx, worker, inbound, person, Outcome::Answered, text).await?;
    Ok(generate::end(tx, done).await?)
}
