//! What Meta reports about our messages: signed status webhooks in the shape of API version 24 and later.
//!
//! They run beside the answers, so the first one may arrive before the product has read that its message was
//! accepted. The `contacts` block and `recipient_user_id` are there since 2026, except for `failed`.

use serde_json::{Value, json};

use super::super::receipts::{Fate, Statuses};
use super::errors::GraphError;
use super::world::{Phone, Sent};
use super::{Meta, MetaPerson};

impl Meta {
    /// Lets a message live through its fates, and reports them as the policy says.
    pub(super) fn report(&self, wamid: &str, plan: Vec<Fate>) {
        let (policy, persistence) =
            self.0.world.read(|world| (world.settings.statuses, world.settings.reports.clone()));
        if policy == Statuses::Never {
            self.0.world.change(|world| {
                for fate in &plan {
                    world.advance(wamid, *fate);
                }
                for sent in world.sent.iter_mut().filter(|sent| sent.wamid == wamid) {
                    sent.silent = true;
                }
            });
            return;
        }
        let (meta, wamid) = (self.clone(), wamid.to_owned());
        self.0.life.errand(async move {
            policy.delay().await;
            for fate in policy.arrange(&plan) {
                let report = meta.0.world.change(|world| {
                    let sent = world.advance(&wamid, fate)?;
                    let phone = world.phone(&sent.user_id)?.clone();
                    Some((sent, phone))
                });
                if let Some((sent, phone)) = report {
                    let payload = meta.status(&sent, &phone, fate);
                    meta.post(&payload, &persistence).await;
                }
            }
        });
    }

    /// One status webhook.
    fn status(&self, sent: &Sent, phone: &Phone, fate: Fate) -> Value {
        let mut status = json!({
            "id": sent.wamid,
            "status": fate.word(),
            "timestamp": self.0.clock.now().timestamp().to_string(),
        });
        if let Some(wa_id) = &phone.wa_id {
            status["recipient_id"] = json!(wa_id);
        }
        if let Some(opaque) = &sent.opaque {
            status["biz_opaque_callback_data"] = json!(opaque);
        }
        let mut value = self.metadata();
        match fate {
            Fate::Failed(code) => {
                status["errors"] = json!([GraphError::in_status(code)]);
                if phone.wa_id.is_none() {
                    status["recipient_user_id"] = json!(phone.user_id);
                }
            }
            Fate::Accepted | Fate::Sent | Fate::Delivered | Fate::Read => {
                status["recipient_user_id"] = json!(phone.user_id);
                value["contacts"] = json!([phone.contact()]);
            }
        }
        if matches!(fate, Fate::Sent | Fate::Delivered) {
            let category = if sent.kind == "template" { "authentication" } else { "service" };
            status["pricing"] =
                json!({"billable": true, "pricing_model": "PMP", "type": "regular", "category": category});
        }
        value["statuses"] = json!([status]);
        self.envelope(&value)
    }
}

impl MetaPerson {
    /// Opens the chat: everything that was delivered and not yet read is reported as read.
    pub fn opens_chat(&self) {
        for sent in self.meta.sent_to(&self.user_id) {
            if sent.status == Fate::Delivered {
                self.meta.report(&sent.wamid, vec![Fate::Read]);
            }
        }
    }
}

impl Phone {
    /// The entry of `contacts` for this person.
    pub(super) fn contact(&self) -> Value {
        let mut contact = json!({"profile": {"name": self.name}, "user_id": self.user_id});
        if let Some(wa_id) = &self.wa_id {
            contact["wa_id"] = json!(wa_id);
        }
        if let Some(username) = &self.username {
            contact["profile"]["username"] = json!(username);
        }
        contact
    }
}
