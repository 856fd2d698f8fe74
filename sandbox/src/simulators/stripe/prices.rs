//! What is on offer: one-time prices, found by id or by lookup key.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::{Value, json};

use super::Stripe;
use super::errors::ApiError;
use super::form::{decode, steps};

/// Most lookup keys of one question.
const LOOKUP_KEYS: usize = 10;
/// When every price was made: long before any test.
const CREATED: i64 = 1_780_000_000;

/// A one-time price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// `price_…`.
    pub id: String,
    /// Our own name for it.
    pub lookup_key: Option<String>,
    /// What is sold, in words, for the page.
    pub name: String,
    /// Cents.
    pub unit_amount: u64,
    /// Three lower-case letters.
    pub currency: String,
    /// Whether it may still be bought.
    pub active: bool,
}

impl Price {
    /// The price of a pack in euros: `pack_20` is `price_pack_20`, sold as "Pack 20".
    #[must_use]
    pub fn pack(lookup_key: &str, cents: u64) -> Self {
        Self {
            id: format!("price_{lookup_key}"),
            lookup_key: Some(lookup_key.to_owned()),
            name: lookup_key.replace("pack_", "Pack "),
            unit_amount: cents,
            currency: "eur".to_owned(),
            active: true,
        }
    }

    /// The three packs that are on offer at first.
    #[must_use]
    pub fn packs() -> Vec<Self> {
        vec![Self::pack("pack_20", 490), Self::pack("pack_50", 990), Self::pack("pack_200", 2990)]
    }

    fn resource(&self) -> Value {
        json!({
            "id": self.id,
            "object": "price",
            "active": self.active,
            "billing_scheme": "per_unit",
            "created": CREATED,
            "currency": self.currency,
            "custom_unit_amount": null,
            "livemode": false,
            "lookup_key": self.lookup_key,
            "metadata": {},
            "nickname": null,
            "product": self.id.replacen("price_", "prod_", 1),
            "recurring": null,
            "tax_behavior": "inclusive",
            "tiers_mode": null,
            "transform_quantity": null,
            "type": "one_time",
            "unit_amount": self.unit_amount,
            "unit_amount_decimal": self.unit_amount.to_string(),
        })
    }
}

impl Stripe {
    /// Everything that is or was on offer.
    #[must_use]
    pub fn prices(&self) -> Vec<Price> {
        self.0.account.read(|account| account.prices.clone())
    }

    /// Adds a price, or replaces the one with its id.
    pub fn offers(&self, price: Price) {
        self.0.account.change(|account| {
            account.prices.retain(|known| known.id != price.id);
            account.prices.push(price);
        });
    }

    /// Takes a price off the shelf: it is still shown, and no longer sold.
    pub fn deactivates(&self, price_id: &str) {
        self.0.account.change(|account| {
            account
                .prices
                .iter_mut()
                .filter(|price| price.id == price_id)
                .for_each(|price| price.active = false);
        });
    }
}

/// `GET /v1/prices`.
pub(super) async fn list(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap) -> Response {
    let look = || {
        let question = Question::read(uri.query().unwrap_or_default())?;
        let found = stripe.prices().into_iter().filter(|price| question.fits(price));
        let mut data: Vec<Value> = found.map(|price| price.resource()).collect();
        let has_more = data.len() > question.limit;
        data.truncate(question.limit);
        Ok(json!({"object": "list", "url": "/v1/prices", "has_more": has_more, "data": data}))
    };
    stripe.answers(&headers, look).await
}

/// `GET /v1/prices/{id}`.
pub(super) async fn one(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let look = || {
        let price = stripe.prices().into_iter().find(|price| price.id == id);
        price.map(|price| price.resource()).ok_or_else(|| ApiError::not_found("price", "price", &id))
    };
    stripe.answers(&headers, look).await
}

/// The filters of a list. Cursors are not known here: nobody has that many prices.
struct Question {
    active: Option<bool>,
    lookup_keys: Vec<String>,
    currency: Option<String>,
    limit: usize,
}

impl Question {
    fn read(query: &str) -> Result<Self, ApiError> {
        let mut question = Self { active: None, lookup_keys: Vec::new(), currency: None, limit: 10 };
        for (name, value) in decode(query.as_bytes()) {
            match steps(&name).as_slice() {
                ["active"] => {
                    let invalid = || ApiError::value("active", None, format!("Invalid boolean: {value}"));
                    question.active = Some(value.parse().map_err(|_| invalid())?);
                }
                ["lookup_keys", index] if index.bytes().all(|byte| byte.is_ascii_digit()) => {
                    question.lookup_keys.push(value);
                }
                ["currency"] => question.currency = Some(value),
                ["type"] if value == "one_time" => {}
                ["limit"] => {
                    let limit = value.parse().ok().filter(|limit| (1..=100).contains(limit));
                    let invalid = || ApiError::value("limit", None, format!("Invalid integer: {value}"));
                    question.limit = limit.ok_or_else(invalid)?;
                }
                _ => return Err(ApiError::unknown(&name)),
            }
        }
        if question.lookup_keys.len() > LOOKUP_KEYS {
            let message = format!("You may only specify up to {LOOKUP_KEYS} lookup keys.");
            return Err(ApiError::value("lookup_keys", None, message));
        }
        Ok(question)
    }

    fn fits(&self, price: &Price) -> bool {
        let asked_for = |key: &String| self.lookup_keys.contains(key);
        self.active.is_none_or(|active| active == price.active)
            && self.currency.as_ref().is_none_or(|currency| *currency == price.currency)
            && (self.lookup_keys.is_empty() || price.lookup_key.as_ref().is_some_and(asked_for))
    }
}
