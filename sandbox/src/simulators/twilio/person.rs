//! The person's side: what a phone does, and the webhooks that Twilio makes of it.
//!
//! The message exists at Twilio whatever our webhook answers: it opens the window and stands in the listing even
//! when the webhook was lost. Parameters and their order are those seen on real requests of 2026.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::super::courier::{Delivery, Persistence};
use super::super::receipts::Fate;
use super::super::watched::TimedOut;
use super::Twilio;
use super::account::{Alert, Direction, Message, digits, sid};
use super::api::Form;
use super::connection::overrides;
use super::signature::sign;
use super::twiml::{Reading, read};

/// Somebody with a phone. Clones are the same person.
#[derive(Clone)]
pub struct TwilioPerson {
    pub(super) twilio: Twilio,
    /// Digits of the number.
    number: String,
}

impl Twilio {
    /// A person with this number (digits, with or without `+`). Asking again gives the same person.
    #[must_use]
    pub fn person(&self, number: &str, name: &str) -> TwilioPerson {
        self.0.account.change(|account| name.clone_into(&mut account.phone_mut(number).name));
        TwilioPerson { twilio: self.clone(), number: digits(number).to_owned() }
    }

    /// Signs and delivers any parameters as an inbound webhook, and does what the answer says. `MessageSid`,
    /// `From`, `To` and `Body`, where given, become a message of the account.
    pub async fn deliver(&self, parameters: Form) -> Delivery {
        let field = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let message = Message {
            sid: field("MessageSid"),
            direction: Direction::Inbound,
            from: field("From"),
            to: field("To"),
            text: field("Body"),
            kind: "text".to_owned(),
            status_callback: None,
            silent: false,
            at: self.0.clock.now(),
            status: Fate::Accepted,
        };
        self.0.account.change(|account| {
            account.phone_mut(&message.from).last_message = Some(message.at);
            account.received.insert(message.sid.clone(), parameters.clone());
            account.messages.push(message.clone());
        });
        let delivery = self.post_inbound(&parameters, None).await;
        self.obey(&message, &delivery);
        Delivery { message_id: message.sid, ..delivery }
    }

    /// Delivers parameters signed with another token: somebody who is not Twilio. Nothing is remembered.
    pub async fn forge(&self, parameters: &Form, auth_token: &str) -> Delivery {
        self.post_inbound(parameters, Some(auth_token)).await
    }

    /// Delivers a message again, the same bytes `times` times, one after the other or all at once.
    /// A sid that nobody sent gives no deliveries.
    pub async fn redeliver(&self, message_sid: &str, times: usize, concurrently: bool) -> Vec<Delivery> {
        let received = self.0.account.read(|account| account.received.get(message_sid).cloned());
        let Some(parameters) = received else { return Vec::new() };
        let again = || async {
            let delivery = self.post_inbound(&parameters, None).await;
            Delivery { message_id: message_sid.to_owned(), ..delivery }
        };
        if concurrently {
            return join_all((0..times).map(|_| again())).await;
        }
        let mut deliveries = Vec::with_capacity(times);
        for _ in 0..times {
            deliveries.push(again().await);
        }
        deliveries
    }

    async fn post_inbound(&self, parameters: &Form, forged_with: Option<&str>) -> Delivery {
        let (webhook, public) = self
            .0
            .account
            .read(|account| (account.settings.webhook_url.clone(), account.settings.public_url.clone()));
        let Some(webhook) = webhook else { return Delivery::nowhere() };
        let configured = public.as_ref().unwrap_or(&webhook);
        match forged_with {
            None => self.post_form(configured, &webhook, parameters, &overrides(configured)).await,
            Some(token) => {
                let signature = sign(token, configured, parameters);
                self.post_signed(&webhook, &signature, parameters, &Persistence::once()).await
            }
        }
    }

    /// Does what our webhook's answer says: sends a message, raises an alert, or nothing.
    fn obey(&self, message: &Message, delivery: &Delivery) {
        let reading = read(delivery);
        let at = self.0.clock.now();
        self.0.account.change(|account| match reading {
            Reading::Nothing => {}
            Reading::Say(texts) => account.messages.extend(texts.into_iter().map(|text| Message {
                sid: sid(),
                direction: Direction::OutboundReply,
                from: message.to.clone(),
                to: message.from.clone(),
                text,
                kind: "twiml".to_owned(),
                status_callback: None,
                silent: false,
                at,
                status: Fate::Sent,
            })),
            Reading::Alert(code, words) => {
                account.alerts.push(Alert { code, message_sid: message.sid.clone(), message: words });
            }
        });
    }
}

impl TwilioPerson {
    /// The channel address, `whatsapp:+33639980123`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("whatsapp:+{}", self.number)
    }

    /// Writes a text; returns when the product answered the webhook.
    pub async fn text(&self, body: &str) -> Delivery {
        self.twilio.deliver(self.compose(body, &[])).await
    }

    /// Writes a message with further parameters (media, buttons, …), which replace those of the same name.
    pub async fn message(&self, body: &str, further: &[(&str, &str)]) -> Delivery {
        self.twilio.deliver(self.compose(body, further)).await
    }

    /// The parameters of a message of this person, with a fresh sid.
    #[must_use]
    pub fn compose(&self, body: &str, further: &[(&str, &str)]) -> Form {
        let name =
            self.twilio.0.account.read(|account| account.phone(&self.number).map(|phone| phone.name.clone()));
        let (name, sid) = (name.unwrap_or_default(), sid());
        let context = json!({"ProfileName": name, "WaId": self.number});
        let metadata = json!({"type": "whatsapp", "data": {"context": context}}).to_string();
        let usual = [
            ("SmsMessageSid", sid.clone()),
            ("NumMedia", "0".to_owned()),
            ("ProfileName", name),
            ("MessageType", "text".to_owned()),
            ("SmsSid", sid.clone()),
            ("WaId", self.number.clone()),
            ("SmsStatus", "received".to_owned()),
            ("Body", body.to_owned()),
            ("To", self.twilio.options().from.clone()),
            ("NumSegments", "1".to_owned()),
            ("ReferralNumMedia", "0".to_owned()),
            ("MessageSid", sid),
            ("AccountSid", self.twilio.options().account_sid.clone()),
            ("ChannelMetadata", metadata),
            ("From", self.address()),
            ("ApiVersion", "2010-04-01".to_owned()),
        ];
        let further = further.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let mut form: Form = Vec::new();
        for (name, value) in usual.into_iter().chain(further) {
            match form.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = value,
                None => form.push((name.to_owned(), value)),
            }
        }
        form
    }

    /// What this person was sent so far.
    #[must_use]
    pub fn heard(&self) -> Vec<Message> {
        self.twilio.sent_to(&self.number)
    }

    /// Waits until this person was sent `n` messages in all.
    pub async fn hears(&self, n: usize, within: Duration) -> Result<Vec<Message>, TimedOut> {
        self.twilio.wait_sent_to(&self.number, n, within).await
    }

    /// Whether this person sees that we are typing.
    #[must_use]
    pub fn sees_typing(&self) -> bool {
        self.twilio.typing(&self.number)
    }

    /// Leaves `WhatsApp`: messages fail with 63024 from now on.
    pub fn leaves_whatsapp(&self) {
        self.twilio.0.account.change(|account| account.phone_mut(&self.number).not_on_whatsapp = true);
    }
}
