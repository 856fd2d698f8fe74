//! Whether Meta takes a well-formed message for this recipient now, and what follows from taking it.
//!
//! One look under one lock decides, so two requests at the same instant cannot both use the last of a rate.
//! What Meta may say either at once or later (a closed window, an unknown recipient) follows the set verdict.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::pair;
use super::super::receipts::Fate;
use super::errors::GraphError;
use super::rules::{Address, Draft};
use super::template::Category;
use super::world::{Phone, Sent, Verdict, World};
use super::{Meta, wamid};

/// The customer service window after a person's last message.
const WINDOW: TimeDelta = TimeDelta::hours(24);

impl Meta {
    /// Takes a message or refuses it. `fails` makes it fail later with that code, whatever the recipient.
    pub(super) fn accept(&self, draft: &Draft, fails: Option<u32>) -> Result<Value, GraphError> {
        let now = self.0.clock.now();
        let country = self.0.options.display_phone_number.get(..2).unwrap_or_default();
        let (sent, plan) = self.0.world.change(|world| {
            let verdict = world.settings.verdict;
            let pair_every = world.settings.pair_every;
            let slow = throttled(world, now);
            let phone = recipient(world, &draft.address, country)?;
            if draft.template == Some(Category::Authentication) && matches!(draft.address, Address::User(_)) {
                return Err(GraphError::of(131_062));
            }
            if slow {
                return Err(GraphError::of(130_429));
            }
            if pair_every.is_some_and(|every| !pair::takes_turn(&mut phone.pair_busy_until, every, now)) {
                return Err(GraphError::of(131_056));
            }
            let closed = phone.last_message.is_none_or(|last| now - last > WINDOW);
            let problem = if phone.left_whatsapp {
                Some(131_026)
            } else if draft.template.is_none() && closed {
                Some(131_047)
            } else {
                None
            };
            if let (Some(code), Verdict::AtOnce) = (problem, verdict) {
                return Err(GraphError::of(code));
            }
            phone.typing_until = None;
            let (blocked, sent) = (phone.blocked_us, sent(draft, phone, now));
            world.sent.push(sent.clone());
            world.lately.push_back(now);
            let plan = match fails.or(problem) {
                Some(code) => vec![Fate::Failed(code)],
                // A person who blocked us gives no error: the message stays where it is for ever.
                None if blocked => vec![Fate::Sent],
                None if world.settings.people_read => vec![Fate::Sent, Fate::Delivered, Fate::Read],
                None => vec![Fate::Sent, Fate::Delivered],
            };
            Ok((sent, plan))
        })?;
        self.report(&sent.wamid, plan);
        let contact = match &draft.address {
            Address::User(user_id) => json!({"input": user_id, "user_id": user_id}),
            Address::Number(_) | Address::National(_) => {
                json!({"input": draft.request["to"], "wa_id": sent.to})
            }
        };
        let mut message = json!({"id": sent.wamid});
        if draft.template.is_some() {
            message["message_status"] = json!("accepted");
        }
        Ok(json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}))
    }
}

/// The phone behind an address, or 131026.
///
/// Any number with `+` is taken to be on `WhatsApp` until it leaves. Digits without `+` get our country code in
/// front, and that number only exists if somebody made it exist.
fn recipient<'a>(
    world: &'a mut World,
    address: &Address,
    country: &str,
) -> Result<&'a mut Phone, GraphError> {
    match address {
        Address::Number(digits) => Ok(world.number(digits)),
        Address::National(digits) => {
            world.phone_mut(&format!("{country}{digits}")).ok_or_else(|| GraphError::of(131_026))
        }
        Address::User(user_id) => world.phone_mut(user_id).ok_or_else(|| GraphError::of(131_026)),
    }
}

/// Whether the number has sent as much in the last second as it may.
fn throttled(world: &mut World, now: DateTime<Utc>) -> bool {
    while world.lately.front().is_some_and(|at| now - *at >= TimeDelta::seconds(1)) {
        world.lately.pop_front();
    }
    world.settings.per_second.is_some_and(|most| world.lately.len() >= most)
}

fn sent(draft: &Draft, phone: &Phone, at: DateTime<Utc>) -> Sent {
    // The id of a message to a hidden number still carries some number; the BSUID stands in for it here.
    let number = phone.wa_id.as_deref().unwrap_or(&phone.user_id);
    Sent {
        wamid: wamid::outbound(number),
        to: phone.wa_id.clone(),
        user_id: phone.user_id.clone(),
        text: draft.text.clone(),
        kind: draft.kind.clone(),
        document: draft.document.clone(),
        opaque: draft.opaque.clone(),
        quotes: draft.quotes.clone(),
        request: draft.request.clone(),
        at,
        status: Fate::Accepted,
        silent: false,
    }
}
