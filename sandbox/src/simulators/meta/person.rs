//! The person's side: what a phone does, and the webhooks that Meta makes of it.
//!
//! A message is remembered before it is delivered: it opens the 24-hour window, can be marked as read, and can
//! be delivered again byte for byte, whatever the product answered. Payloads have the shape of late 2026, with
//! `user_id` beside (or instead of) the number.

use std::time::Duration;

use axum::http::HeaderMap;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::super::courier::{Delivery, Persistence};
use super::super::watched::TimedOut;
use super::signature::{escape, sign};
use super::world::{Received, Sent};
use super::{Meta, wamid};

/// The `WhatsApp` Business Account that our number belongs to. The product has no use for it.
/// The account that our number belongs to.
pub const WABA_ID: &str = "104857600123456";

/// Somebody with a phone. Clones are the same person.
#[derive(Clone)]
pub struct MetaPerson {
    pub(super) meta: Meta,
    pub(super) user_id: String,
}

impl Meta {
    /// A person with a visible number (digits, with or without `+`). Asking again gives the same person.
    #[must_use]
    pub fn person(&self, wa_id: &str, name: &str) -> MetaPerson {
        let user_id = self.0.world.change(|world| {
            let phone = world.number(wa_id.trim_start_matches('+'));
            name.clone_into(&mut phone.name);
            phone.user_id.clone()
        });
        MetaPerson { meta: self.clone(), user_id }
    }

    /// A person who hides the number behind a username: only the BSUID is ever shown.
    #[must_use]
    pub fn hidden_person(&self, user_id: &str, username: &str, name: &str) -> MetaPerson {
        self.0.world.change(|world| {
            let phone = world.hidden(user_id);
            name.clone_into(&mut phone.name);
            phone.username = Some(username.to_owned());
        });
        MetaPerson { meta: self.clone(), user_id: user_id.to_owned() }
    }

    /// Several people's texts in one webhook, as Meta aggregates under load. The delivery carries the first id;
    /// the ids of all are returned beside it, in order.
    pub async fn batch(&self, texts: &[(&MetaPerson, &str)]) -> (Delivery, Vec<String>) {
        let mut value = self.metadata();
        let (mut contacts, mut messages) = (Vec::new(), Vec::new());
        for (person, text) in texts {
            let (contact, message) = person.compose("text", &json!({"body": text}));
            if !contacts.contains(&contact) {
                contacts.push(contact);
            }
            messages.push(message);
        }
        let ids = messages.iter().filter_map(|message| message["id"].as_str().map(str::to_owned)).collect();
        value["contacts"] = json!(contacts);
        value["messages"] = json!(messages);
        (self.deliver(&self.envelope(&value)).await, ids)
    }

    /// Signs and delivers any payload. Messages inside count as sent by their senders now.
    pub async fn deliver(&self, payload: &Value) -> Delivery {
        let persistence = self.0.world.read(|world| world.settings.messages.clone());
        let first = self.remember(payload);
        Delivery { message_id: first.unwrap_or_default(), ..self.post(payload, &persistence).await }
    }

    /// Delivers any payload signed with another key: somebody who is not Meta.
    pub async fn forge(&self, payload: &Value, secret: &str) -> Delivery {
        let bytes = self.wire(payload);
        self.post_bytes(bytes, secret, &Persistence::once()).await
    }

    /// Delivers a message again, the same bytes `times` times, one after the other or all at once.
    /// An id that nobody sent gives no deliveries.
    pub async fn redeliver(&self, message_id: &str, times: usize, concurrently: bool) -> Vec<Delivery> {
        let received = self.0.world.read(|world| world.received.get(message_id).cloned());
        let Some(received) = received else { return Vec::new() };
        let again = || async {
            let bytes = received.bytes.clone();
            let delivery = self.post_bytes(bytes, &self.0.options.app_secret, &Persistence::once()).await;
            Delivery { message_id: message_id.to_owned(), ..delivery }
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

    /// The outermost object around one `value` of field `messages`.
    #[must_use]
    pub fn envelope(&self, value: &Value) -> Value {
        let change = json!({"value": value, "field": "messages"});
        json!({"object": "whatsapp_business_account", "entry": [{"id": WABA_ID, "changes": [change]}]})
    }

    /// The start of every `value`.
    #[must_use]
    pub fn metadata(&self) -> Value {
        let options = self.options();
        json!({
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": options.display_phone_number,
                "phone_number_id": options.phone_number_id,
            },
        })
    }

    /// Signs and posts a payload.
    pub(super) async fn post(&self, payload: &Value, persistence: &Persistence) -> Delivery {
        self.post_bytes(self.wire(payload), &self.0.options.app_secret, persistence).await
    }

    async fn post_bytes(&self, bytes: Vec<u8>, secret: &str, persistence: &Persistence) -> Delivery {
        let Some(url) = self.0.world.read(|world| world.settings.webhook_url.clone()) else {
            return Delivery::nowhere();
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().expect("a literal header value"));
        let signature = sign(secret, &bytes).parse().expect("hexadecimal is a header value");
        headers.insert("x-hub-signature-256", signature);
        self.0.courier.post(&url, headers, bytes, persistence).await
    }

    /// The bytes of a payload as they are set to travel.
    fn wire(&self, payload: &Value) -> Vec<u8> {
        let json = payload.to_string();
        let escapes = self.0.world.read(|world| world.settings.escapes);
        if escapes { escape(&json).into_bytes() } else { json.into_bytes() }
    }

    /// Takes note of the messages in a payload; returns the first id.
    fn remember(&self, payload: &Value) -> Option<String> {
        let now = self.0.clock.now();
        let bytes = self.wire(payload);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut first = None;
        self.0.world.change(|world| {
            let changes = list(&payload["entry"]).into_iter().flat_map(|entry| list(&entry["changes"]));
            for message in changes.flat_map(|change| list(&change["value"]["messages"])) {
                let Some(id) = message["id"].as_str() else { continue };
                let sender = message["from_user_id"].as_str().or_else(|| message["from"].as_str());
                let phone = sender.and_then(|sender| world.phone_mut(sender));
                let user_id = phone.map(|phone| {
                    phone.last_message = Some(now);
                    phone.user_id.clone()
                });
                world.received.insert(id.to_owned(), Received { user_id, bytes: bytes.clone() });
                first.get_or_insert_with(|| id.to_owned());
            }
        });
        first
    }
}

impl MetaPerson {
    /// The person's BSUID.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Writes a text; returns when the product answered the webhook.
    pub async fn text(&self, body: &str) -> Delivery {
        self.message("text", &json!({"body": body})).await
    }

    /// Taps a reply button (or a list row) of our message `wamid`.
    pub async fn taps(&self, wamid: &str, id: &str, title: &str) -> Delivery {
        let of_list = |sent: &Sent| sent.wamid == wamid && sent.request["interactive"]["type"] == "list";
        let kind = if self.heard().iter().any(of_list) { "list_reply" } else { "button_reply" };
        let content = json!({"type": kind, kind: {"id": id, "title": title}});
        let (contact, mut message) = self.compose("interactive", &content);
        message["context"] = json!({"from": self.meta.options().display_phone_number, "id": wamid});
        self.deliver(contact, message).await
    }

    /// Puts other words in place of those of an earlier message.
    pub async fn edits(&self, message: &str, body: &str) -> Delivery {
        let new = json!({"context": {"id": "M0"}, "type": "text", "text": {"body": body}});
        self.message("edit", &json!({"original_message_id": message, "message": new})).await
    }

    /// Deletes an earlier message for everybody.
    pub async fn deletes(&self, message: &str) -> Delivery {
        self.message("revoke", &json!({"original_message_id": message})).await
    }

    /// Reacts to our message `wamid`, in place of an earlier reaction; `None` takes it back.
    pub async fn reacts(&self, wamid: &str, emoji: Option<&str>) -> Delivery {
        let mut reaction = json!({"message_id": wamid});
        if let Some(emoji) = emoji {
            reaction["emoji"] = json!(emoji);
        }
        self.message("reaction", &reaction).await
    }

    /// Sends a message of any type; `content` is the object that bears the type's name.
    pub async fn message(&self, kind: &str, content: &Value) -> Delivery {
        let (contact, message) = self.compose(kind, content);
        self.deliver(contact, message).await
    }

    /// A contact entry and a message of this person, with a fresh id, for a payload made by hand.
    #[must_use]
    pub fn compose(&self, kind: &str, content: &Value) -> (Value, Value) {
        let phone = self.meta.0.world.read(|world| world.phone(&self.user_id).cloned()).unwrap_or_default();
        let mut message = json!({
            "from_user_id": self.user_id,
            "id": wamid::inbound(phone.wa_id.as_deref().unwrap_or(&self.user_id)),
            "timestamp": self.meta.0.clock.now().timestamp().to_string(),
            "type": kind,
            kind: content,
        });
        if let Some(wa_id) = &phone.wa_id {
            message["from"] = json!(wa_id);
        }
        (phone.contact(), message)
    }

    /// A message of this person that nobody has delivered yet: its id, and the webhook.
    #[must_use]
    pub fn letter(&self, kind: &str, content: &Value) -> (String, Value) {
        let (contact, message) = self.compose(kind, content);
        let id = message["id"].as_str().unwrap_or_default().to_owned();
        (id, self.wrapped(&contact, &message))
    }

    fn wrapped(&self, contact: &Value, message: &Value) -> Value {
        let mut value = self.meta.metadata();
        value["contacts"] = json!([contact]);
        value["messages"] = json!([message]);
        self.meta.envelope(&value)
    }

    async fn deliver(&self, contact: Value, message: Value) -> Delivery {
        self.meta.deliver(&self.wrapped(&contact, &message)).await
    }

    /// What this person was sent so far.
    #[must_use]
    pub fn heard(&self) -> Vec<Sent> {
        self.meta.sent_to(&self.user_id)
    }

    /// Waits until this person was sent `n` messages in all.
    pub async fn hears(&self, n: usize, within: Duration) -> Result<Vec<Sent>, TimedOut> {
        self.meta.wait_sent_to(&self.user_id, n, within).await
    }

    /// Whether this person sees that we are typing.
    #[must_use]
    pub fn sees_typing(&self) -> bool {
        self.meta.typing(&self.user_id)
    }

    /// Moves to another number, and to another id with it. Returns the person under the new names, and the webhook by
    /// which Meta announces it: delivered whenever the test says so.
    #[must_use]
    pub fn changes_number(&self, wa_id: &str) -> (Self, Value) {
        let wa_id = wa_id.trim_start_matches('+');
        let name = self.name();
        let (old, user_id) = self.meta.0.world.change(|world| world.moves(&self.user_id, wa_id));
        let from = old.clone().unwrap_or_else(|| self.user_id.clone());
        let mut system = json!({
            "body": format!("User {name} changed from {from} to {wa_id}"),
            "wa_id": wa_id,
            "user_id": user_id,
            "previous_user_id": self.user_id,
            "type": "user_changed_number",
        });
        if old.is_none() {
            system.as_object_mut().map(|system| system.remove("wa_id"));
        }
        (Self { meta: self.meta.clone(), user_id }, self.announcement(old.as_deref(), &system))
    }

    /// Gets another id, and keeps a number that nobody is shown. Returns as [`Self::changes_number`] does.
    #[must_use]
    pub fn changes_id(&self, user_id: &str) -> (Self, Value) {
        let system = json!({
            "body": format!("User {} changed from {} to {user_id}", self.name(), self.user_id),
            "user_id": user_id,
            "previous_user_id": self.user_id,
            "type": "user_changed_user_id",
        });
        let username = self.meta.0.world.read(|world| world.phone(&self.user_id)?.username.clone());
        let person = self.meta.hidden_person(user_id, &username.unwrap_or_default(), &self.name());
        (person, self.announcement(None, &system))
    }

    /// A system message has no contacts beside it, and its sender is the old number, or nobody.
    fn announcement(&self, from: Option<&str>, system: &Value) -> Value {
        let mut message = json!({
            "id": wamid::inbound(from.unwrap_or(&self.user_id)),
            "timestamp": self.meta.0.clock.now().timestamp().to_string(),
            "type": "system",
            "system": system,
        });
        if let Some(from) = from {
            message["from"] = json!(from);
        }
        let mut value = self.meta.metadata();
        value["messages"] = json!([message]);
        self.meta.envelope(&value)
    }

    fn name(&self) -> String {
        self.meta
            .0
            .world
            .read(|world| world.phone(&self.user_id).map(|phone| phone.name.clone()))
            .unwrap_or_default()
    }

    /// Adopts a username: the number is not told any more.
    pub fn hides_number(&self) {
        self.meta.0.world.change(|world| world.shows(&self.user_id, None));
    }

    /// Lets this number be told, which is theirs.
    pub fn shows_number(&self, wa_id: &str) {
        self.meta.0.world.change(|world| world.shows(&self.user_id, Some(wa_id.trim_start_matches('+'))));
    }

    /// Gives the number up, to whoever gets it next.
    pub fn gives_up_number(&self) {
        self.meta.0.world.change(|world| world.gives_up(&self.user_id));
    }

    /// Blocks the business: its messages stay `sent` for ever.
    pub fn blocks(&self) {
        self.meta.0.world.change(|world| world.phone_mut(&self.user_id).map(|phone| phone.blocked_us = true));
    }

    /// Leaves `WhatsApp`: messages are undeliverable (131026) from now on.
    pub fn leaves_whatsapp(&self) {
        self.meta
            .0
            .world
            .change(|world| world.phone_mut(&self.user_id).map(|phone| phone.left_whatsapp = true));
    }
}
