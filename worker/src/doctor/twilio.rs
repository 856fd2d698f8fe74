//! Asks Twilio about the account, the `WhatsApp` sender and the one-time code's template (API 2010-04-01, Senders
//! API v2, Content API v1, 2026). Sends nothing.

use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde_json::Value;
use shared::phone::E164;

use super::Examined;
use super::finding::Finding;
use super::settings::Settings;
use super::web::{self, Answer};
use crate::whatsapp::Twilio;

/// Examines Twilio, when it is configured.
pub(super) async fn examine(twilio: Option<&Twilio>, settings: &Settings) -> Examined {
    let Some(twilio) = twilio else {
        let advice = "set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and PUBLIC_URL if people should reach us through Twilio";
        return Finding::not_checked("twilio", "is not configured", advice).into();
    };
    let (account, sender, content) =
        tokio::join!(account(twilio), sender(twilio, settings), content(twilio, settings));
    [account].into_iter().chain(sender).chain(content).collect::<Vec<_>>().into()
}

fn get(twilio: &Twilio, address: &str) -> RequestBuilder {
    twilio.http.get(address).basic_auth(&twilio.account_sid, Some(twilio.auth_token.expose_secret()))
}

async fn account(twilio: &Twilio) -> Finding {
    const NAME: &str = "twilio account";
    let base = twilio.api_url.trim_end_matches('/');
    let address = format!("{base}/2010-04-01/Accounts/{}.json", twilio.account_sid);
    match web::ask(get(twilio, &address)).await {
        Err(how) => web::silent(NAME, "Twilio", how),
        Ok(Answer { status: 200, body }) => match body["status"].as_str() {
            Some("active") => Finding::ok(NAME, "credentials accepted, account active"),
            Some(status) => {
                let advice = "open the Twilio Console: it says why, often a payment";
                Finding::failed(NAME, format!("the account is {status}"), advice)
            }
            None => web::puzzling(NAME, "Twilio", &Answer { status: 200, body }, None),
        },
        Ok(answer) => refused(NAME, &answer),
    }
}

async fn sender(twilio: &Twilio, settings: &Settings) -> Vec<Finding> {
    const NAME: &str = "twilio sender";
    let Some(from) = &settings.twilio_from else {
        let advice = "set TWILIO_WHATSAPP_FROM (whatsapp:+…) to have the sender and its webhook checked";
        return vec![Finding::not_checked(NAME, "TWILIO_WHATSAPP_FROM is not set", advice)];
    };
    let shown = E164::from_provider(from.trim_start_matches("whatsapp:"))
        .map_or_else(|_| "the sender".to_owned(), |number| number.masked());
    let base = twilio.messaging_url.trim_end_matches('/');
    let address = format!("{base}/v2/Channels/Senders?Channel=whatsapp&PageSize=1000");
    let body = match web::ask(get(twilio, &address)).await {
        Err(how) => return vec![web::silent(NAME, "Twilio", how)],
        Ok(Answer { status: 200, body }) if body["senders"].is_array() => body,
        Ok(answer) => return vec![refused(NAME, &answer)],
    };
    let senders = body["senders"].as_array().map_or(&[][..], Vec::as_slice);
    let Some(sender) = senders.iter().find(|sender| sender["sender_id"] == from.as_str()) else {
        let advice = "compare TWILIO_WHATSAPP_FROM with the Console, Messaging, WhatsApp senders (the shared number of \
                      Twilio's own sandbox is listed nowhere)";
        return vec![Finding::warning(NAME, format!("{shown} is not among the account's senders"), advice)];
    };
    let found = format!("{shown} is {}", sender["status"].as_str().unwrap_or("in a state that is not told"));
    let online = match sender["status"].as_str() {
        Some("ONLINE" | "ONLINE:UPDATING") => Finding::ok(NAME, found),
        Some(_) => Finding::failed(NAME, found, "open the Console, Messaging, WhatsApp senders: it says why"),
        None => Finding::not_checked(NAME, format!("could not be checked: {found}"), "look at the Console"),
    };
    vec![online, webhook(&sender["webhook"]["callback_url"], settings)]
}

fn webhook(callback: &Value, settings: &Settings) -> Finding {
    const NAME: &str = "twilio webhook";
    let Some(callback) = callback.as_str().filter(|callback| !callback.is_empty()) else {
        let advice = "look at the sender in the Console: unless a Messaging Service receives for it, it needs our \
                      address with #rc=5&rp=all behind it";
        return Finding::not_checked(NAME, "could not be checked: the sender names no address", advice);
    };
    let (url, overrides) = (web::shown(callback), callback.split_once('#').map_or("", |(_, after)| after));
    let found = format!("Twilio calls {url}");
    match &settings.webhook {
        Some(ours) if ours.trim_end_matches('/') != url.trim_end_matches('/') => {
            let advice = format!(
                "set the sender's webhook to {ours}, or PUBLIC_URL to what Twilio calls: it signs that"
            );
            Finding::failed(
                NAME,
                format!("{found}, PUBLIC_URL says {ours}: signatures will not match"),
                advice,
            )
        }
        // Twilio's default is to try once; a fragment changes that.
        _ if !overrides.split('&').any(|pair| pair.strip_prefix("rc=").is_some_and(|count| count != "0")) => {
            let advice =
                "write #rc=5&rp=all behind the sender's webhook: by default Twilio does not try again";
            Finding::warning(NAME, format!("{found}, and tries only once"), advice)
        }
        _ => Finding::ok(NAME, found),
    }
}

async fn content(twilio: &Twilio, settings: &Settings) -> Option<Finding> {
    const NAME: &str = "twilio template";
    let sid = settings.otp_content.as_ref()?;
    let base = twilio.api_url.replace("://api.twilio.com", "://content.twilio.com");
    let address = format!("{}/v1/Content/{sid}/ApprovalRequests", base.trim_end_matches('/'));
    let advice = "see what WhatsApp says about it in the Console, Content Template Builder";
    Some(match web::ask(get(twilio, &address)).await {
        Err(how) => web::silent(NAME, "Twilio", how),
        Ok(Answer { status: 200, body }) => match body["whatsapp"]["status"].as_str() {
            Some("approved") => Finding::ok(NAME, "TWILIO_OTP_CONTENT_SID is approved"),
            Some(status) => Finding::failed(NAME, format!("TWILIO_OTP_CONTENT_SID is {status}"), advice),
            None => Finding::failed(NAME, "TWILIO_OTP_CONTENT_SID was never handed in for approval", advice),
        },
        Ok(Answer { status: 404, .. }) => Finding::failed(NAME, "there is no TWILIO_OTP_CONTENT_SID", advice),
        Ok(answer) => refused(NAME, &answer),
    })
}

fn refused(name: &'static str, answer: &Answer) -> Finding {
    let code = answer.body["code"].as_i64();
    match (answer.status, code) {
        (401, _) | (_, Some(20_003)) => {
            let advice = "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (the new token first) as in the Console, and \
                          restart both services";
            Finding::failed(name, "the credentials are refused (20003)", advice)
        }
        _ => web::puzzling(name, "Twilio", answer, code),
    }
}
