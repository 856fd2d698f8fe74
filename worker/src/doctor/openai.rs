//! Asks the model's server about its models: whether the key is good, whether each model is there, and until when
//! (`GET /models/{model}`, field `shutdown_date`). No completion is asked for: a check costs nothing.

use chrono::{NaiveDate, TimeDelta};
use reqwest::Client;
use secrecy::ExposeSecret;

use super::Examined;
use super::finding::Finding;
use super::web;
use crate::openai::OpenAiConfig;

/// A change of model wants testing: this long before its end it is time.
const NEAR: TimeDelta = TimeDelta::days(90);

/// One of the models that are asked.
struct Asked<'a> {
    name: &'static str,
    model: &'a str,
    /// What to do about a model that is not there, or not for long.
    another: &'static str,
    /// What its absence is: nothing can be written, or only nothing be listened to.
    missing: fn(&'static str, String, &'static str) -> Finding,
}

/// Examines the model that writes, and the one that listens unless voice notes are off.
pub(super) async fn examine(config: &OpenAiConfig, http: &Client, today: NaiveDate) -> Examined {
    let writes = Asked {
        name: "openai model",
        model: &config.model,
        another: "set OPENAI_MODEL to a model that stays (see its provider's list), try it, and restart the workers",
        missing: Finding::failed,
    };
    let listens = Asked {
        name: "openai transcription",
        model: &config.transcribe_model,
        another: "set OPENAI_TRANSCRIBE_MODEL to a model that stays, or to off: until then whoever speaks is asked to write",
        missing: Finding::warning,
    };
    if listens.model == "off" {
        return look(config, http, today, &writes).await.into();
    }
    let (writes, listens) =
        tokio::join!(look(config, http, today, &writes), look(config, http, today, &listens));
    vec![writes, listens].into()
}

async fn look(config: &OpenAiConfig, http: &Client, today: NaiveDate, asked: &Asked<'_>) -> Finding {
    let Asked { name, model, another, missing } = *asked;
    let mut request = http.get(format!("{}/models/{model}", config.base_url.trim_end_matches('/')));
    if let Some(key) = &config.api_key {
        request = request.bearer_auth(key.expose_secret());
    }
    let answer = match web::ask(request).await {
        Ok(answer) => answer,
        Err(how) => return web::silent(name, "the model's server", how),
    };
    let code = answer.body["error"]["code"].as_str().unwrap_or_default();
    match answer.status {
        200 if answer.body.is_object() => until(asked, &answer.body["shutdown_date"], today),
        401 => {
            Finding::failed(name, "the key is refused", "set a valid OPENAI_API_KEY and restart the workers")
        }
        403 => {
            let found = format!("could not be checked: the key has no right to read the model {model}");
            let advice =
                "give the key's project access to models, or make sure by hand that it may use this one";
            Finding::not_checked(name, found, advice)
        }
        404 if code == "model_not_found" => {
            missing(name, format!("there is no model {model} for this key"), another)
        }
        404 => {
            let advice = format!(
                "a compatible server need not tell its models: make sure by hand that {model} is one of them"
            );
            let found = "could not be checked: this server does not tell about single models";
            Finding::not_checked(name, found, advice)
        }
        _ => web::puzzling(name, "the model's server", &answer, None),
    }
}

fn until(asked: &Asked<'_>, date: &serde_json::Value, today: NaiveDate) -> Finding {
    let Asked { name, model, another, missing } = *asked;
    let end = match (date.as_str(), date.as_str().and_then(|date| date.parse::<NaiveDate>().ok())) {
        (None, _) => return Finding::ok(name, format!("{model}, key accepted; no end is announced")),
        (Some(_), None) => {
            let found = format!("{model}, key accepted; its announced end could not be read");
            return Finding::not_checked(name, found, "look at the provider's list of deprecations");
        }
        (Some(_), Some(end)) => end,
    };
    if end <= today {
        missing(name, format!("{model} was shut down on {end}"), another)
    } else if end - today <= NEAR {
        let days = (end - today).num_days();
        Finding::warning(name, format!("{model} will be shut down on {end}, in {days} day(s)"), another)
    } else {
        Finding::ok(name, format!("{model}, key accepted, available until {end}"))
    }
}
