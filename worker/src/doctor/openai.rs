//! Asks the model's server about its model: whether the key is good, whether the model is there, and until when
//! (`GET /models/{model}`, field `shutdown_date`). No completion is asked for: a check costs nothing.

use chrono::{NaiveDate, TimeDelta};
use reqwest::Client;
use secrecy::ExposeSecret;

use super::Examined;
use super::finding::Finding;
use super::web;
use crate::openai::OpenAiConfig;

const NAME: &str = "openai model";

/// A change of model wants testing: this long before its end it is time.
const NEAR: TimeDelta = TimeDelta::days(90);

/// Examines the model.
pub(super) async fn examine(config: &OpenAiConfig, http: &Client, today: NaiveDate) -> Examined {
    let mut request = http.get(format!("{}/models/{}", config.base_url.trim_end_matches('/'), config.model));
    if let Some(key) = &config.api_key {
        request = request.bearer_auth(key.expose_secret());
    }
    let answer = match web::ask(request).await {
        Ok(answer) => answer,
        Err(how) => return web::silent(NAME, "the model's server", how).into(),
    };
    let model = &config.model;
    let another =
        "set OPENAI_MODEL to a model that stays (see its provider's list), try it, and restart the workers";
    let code = answer.body["error"]["code"].as_str().unwrap_or_default();
    match answer.status {
        200 if answer.body.is_object() => until(model, &answer.body["shutdown_date"], today, another).into(),
        401 => {
            let advice = "set a valid OPENAI_API_KEY and restart the workers";
            Finding::failed(NAME, "the key is refused", advice).into()
        }
        403 => {
            let found = format!("the key has no right to read the model {model}");
            let advice =
                "give the key's project access to models, or make sure by hand that it may use this one";
            Finding::not_checked(NAME, format!("could not be checked: {found}"), advice).into()
        }
        404 if code == "model_not_found" => {
            Finding::failed(NAME, format!("there is no model {model} for this key"), another).into()
        }
        404 => {
            let advice = "a compatible server need not tell its models: make sure by hand that OPENAI_MODEL is one of them";
            let found = "could not be checked: this server does not tell about single models";
            Finding::not_checked(NAME, found, advice).into()
        }
        _ => web::puzzling(NAME, "the model's server", &answer, None).into(),
    }
}

fn until(model: &str, date: &serde_json::Value, today: NaiveDate, advice: &str) -> Finding {
    let end = match (date.as_str(), date.as_str().and_then(|date| date.parse::<NaiveDate>().ok())) {
        (None, _) => return Finding::ok(NAME, format!("{model}, key accepted; no end is announced")),
        (Some(_), None) => {
            let found = format!("{model}, key accepted; its announced end could not be read");
            return Finding::not_checked(NAME, found, "look at the provider's list of deprecations");
        }
        (Some(_), Some(end)) => end,
    };
    if end <= today {
        Finding::failed(NAME, format!("{model} was shut down on {end}"), advice)
    } else if end - today <= NEAR {
        let days = (end - today).num_days();
        Finding::warning(NAME, format!("{model} will be shut down on {end}, in {days} day(s)"), advice)
    } else {
        Finding::ok(NAME, format!("{model}, key accepted, available until {end}"))
    }
}
