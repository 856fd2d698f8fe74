//! By what a person is found in the queue: their names, and the ids of what they said and were told. Their words are not
//! searched for; a job is theirs by who it is from or to, and somebody else who writes their number keeps what they wrote.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::Count;
use crate::job::{Job, Work};
use crate::message::{Address, Content, Inbound, Sender, opaque};
use crate::person::{UserId, names_of};
use crate::phone::E164;
use crate::vault::Vault;

/// What a Twilio address begins with, before the number (Twilio: WhatsApp addresses).
const CHANNEL: &str = "whatsapp:";

/// By what a person is found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// What came before this is to go; later they are somebody new.
    before: DateTime<Utc>,
    /// Their numbers, in every spelling.
    numbers: HashSet<String>,
    /// Their business-scoped ids.
    ids: HashSet<String>,
    /// By what both are found in our tables.
    #[serde(default)]
    digests: HashSet<String>,
    /// The e-mail addresses of their accounts.
    emails: HashSet<String>,
    /// The keys of their messages.
    messages: HashSet<String>,
    /// The providers' ids of what they were told, as the outbox has them.
    told: HashSet<String>,
    /// Their one-time codes.
    challenges: HashSet<String>,
}

impl Reach {
    /// Reads what is known of an account that has joined no other. `before`: when its person asked to be forgotten.
    pub(super) async fn of(
        db: &mut PgConnection,
        vault: &Vault,
        account: &UserId,
        before: DateTime<Utc>,
    ) -> Result<Self, sqlx::Error> {
        let mut reach = Self { before, ..Self::default() };
        for name in names_of(&mut *db, vault, account).await? {
            match (name.number(), name.value) {
                (Some(number), _) => reach.numbers.extend(number.spelled()),
                (None, Some(value)) if name.kind == "phone" => drop(reach.numbers.insert(value)),
                (None, value) => reach.ids.extend(value),
            }
            reach.digests.insert(name.digest);
        }
        let user = account.as_str();
        let all =
            async |db: &mut PgConnection, query: &'static str| -> Result<HashSet<String>, sqlx::Error> {
                let values: Vec<String> = sqlx::query_scalar(query).bind(user).fetch_all(db).await?;
                Ok(values.into_iter().collect())
            };
        reach.emails = all(
            db,
            r#"select "email" from "User" where "id" in (select wa.accounts_of($1)) and "email" is not null"#,
        )
        .await?;
        reach.messages =
            all(db, "select message_id from wa.receipt where user_id in (select wa.accounts_of($1))").await?;
        reach.told = all(
            db,
            "select o.provider_message_id from wa.outbox o join wa.receipt r on r.message_id = o.cause
             where r.user_id in (select wa.accounts_of($1)) and o.provider_message_id is not null",
        )
        .await?;
        let numbers: Vec<&String> = reach.numbers.iter().collect();
        let challenges: Vec<String> = sqlx::query_scalar(
            r#"select "id" from "OtpChallenge"
               where "userId" in (select wa.accounts_of($1)) or "phoneE164" = any($2)"#,
        )
        .bind(user)
        .bind(numbers)
        .fetch_all(db)
        .await?;
        reach.challenges = challenges.into_iter().collect();
        Ok(reach)
    }

    /// Whether a job in the queue is from this person, or about something that they were told.
    #[must_use]
    pub fn has(&self, job: &Job) -> bool {
        match &job.work {
            Work::Message(inbound) => job.received_at <= self.before && self.wrote(inbound),
            Work::Status(report) => self.told.contains(&opaque(&report.provider_message_id)),
            Work::Answer(cause) => self.messages.contains(cause.as_str()),
            Work::Code(wish) => {
                self.challenges.contains(&wish.challenge)
                    || wish.at.as_ref().is_some_and(|route| self.is_at(&route.address))
            }
            Work::Notice(notice) => self.is_named_in(notice.body.as_bytes()),
            Work::Payment(_) | Work::Checkout(_) | Work::Shelf => false,
        }
    }

    fn wrote(&self, inbound: &Inbound) -> bool {
        let Sender { address, phone, bsuid } = &inbound.sender;
        let shown = |phone: &Option<E164>, bsuid: &Option<String>| {
            phone.as_ref().is_some_and(|phone| self.is_number(phone.as_str()))
                || bsuid.as_ref().is_some_and(|id| self.ids.contains(id))
        };
        let announced = match &inbound.content {
            Content::Identity(change) => {
                shown(&change.phone, &change.bsuid) || shown(&change.previous_phone, &change.previous_bsuid)
            }
            _ => false,
        };
        // An id says who it is, whatever number it is shown beside: unless their numbers were never seen with one.
        let by_number = bsuid.is_none() || self.ids.is_empty();
        announced || shown(&None, bsuid) || by_number && (self.is_at(address) || shown(phone, &None))
    }

    /// Whether this is where they are written to.
    fn is_at(&self, address: &Address) -> bool {
        match address {
            Address::Phone(phone) => self.is_number(phone.as_str()),
            Address::Bsuid(id) => self.ids.contains(id),
            Address::Channel(channel) => {
                let name = channel.strip_prefix(CHANNEL).unwrap_or(channel);
                self.is_number(name) || self.ids.contains(name)
            }
        }
    }

    fn is_number(&self, number: &str) -> bool {
        let spelled = number.parse::<E164>().map(|number| number.spelled()).unwrap_or_default();
        self.numbers.contains(number) || spelled.iter().any(|number| self.numbers.contains(number))
    }

    /// Whether bytes that are no message hold one of their names: something signed that nobody could read, or a notice.
    #[must_use]
    pub fn is_named_in(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        // Inside a longer number the digits of a number are an accident.
        let apart = |beside: Option<char>| beside.is_none_or(|beside| !beside.is_alphanumeric());
        self.needles().iter().any(|name| {
            text.match_indices(name).any(|(at, _)| {
                apart(text[..at].chars().next_back()) && apart(text[at + name.len()..].chars().next())
            })
        })
    }

    /// Their names as they may stand inside something else: numbers without the `+`, which Meta leaves out.
    pub(super) fn needles(&self) -> Vec<String> {
        let numbers = self.numbers.iter().map(|number| number.trim_start_matches('+').to_owned());
        numbers
            .chain(self.ids.iter().cloned())
            .chain(self.emails.iter().cloned())
            .filter(|name| name.len() >= 6)
            .collect()
    }

    /// The same as regular expressions of Postgres, for what is found by no index.
    pub(super) fn patterns(&self) -> Vec<String> {
        let literal = |name: &String| -> String {
            name.chars().flat_map(|c| (!c.is_alphanumeric()).then_some('\\').into_iter().chain([c])).collect()
        };
        let bounded = |name: &String| format!("(^|[^[:alnum:]]){}($|[^[:alnum:]])", literal(name));
        self.needles().iter().map(bounded).collect()
    }

    /// Everything by which they are known, for whoever looks whether it is gone: names, their digests, and ids of messages as the
    /// books have them.
    pub(super) fn known(&self) -> impl Iterator<Item = String> {
        let messages = self.messages.iter().map(|key| key.splitn(3, ':').nth(2).unwrap_or(key).to_owned());
        let kept = self.digests.iter().chain(&self.told).cloned();
        self.needles().into_iter().chain(messages).chain(kept)
    }

    pub(super) fn count(&self) -> Count {
        let names = self.numbers.len() + self.ids.len() + self.emails.len();
        Count { names, messages: self.messages.len(), told: self.told.len() }
    }

    pub(super) fn digests(&self) -> Vec<String> {
        self.digests.iter().cloned().collect()
    }

    /// How lanes say who has them.
    pub(super) fn whos(&self, vault: &Vault) -> Vec<String> {
        let channels = self.numbers.iter().chain(&self.ids).map(|name| format!("{CHANNEL}{name}"));
        let names: Vec<String> = self.numbers.iter().chain(&self.ids).cloned().chain(channels).collect();
        names.iter().flat_map(|name| vault.whos(name)).collect()
    }

    pub(super) fn phones(&self) -> Vec<E164> {
        self.numbers.iter().filter_map(|number| number.parse().ok()).collect()
    }

    pub(super) fn messages(&self) -> Vec<String> {
        self.messages.iter().cloned().collect()
    }

    pub(super) fn challenges(&self) -> Vec<String> {
        self.challenges.iter().cloned().collect()
    }

    /// Every address of theirs.
    pub(super) fn addresses(&self) -> Vec<Address> {
        let numbers = self.phones().into_iter().flat_map(|number| {
            [Address::Channel(format!("{CHANNEL}{}", number.as_str())), Address::Phone(number)]
        });
        let ids = self
            .ids
            .iter()
            .flat_map(|id| [Address::Bsuid(id.clone()), Address::Channel(format!("{CHANNEL}{id}"))]);
        numbers.chain(ids).collect()
    }
}

#[cfg(test)]
mod tests;
