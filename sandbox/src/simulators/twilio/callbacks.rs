//! What Twilio reports about our messages: signed form posts to the message's own `StatusCallback`.
//!
//! No callback without that URL, and never one for the initial `queued`. The URL is signed exactly as the
//! product gave it, query included, even when its public host leads to this machine only in production.

use axum::http::HeaderMap;
use url::Url;

use super::super::courier::{Delivery, Persistence};
use super::super::receipts::{Fate, Statuses};
use super::Twilio;
use super::account::{Account, Message};
use super::api::Form;
use super::errors::failure_words;
use super::signature::sign;

impl Twilio {
    /// Lets a message live through its fates, and reports them as the policy says.
    pub(super) fn report(&self, message: Message, plan: Vec<Fate>) {
        let (policy, persistence) =
            self.0.account.read(|account| (account.settings.statuses, account.settings.callbacks.clone()));
        let callback = message.status_callback.clone().filter(|_| policy != Statuses::Never);
        let Some(callback) = callback else {
            self.0.account.change(|account| {
                for fate in &plan {
                    account.advance(&message.sid, *fate);
                }
                for known in account.messages.iter_mut().filter(|known| known.sid == message.sid) {
                    known.silent = true;
                }
            });
            return;
        };
        let twilio = self.clone();
        self.0.life.errand(async move {
            policy.delay().await;
            for fate in policy.arrange(&plan) {
                twilio.0.account.change(|account| account.advance(&message.sid, fate));
                let parameters = twilio.status(&message, fate);
                let to = twilio.0.account.read(|account| account.route(&callback));
                twilio.post_form(&callback, &to, &parameters, &persistence).await;
            }
        });
    }

    fn status(&self, message: &Message, fate: Fate) -> Form {
        let mut parameters = vec![
            ("ChannelPrefix", "whatsapp".to_owned()),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("MessageStatus", fate.word().to_owned()),
            ("SmsSid", message.sid.clone()),
            ("SmsStatus", fate.word().to_owned()),
            ("ChannelInstallSid", "XE00112233445566778899aabbccddeeff".to_owned()),
            ("To", message.to.clone()),
            ("From", message.from.clone()),
            ("MessageSid", message.sid.clone()),
            ("AccountSid", self.options().account_sid.clone()),
        ];
        match fate {
            Fate::Delivered | Fate::Read => parameters.push(("EventType", fate.word().to_uppercase())),
            Fate::Failed(code) => {
                parameters.push(("ErrorCode", code.to_string()));
                if let Some((error, channel)) = failure_words(code) {
                    parameters.push(("ErrorMessage", error.to_owned()));
                    parameters.push(("ChannelStatusMessage", channel.to_owned()));
                }
            }
            Fate::Accepted | Fate::Sent => {}
        }
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Posts a form to `to`, signed for the URL `configured`.
    pub(super) async fn post_form(
        &self,
        configured: &str,
        to: &str,
        parameters: &Form,
        persistence: &Persistence,
    ) -> Delivery {
        let signature = sign(&self.options().auth_token, configured, parameters);
        self.post_signed(to, &signature, parameters, persistence).await
    }

    /// Posts a form with a signature that was made elsewhere.
    pub(super) async fn post_signed(
        &self,
        to: &str,
        signature: &str,
        parameters: &Form,
        persistence: &Persistence,
    ) -> Delivery {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let mut headers = HeaderMap::new();
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        headers.insert("content-type", form.parse().expect("a literal header value"));
        let token = hex::encode(rand::random::<[u8; 16]>());
        headers.insert("i-twilio-idempotency-token", token.parse().expect("hexadecimal is a header value"));
        if let Ok(signature) = signature.parse() {
            headers.insert("x-twilio-signature", signature);
        }
        self.0.courier.post(to, headers, body.into_bytes(), persistence).await
    }
}

impl Account {
    /// Where the bytes for a configured URL go: elsewhere only for URLs on the origin of the public URL.
    fn route(&self, configured: &str) -> String {
        let parse = |url: &Option<String>| url.as_deref().and_then(|url| Url::parse(url).ok());
        let (public, local) = (parse(&self.settings.public_url), parse(&self.settings.webhook_url));
        let (Some(public), Some(local), Ok(url)) = (public, local, Url::parse(configured)) else {
            return configured.to_owned();
        };
        if url.origin() != public.origin() {
            return configured.to_owned();
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{}{query}", local.origin().ascii_serialization(), url.path())
    }
}
