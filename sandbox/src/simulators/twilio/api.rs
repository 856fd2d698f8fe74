//! What the business calls: `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`, and the table of all routes.
//!
//! Checked in Twilio's order: credentials, account, addresses, content, callback. A message outside the 24-hour
//! window is taken (201) and fails by callback with 63016. The body's 1600 characters are counted in UTF-16
//! units, the stricter reading of a limit whose unit Twilio does not state.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_json::{Map, Value};

use super::super::pair;
use super::super::receipts::Fate;
use super::super::{journal, life};
use super::account::{Account, Direction, Message, sid};
use super::errors::{RestError, TwilioFault};
use super::{Twilio, console, listing, media, typing};

/// Tag of the faults that hit new messages.
pub(super) const MESSAGE: &str = "message";
/// Tag of the faults that hit listings.
pub(super) const LISTING: &str = "listing";
/// Tag of the faults that hit typing indicators.
pub(super) const TYPING: &str = "typing";

/// Longest `Body`.
const BODY: usize = 1600;
/// The customer service window after a person's last message.
const WINDOW: TimeDelta = TimeDelta::hours(24);

/// The decoded parameters of a request.
pub(super) type Form = Vec<(String, String)>;

/// The API's routes.
pub(super) fn routes(twilio: &Twilio) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(create).get(listing::list))
        .route("/2010-04-01/Accounts/{account}/Messages/{file}", get(listing::fetch))
        .route("/2010-04-01/Accounts/{account}/Messages/{message}/Media/{medium}", get(media::find))
        .route("/media.store/{account}/{medium}", get(media::store))
        .route("/2010-04-01/Accounts/{account}", get(console::account))
        .route("/v2/Channels/Senders", get(console::senders))
        .route("/v1/Content/{sid}/ApprovalRequests", get(console::approval))
        .route("/v2/Indicators/Typing.json", post(typing::form))
        .route("/v3/Indicators/Typing.json", post(typing::json))
        .fallback(async |uri: Uri| RestError::not_found(uri.path()))
        .with_state(twilio.clone())
        .layer(middleware::from_fn_with_state(twilio.journal().clone(), journal::keep))
}

async fn create(
    State(twilio): State<Twilio>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = match twilio.troubled(MESSAGE).await {
        Ok(fault) => fault,
        Err(answer) => return answer,
    };
    let form: Form = form_urlencoded::parse(&body).into_owned().collect();
    let draft = twilio.enters(&headers, Some(&account)).and_then(|()| twilio.draft(&form));
    match draft.map(|draft| twilio.accept(draft, fault)) {
        Ok(_) if fault == Some(TwilioFault::Drop) => life::cut(),
        Ok(message) => (StatusCode::CREATED, axum::Json(message)).into_response(),
        Err(error) => error.into_response(),
    }
}

impl Twilio {
    /// Lets the ordered trouble of a call happen: its final answer, or what remains to be respected.
    pub(super) async fn troubled(&self, tag: &str) -> Result<Option<TwilioFault>, Response> {
        let fault = self.0.faults.next(Some(tag));
        if self.0.life.unless_stopped(self.0.faults.linger()).await.is_none() {
            return Err(life::cut());
        }
        if fault == Some(TwilioFault::Hang) {
            return Err(self.0.life.hang().await);
        }
        fault.and_then(TwilioFault::answer).map_or(Ok(fault), Err)
    }

    /// Checks Basic authentication and that the path names the same account.
    pub(super) fn enters(&self, headers: &HeaderMap, account: Option<&str>) -> Result<(), RestError> {
        let (sid, token) = (&self.options().account_sid, &self.options().auth_token);
        let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let given = given.strip_prefix("Basic ").and_then(|basic| STANDARD.decode(basic).ok());
        if given.as_deref() != Some(format!("{sid}:{token}").as_bytes()) {
            return Err(RestError::authenticate());
        }
        match account {
            Some(account) if account != sid => {
                Err(RestError::not_found(&format!("/2010-04-01/Accounts/{account}")))
            }
            _ => Ok(()),
        }
    }

    /// Reads the form of a new message. The second part is the code it will fail with whoever it is for.
    fn draft(&self, form: &Form) -> Result<(Message, Option<u32>), RestError> {
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let to = field("To").ok_or_else(|| RestError::bad(21_604, "A 'To' phone number is required."))?;
        let from =
            field("From").ok_or_else(|| RestError::bad(21_603, "A 'From' phone number is required."))?;
        if !from.starts_with("whatsapp:") || from != self.options().from {
            let message = "Twilio could not find a Channel with the specified From address";
            return Err(RestError::bad(63_007, message));
        }
        let Some(number) = to.strip_prefix("whatsapp:") else {
            let message = "Invalid From and To pair. From and To should be of the same channel";
            return Err(RestError::bad(21_910, message));
        };
        if !is_e164(number) {
            return Err(RestError::bad(21_211, format!("The 'To' number {to} is not a valid phone number.")));
        }
        let (kind, text, fails) = match field("ContentSid") {
            Some(content) => {
                let (text, fails) = self.content_text(content, field("ContentVariables"))?;
                ("template", text, fails)
            }
            None => ("text", body(field("Body").unwrap_or_default())?, None),
        };
        let callback = field("StatusCallback").filter(|url| !url.is_empty());
        if let Some(url) = callback.filter(|url| !is_callback(url)) {
            return Err(RestError::bad(
                21_609,
                format!("The 'StatusCallback' URL {url} is not a valid URL."),
            ));
        }
        let message = Message {
            sid: sid(),
            direction: Direction::OutboundApi,
            from: from.to_owned(),
            to: to.to_owned(),
            text,
            kind: kind.to_owned(),
            status_callback: callback.map(str::to_owned),
            silent: false,
            at: self.0.clock.now(),
            status: Fate::Accepted,
        };
        Ok((message, fails))
    }

    /// The text of a template with its variables. A wrong number of variables is found by `WhatsApp`: 63028.
    fn content_text(&self, sid: &str, variables: Option<&str>) -> Result<(String, Option<u32>), RestError> {
        let content = self.0.account.read(|account| account.contents.get(sid).cloned());
        let content = content.ok_or_else(|| RestError::bad(21_655, "The ContentSid Parameter is invalid"))?;
        let invalid = || RestError::bad(21_656, "The ContentVariables Parameter is invalid");
        let variables: Map<String, Value> =
            serde_json::from_str(variables.unwrap_or("{}")).map_err(|_| invalid())?;
        let mut text = content.body;
        for (name, value) in &variables {
            let value = value.as_str().filter(|value| !value.is_empty()).ok_or_else(invalid)?;
            let place = format!("{{{{{name}}}}}");
            if !text.contains(&place) {
                return Ok((text, Some(63_028)));
            }
            text = text.replace(&place, value);
        }
        let fails = text.contains("{{").then_some(63_028);
        Ok((text, fails))
    }

    /// Takes the message, whoever it is for, and lets its fate follow.
    fn accept(&self, (message, fails): (Message, Option<u32>), fault: Option<TwilioFault>) -> Value {
        let resource = message.resource(&self.options().account_sid);
        let plan = self.0.account.change(|account: &mut Account| {
            let pair_every = account.settings.pair_every;
            let phone = account.phone_mut(&message.to);
            phone.typing_until = None;
            let crowded = pair_every
                .is_some_and(|every| !pair::takes_turn(&mut phone.pair_busy_until, every, message.at));
            let closed = phone.last_message.is_none_or(|last| message.at - last > WINDOW);
            let fails = match fault {
                Some(TwilioFault::FailedByStatus(code)) => Some(code),
                _ if phone.not_on_whatsapp => Some(63_024),
                _ if closed && message.kind == "text" => Some(63_016),
                _ if crowded => Some(63_018),
                _ => fails,
            };
            account.messages.push(message.clone());
            match fails {
                Some(code) => vec![Fate::Failed(code)],
                None if account.settings.people_read => vec![Fate::Sent, Fate::Delivered, Fate::Read],
                None => vec![Fate::Sent, Fate::Delivered],
            }
        });
        self.report(message, plan);
        resource
    }
}

fn body(body: &str) -> Result<String, RestError> {
    if body.is_empty() {
        return Err(RestError::bad(21_619, "A text message body or media urls must be specified."));
    }
    if body.encode_utf16().count() > BODY {
        return Err(RestError::bad(21_617, "The concatenated message body exceeds the 1600 character limit"));
    }
    Ok(body.to_owned())
}

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_callback(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.contains('_'))
    })
}
