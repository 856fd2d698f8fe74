//! Stripe's API, as far as a shop in a chat needs it: what packs cost, and a page to pay for one (Stripe API
//! 2026-10-28.endive: Prices, Checkout Sessions, Idempotent requests, Errors).

#[cfg(test)]
mod fuzz;

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use shared::language::Language;
use shared::pack::{Offer, Pack, Packs};
use shared::person::UserId;
use shared::price::Price;

use crate::error::JobError;
use crate::policy;

/// The version whose shapes are read here. An account may be pinned to another one.
pub(crate) const VERSION: &str = "2026-10-28.endive";

/// The client.
#[derive(Debug, Clone)]
pub struct Stripe {
    /// `STRIPE_API_URL`.
    pub api_url: String,
    /// `STRIPE_SECRET_KEY`.
    pub secret_key: SecretString,
    /// The connection pool.
    pub http: reqwest::Client,
}

/// A page that is to be opened for somebody.
#[derive(Debug, Clone, Copy)]
pub struct Purchase<'a> {
    /// What is bought.
    pub offer: &'a Offer,
    /// For whom: comes back with the payment.
    pub account: &'a UserId,
    /// The language of the page.
    pub language: Language,
    /// Where the browser goes after it has paid; Stripe puts the session in place of `{CHECKOUT_SESSION_ID}`.
    pub paid_url: &'a str,
    /// Where it goes when it has not.
    pub cancelled_url: &'a str,
    /// Until when it can be paid: 30 minutes to 24 hours from now.
    pub expires_at: DateTime<Utc>,
}

impl Stripe {
    /// What each of these packs costs today. One whose price Stripe does not know, or sells no more, is left out.
    pub async fn offers(&self, packs: &Packs) -> Result<Vec<Offer>, JobError> {
        let mut prices: HashMap<String, (String, Price)> = HashMap::new();
        let (ids, keys): (Vec<&Pack>, Vec<&Pack>) =
            packs.iter().partition(|pack| pack.price.starts_with("price_"));
        for pack in ids {
            match self.answer(self.get(&format!("/v1/prices/{}", pack.price))).await {
                Ok(price) => prices.extend(read(&price, Some(&pack.price))),
                Err(Refusal { code, .. }) if code == "resource_missing" => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        if !keys.is_empty() {
            // Letters, digits and a few signs, as `Packs` has seen to: nothing to be escaped.
            let wanted: Vec<&str> = keys.iter().map(|pack| pack.price.as_str()).collect();
            let wanted = wanted.join("&lookup_keys[]=");
            let listed = self.get(&format!("/v1/prices?active=true&lookup_keys[]={wanted}"));
            let listed = self.answer(listed).await?;
            let listed = listed["data"].as_array().map_or(&[][..], Vec::as_slice);
            prices.extend(listed.iter().filter_map(|price| read(price, None)));
        }
        let offer = |pack: &Pack| {
            let (price_id, price) = prices.get(&pack.price)?.clone();
            Some(Offer { pack: pack.clone(), price_id, price })
        };
        Ok(packs.iter().filter_map(offer).collect())
    }

    /// Opens a page for a purchase. The same key opens the same page, however often it is asked for.
    pub async fn checkout(&self, purchase: Purchase<'_>, key: &str) -> Result<String, JobError> {
        match self.open(purchase, key).await {
            // Stripe keeps even its own failures under a key: the same one would fail for a day. A page that nobody was
            // given costs nothing, so another one is asked for.
            Err(Refusal { status: Some(status), replayed: true, .. }) if status.is_server_error() => {
                Ok(self.open(purchase, &format!("{key}:again")).await?)
            }
            opened => Ok(opened?),
        }
    }

    async fn open(&self, purchase: Purchase<'_>, key: &str) -> Result<String, Refusal> {
        let Purchase { offer, account, language, paid_url, cancelled_url, expires_at } = purchase;
        let credits = offer.pack.credits.get().to_string();
        let form = [
            ("mode", "payment"),
            ("client_reference_id", account.as_str()),
            ("line_items[0][price]", &offer.price_id),
            ("line_items[0][quantity]", "1"),
            ("metadata[user_id]", account.as_str()),
            ("metadata[pack]", &offer.pack.name),
            ("metadata[credits]", &credits),
            ("payment_intent_data[metadata][user_id]", account.as_str()),
            ("payment_intent_data[metadata][pack]", &offer.pack.name),
            ("success_url", paid_url),
            ("cancel_url", cancelled_url),
            ("locale", language.code()),
            ("expires_at", &expires_at.timestamp().to_string()),
        ];
        let request = self.http.post(self.address("/v1/checkout/sessions")).header("idempotency-key", key);
        let session = self.answer(request.form(&form)).await?;
        session["url"]
            .as_str()
            .filter(|url| url.starts_with("http"))
            .map(str::to_owned)
            .ok_or_else(|| Refusal { code: "no_url".to_owned(), ..Refusal::default() })
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.api_url.trim_end_matches('/'))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.address(path))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Value, Refusal> {
        let request = request
            .bearer_auth(self.secret_key.expose_secret())
            .header("stripe-version", VERSION)
            .timeout(policy::STRIPE_TIMEOUT);
        let response = request.send().await.map_err(|_| Refusal::unanswered())?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body: Value =
            response.json().await.map_err(|_| Refusal { status: Some(status), ..Refusal::unanswered() })?;
        if status.is_success() { Ok(body) } else { Err(Refusal::read(status, &headers, &body)) }
    }
}

/// A one-time price that is for sale, under the name that a pack knows it by.
pub(crate) fn read(price: &Value, name: Option<&str>) -> Option<(String, (String, Price))> {
    let for_sale = price["active"] != false && price["recurring"].is_null();
    let id = price["id"].as_str()?.to_owned();
    let name = name.or(price["lookup_key"].as_str())?.to_owned();
    let (minor, currency) = (price["unit_amount"].as_i64()?, price["currency"].as_str()?.to_owned());
    for_sale.then_some((name, (id, Price { minor, currency })))
}

/// Why Stripe did not do it.
#[derive(Debug, Default)]
struct Refusal {
    /// `None`: no answer came.
    status: Option<StatusCode>,
    /// Stripe's code or type; a word of ours when it had none.
    code: String,
    /// Whether this is what the same key was told before.
    replayed: bool,
    after: Option<Duration>,
}

impl Refusal {
    fn unanswered() -> Self {
        Self { code: "no_answer".to_owned(), ..Self::default() }
    }

    fn read(status: StatusCode, headers: &HeaderMap, body: &Value) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let word = ["code", "type"].iter().find_map(|name| body["error"][*name].as_str()).unwrap_or("other");
        let known = word.len() <= 60 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let code = if known { word.to_owned() } else { "other".to_owned() };
        let request = header("request-id").unwrap_or("none");
        tracing::warn!(
            http.status = status.as_u16(),
            error.code = code,
            request.id = request,
            "Stripe refused"
        );
        let after = header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
        Self { status: Some(status), code, replayed: header("idempotent-replayed") == Some("true"), after }
    }
}

/// Tried again: no answer, a conflict with itself, too many requests, Stripe's own trouble. Anything else is ours or the
/// operator's to mend.
impl From<Refusal> for JobError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, code, after, .. } = refusal;
        let what = match status {
            Some(status) => format!("stripe: HTTP {} {code}", status.as_u16()),
            None => format!("stripe: {code}"),
        };
        let again = status.is_none_or(|status| {
            status.is_server_error() || status.is_success() || matches!(status.as_u16(), 409 | 429)
        });
        if again {
            Self::Retry {
                after: after.map(|after| after.min(policy::RETRY.longest)),
                cause: anyhow::anyhow!(what),
            }
        } else {
            Self::fail(what)
        }
    }
}
