//! Asks Stripe whether the shop can sell, and whether what is paid comes to us: the key, a price for every pack, the
//! webhook's endpoint and its events (Stripe API, Prices and Webhook Endpoints, 2026). Sells nothing.

mod endpoint;

use futures_util::future::join_all;
use reqwest::{Client, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::Value;
use shared::language::Language;
use shared::pack::{Pack, Packs};

use super::Examined;
use super::finding::Finding;
use super::settings::Settings;
use super::web::{self, Answer};
use crate::config::ShopConfig;
use crate::stripe::{self, Stripe};

const KEY: &str = "stripe key";
const WEBHOOK: &str = "stripe webhook";

/// Examines Stripe, when something is sold in the chat.
pub(super) async fn examine(shop: Option<&ShopConfig>, http: &Client, settings: &Settings) -> Examined {
    let Some(shop) = shop else {
        let (found, advice) = if settings.takes_events {
            let found = "STRIPE_SECRET_KEY is not set: whether Stripe's events come here could not be asked";
            (found, "look at the endpoint in the Dashboard (Workbench, Webhooks)")
        } else {
            ("is not configured", "set STRIPE_SECRET_KEY if credits should be sold in the chat")
        };
        return Finding::not_checked("stripe", found, advice).into();
    };
    let stripe = shop.stripe(http);
    let (mut findings, webhook) = tokio::join!(prices(&stripe, &shop.packs), webhook(&stripe, settings));
    findings.extend(webhook);
    findings.into()
}

fn get(stripe: &Stripe, path: &str) -> RequestBuilder {
    let request = stripe.http.get(format!("{}{path}", stripe.api_url.trim_end_matches('/')));
    request.bearer_auth(stripe.secret_key.expose_secret()).header("stripe-version", stripe::VERSION)
}

/// Whether the key is good, and what every pack costs.
async fn prices(stripe: &Stripe, packs: &Packs) -> Vec<Finding> {
    let (ids, keys): (Vec<&Pack>, Vec<&Pack>) =
        packs.iter().partition(|pack| pack.price.starts_with("price_"));
    let mut paths: Vec<String> = ids.iter().map(|pack| format!("/v1/prices/{}", pack.price)).collect();
    if !keys.is_empty() {
        // Those that are sold no more are asked for as well: they explain why a pack is not sold.
        let wanted: Vec<&str> = keys.iter().map(|pack| pack.price.as_str()).collect();
        paths.push(format!("/v1/prices?lookup_keys[]={}", wanted.join("&lookup_keys[]=")));
    }
    let mut known = Vec::new();
    for answer in join_all(paths.iter().map(|path| web::ask(get(stripe, path)))).await {
        match answer {
            Err(how) => return vec![web::silent(KEY, "Stripe", how)],
            Ok(Answer { status: 200, body }) if body["data"].is_array() => {
                known.extend(body["data"].as_array().into_iter().flatten().cloned());
            }
            Ok(Answer { status: 200, body }) if body["id"].is_string() => known.push(body),
            Ok(Answer { status: 404, body }) if body["error"]["code"] == "resource_missing" => {}
            Ok(Answer { status: 403, .. }) => {
                let advice = "give the restricted key Prices: read, and Checkout Sessions: write";
                let found = "the key may not read prices: there is nothing to sell";
                return vec![Finding::failed(KEY, found, advice)];
            }
            Ok(answer) => return vec![refused(KEY, &answer)],
        }
    }
    vec![Finding::ok(KEY, "accepted, and may read prices"), shelf(packs, &known)]
}

/// Every pack at its price, or why it has none.
fn shelf(packs: &Packs, known: &[Value]) -> Finding {
    const NAME: &str = "stripe prices";
    let told: Vec<Result<String, String>> = packs.iter().map(|pack| cost(pack, known)).collect();
    let whole = told.iter().all(Result::is_ok);
    let told: Vec<String> = told.into_iter().map(|told| told.unwrap_or_else(|why| why)).collect();
    let found = told.join(", ");
    if whole {
        return Finding::ok(NAME, found);
    }
    let advice = "give it an active one-time price (Dashboard, Product catalog) whose id or lookup key is in \
                  CREDIT_PACKS; test and live mode have prices of their own";
    Finding::failed(NAME, found, advice)
}

fn cost(pack: &Pack, known: &[Value]) -> Result<String, String> {
    let name = &pack.name;
    let wanted = pack.price.as_str();
    let found = known.iter().find(|price| price["id"] == wanted || price["lookup_key"] == wanted);
    let Some(found) = found else { return Err(format!("{name} has no price at Stripe")) };
    match stripe::read(found, Some(name)) {
        Some((_, (_, price))) => Ok(format!("{name} {}", price.in_language(Language::En))),
        None if found["active"] == false => Err(format!("{name} has a price that is inactive")),
        None if !found["recurring"].is_null() => Err(format!("{name} has a price that is recurring")),
        None => Err(format!("{name} has a price without a fixed amount")),
    }
}

/// Whether payments come to us. Nothing when they should not.
async fn webhook(stripe: &Stripe, settings: &Settings) -> Vec<Finding> {
    if !settings.takes_events {
        return Vec::new();
    }
    match web::ask(get(stripe, "/v1/webhook_endpoints?limit=100")).await {
        Err(how) => vec![web::silent(WEBHOOK, "Stripe", how)],
        Ok(answer) => told(&answer, settings),
    }
}

fn told(answer: &Answer, settings: &Settings) -> Vec<Finding> {
    match (answer.status, answer.body["data"].as_array()) {
        (200, Some(endpoints)) => {
            endpoint::judge(endpoints, settings.stripe_webhook.as_deref(), settings.web_url.as_deref())
        }
        (403, _) => {
            let found = "could not be checked: the restricted key may not read webhook endpoints";
            let advice =
                "give it Webhook Endpoints: read, or look at the endpoint in the Dashboard, Webhooks";
            vec![Finding::not_checked(WEBHOOK, found, advice)]
        }
        _ => vec![refused(WEBHOOK, answer)],
    }
}

fn refused(name: &'static str, answer: &Answer) -> Finding {
    if answer.status == 401 {
        let advice =
            "set STRIPE_SECRET_KEY as in the Dashboard, Developers, API keys, and restart the workers";
        return Finding::failed(name, "the key is refused", advice);
    }
    web::puzzling(name, "Stripe", answer, None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_pack_is_sold_at_an_active_one_time_price_and_at_no_other() {
        let price = |id: &str, key: &str, active: bool, recurring: Value, amount: Option<i64>| {
            json!({"id": id, "lookup_key": key, "active": active, "recurring": recurring, "unit_amount": amount,
                   "currency": "eur"})
        };
        let known = [
            price("price_1", "pack", true, Value::Null, Some(490)),
            price("price_2", "old", false, Value::Null, Some(490)),
            price("price_3", "monthly", true, json!({"interval": "month"}), Some(490)),
            price("price_4", "gift", true, Value::Null, None),
        ];
        let found = shelf(&"a=20:price_1,old=5,monthly=5,gift=5,gone=5:price_9".parse().unwrap(), &known);
        assert_eq!(found.verdict, Verdict::Failed);
        assert_eq!(
            found.found,
            "a €4.90, old has a price that is inactive, monthly has a price that is recurring, gift has a price without \
             a fixed amount, gone has no price at Stripe"
        );
        assert_eq!(shelf(&"a=20:price_1".parse().unwrap(), &known), Finding::ok("stripe prices", "a €4.90"));
    }

    #[test]
    fn endpoints_that_may_not_be_read_are_not_checked() {
        let answer = |status| Answer { status, body: json!({"error": {"type": "invalid_request_error"}}) };
        for (status, verdict) in
            [(403, Verdict::NotChecked), (401, Verdict::Failed), (429, Verdict::NotChecked)]
        {
            let told = told(&answer(status), &Settings::default());
            assert_eq!(told[0].verdict, verdict, "{status}: {told:?}");
        }
        let forbidden = told(&answer(403), &Settings::default());
        assert!(forbidden[0].found.starts_with("could not be checked"), "{forbidden:?}");
    }
}
