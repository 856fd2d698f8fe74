//! Asks Meta about our number, and about its account where `META_WABA_ID` names it: whether the token is good, the
//! number connected, the webhook ours, the app subscribed, the template approved (Graph API, business phone number,
//! subscribed apps and message templates, 2026). Sends nothing.

use std::collections::BTreeSet;

use secrecy::ExposeSecret;
use serde_json::Value;
use shared::phone::E164;

use super::Examined;
use super::finding::Finding;
use super::settings::Settings;
use super::web::{self, Answer};
use crate::whatsapp::Meta;

/// What is asked about the number.
const FIELDS: &str = "display_phone_number,quality_rating,status,webhook_configuration";

/// Examines Meta, when it is configured.
pub(super) async fn examine(meta: Option<&Meta>, settings: &Settings) -> Examined {
    let Some(meta) = meta else {
        let advice = "set META_ACCESS_TOKEN and META_APP_SECRET if people should reach us through Meta";
        return Finding::not_checked("meta", "is not configured", advice).into();
    };
    let (number, apps, template) =
        tokio::join!(number(meta, settings), apps(meta, settings), template(meta, settings));
    number.into_iter().chain([apps]).chain(template).collect::<Vec<_>>().into()
}

async fn get(meta: &Meta, path: &str, query: &[(&str, &str)]) -> Result<Answer, &'static str> {
    let base = meta.graph_url.trim_end_matches('/');
    let pairs = query.iter().map(|(name, value)| format!("{name}={value}"));
    let address = format!("{base}/{}/{path}?{}", meta.version, pairs.collect::<Vec<_>>().join("&"));
    web::ask(meta.http.get(address).bearer_auth(meta.access_token.expose_secret())).await
}

async fn number(meta: &Meta, settings: &Settings) -> Vec<Finding> {
    const NAME: &str = "meta token";
    // Without the number, the token itself can be asked who it is.
    let path = settings.phone_number_id.as_deref().unwrap_or("me");
    let fields = settings.phone_number_id.as_ref().map_or("id", |_| FIELDS);
    let body = match get(meta, path, &[("fields", fields)]).await {
        Ok(Answer { status: 200, body }) if body.is_object() => body,
        Ok(answer) => return vec![refused(NAME, &answer, "this number")],
        Err(how) => return vec![web::silent(NAME, "Meta", how)],
    };
    if settings.phone_number_id.is_none() {
        let advice = "set META_PHONE_NUMBER_ID to have the number's state and webhook checked";
        let unseen = Finding::not_checked("meta number", "META_PHONE_NUMBER_ID is not set", advice);
        return vec![Finding::ok(NAME, "accepted"), unseen];
    }
    vec![
        Finding::ok(
            NAME,
            format!("accepted, and may see our number {}", masked(&body["display_phone_number"])),
        ),
        state(&body),
        webhook(&body["webhook_configuration"], settings),
    ]
}

fn masked(number: &Value) -> String {
    let digits: String = number.as_str().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    E164::from_provider(&digits).map_or_else(|_| "(not shown)".to_owned(), |number| number.masked())
}

fn state(body: &Value) -> Finding {
    const NAME: &str = "meta number";
    let (status, quality) = (body["status"].as_str(), body["quality_rating"].as_str().unwrap_or("not told"));
    let found = format!("status {}, quality {quality}", status.unwrap_or("not told"));
    let advice = "open WhatsApp Manager, Phone numbers: it says why, and what Meta wants done";
    match (status, quality) {
        (None, _) => Finding::not_checked(NAME, format!("could not be checked: {found}"), advice),
        (Some("CONNECTED"), "YELLOW" | "RED") | (Some("FLAGGED"), _) => Finding::warning(NAME, found, advice),
        (Some("CONNECTED"), _) => Finding::ok(NAME, found),
        (Some(_), _) => Finding::failed(NAME, found, advice),
    }
}

/// The nearest override wins: the number's, then the account's, then the app's.
fn webhook(configuration: &Value, settings: &Settings) -> Finding {
    const NAME: &str = "meta webhook";
    if !configuration.is_object() {
        let advice = "look at the callback URL in the App Dashboard, WhatsApp, Configuration";
        return Finding::not_checked(NAME, "could not be checked: Meta does not tell the address", advice);
    }
    let places = ["phone_number", "whatsapp_business_account", "application"];
    let urls = places.iter().filter_map(|place| configuration[*place].as_str());
    let Some(url) = urls.map(web::shown).find(|url| !url.is_empty()) else {
        let advice =
            "save the callback URL and META_VERIFY_TOKEN in the App Dashboard, WhatsApp, Configuration";
        return Finding::failed(NAME, "Meta has no address to call: no message comes in", advice);
    };
    let found = format!("Meta calls {url}");
    match &settings.webhook {
        Some(ours) if ours.trim_end_matches('/') == url.trim_end_matches('/') => Finding::ok(NAME, found),
        Some(ours) => {
            let advice =
                format!("if that is not this installation, save {ours} in the App Dashboard as callback URL");
            Finding::warning(NAME, format!("{found}, PUBLIC_URL says {ours}"), advice)
        }
        None if url.ends_with(web::WEBHOOK) => Finding::ok(NAME, found),
        None => {
            let advice = format!("the address must end in {}, unless a proxy leads it there", web::WEBHOOK);
            Finding::warning(NAME, found, advice)
        }
    }
}

async fn apps(meta: &Meta, settings: &Settings) -> Finding {
    const NAME: &str = "meta subscription";
    let Some(account) = &settings.waba_id else {
        let advice = "set META_WABA_ID (WhatsApp Manager, account id) to have the app's subscription checked";
        return Finding::not_checked(NAME, "META_WABA_ID is not set", advice);
    };
    match get(meta, &format!("{account}/subscribed_apps"), &[]).await {
        Err(how) => web::silent(NAME, "Meta", how),
        Ok(Answer { status: 200, body }) if body["data"].is_array() => {
            let apps = body["data"].as_array().map_or(&[][..], Vec::as_slice);
            let name = |app: &Value| {
                app["whatsapp_business_api_data"]["name"].as_str().unwrap_or("without a name").to_owned()
            };
            let names: Vec<String> = apps.iter().map(name).collect();
            if names.is_empty() {
                let advice = "subscribe the app: POST /{META_WABA_ID}/subscribed_apps with its token";
                Finding::failed(NAME, "no app is subscribed to the account: no message comes in", advice)
            } else {
                Finding::ok(NAME, format!("subscribed to the account: {}", names.join(", ")))
            }
        }
        Ok(answer) => refused(NAME, &answer, "this account (META_WABA_ID)"),
    }
}

async fn template(meta: &Meta, settings: &Settings) -> Option<Finding> {
    const NAME: &str = "meta template";
    let template = settings.otp_template.as_ref()?;
    let Some(account) = &settings.waba_id else {
        let advice = "set META_WABA_ID (WhatsApp Manager, account id) to have the template checked";
        return Some(Finding::not_checked(NAME, format!("{template}: META_WABA_ID is not set"), advice));
    };
    let query = [("name", template.as_str()), ("fields", "name,language,status"), ("limit", "100")];
    Some(match get(meta, &format!("{account}/message_templates"), &query).await {
        Err(how) => web::silent(NAME, "Meta", how),
        Ok(Answer { status: 200, body }) if body["data"].is_array() => {
            approved(template, body["data"].as_array().map_or(&[][..], Vec::as_slice))
        }
        Ok(answer) => refused(NAME, &answer, "this account's templates"),
    })
}

/// The search finds names that merely contain ours; each language has its own fate.
fn approved(template: &str, found: &[Value]) -> Finding {
    const NAME: &str = "meta template";
    let advice = "create it, or see what Meta says about it, in WhatsApp Manager, Message templates";
    let ours = found.iter().filter(|known| known["name"] == template);
    let states: BTreeSet<(&str, &str)> = ours
        .map(|known| (known["language"].as_str().unwrap_or("?"), known["status"].as_str().unwrap_or("?")))
        .collect();
    let list: Vec<String> = states.iter().map(|(language, status)| format!("{language} {status}")).collect();
    let told = format!("{template}: {}", list.join(", "));
    match states.iter().filter(|(_, status)| *status == "APPROVED").count() {
        _ if states.is_empty() => Finding::failed(NAME, format!("there is no template {template}"), advice),
        0 => Finding::failed(NAME, told, advice),
        some if some < states.len() => Finding::warning(NAME, told, advice),
        _ => Finding::ok(NAME, told),
    }
}

/// What a refusal of the Graph API means for an operator.
fn refused(name: &'static str, answer: &Answer, what: &str) -> Finding {
    let error = &answer.body["error"];
    let (code, subcode) = (error["code"].as_i64(), error["error_subcode"].as_i64());
    match (code, subcode) {
        (Some(190), _) => {
            let advice = "make a new token for the system user (whatsapp_business_messaging and \
                          whatsapp_business_management), set META_ACCESS_TOKEN and restart the workers";
            Finding::failed(name, "the token is refused (190)", advice)
        }
        (Some(100), Some(33)) => {
            let advice = "compare the id with WhatsApp Manager, and give the token's system user access to the account";
            Finding::failed(name, format!("Meta does not show {what} to this token (100/33)"), advice)
        }
        (Some(368 | 131_031), _) => {
            let advice = "open Business Support in WhatsApp Manager: the account is restricted";
            Finding::failed(name, "the account is restricted by Meta", advice)
        }
        (Some(code @ (2500 | 2635)), _) => {
            let advice =
                "set META_GRAPH_VERSION to a version that lives, and META_GRAPH_URL to Meta's address";
            Finding::failed(name, format!("Meta refuses the version or the address ({code})"), advice)
        }
        (Some(code @ (3 | 10 | 200..=299)), _) => {
            let advice = "give the token whatsapp_business_management as well: without it, sending may work and looking \
                          does not";
            Finding::not_checked(name, format!("could not be checked: no permission ({code})"), advice)
        }
        _ => web::puzzling(name, "Meta", answer, code),
    }
}
