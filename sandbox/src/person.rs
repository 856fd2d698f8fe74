//! Somebody with a phone, in a test: says things, hears answers, owns credits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::message::{MessageId, Provider};
use shared::person::UserId;
use sqlx::PgPool;

use crate::simulators::courier::Delivery;
use crate::simulators::meta::{Document, MetaPerson, Offered};
use crate::simulators::note::note;
use crate::simulators::receipts::Fate;
use crate::simulators::twilio::TwilioPerson;
use crate::stage::Stage;

/// How long an answer may take in a test before silence counts as silence.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The phone, by who connects it.
#[derive(Clone)]
pub enum Phone {
    /// Through Meta.
    Meta(MetaPerson),
    /// Through Twilio.
    Twilio(TwilioPerson),
}

/// A person. Hears each message once, in the order in which they came.
pub struct Person {
    /// The phone.
    pub phone: Phone,
    number: String,
    stage: Stage,
    pool: PgPool,
    heard: AtomicUsize,
}

/// Something that was said, and what became of its webhook.
#[derive(Debug)]
pub struct Said {
    /// The key of the message in our books.
    pub id: MessageId,
    /// The webhook.
    pub delivery: Delivery,
}

/// Something that came to a phone.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The provider's id.
    pub id: String,
    /// The words.
    pub text: String,
    /// The document that they stand beside.
    pub document: Option<Document>,
    /// What can be tapped under them.
    pub offers: Option<Offered>,
    /// When the provider took it.
    pub at: DateTime<Utc>,
    /// How far it has come.
    pub fate: Fate,
}

impl Person {
    /// Somebody with this number, such as `+33639980001`.
    #[must_use]
    pub fn new(stage: &Stage, pool: &PgPool, provider: Provider, number: &str, name: &str) -> Self {
        let phone = match provider {
            Provider::Meta => Phone::Meta(stage.meta.person(number, name)),
            Provider::Twilio => Phone::Twilio(stage.twilio.person(number, name)),
        };
        Self {
            phone,
            number: number.to_owned(),
            stage: stage.clone(),
            pool: pool.clone(),
            heard: AtomicUsize::new(0),
        }
    }

    /// Gives the person an account with credits, as the web app would have made it, with the row in the ledger that
    /// explains them.
    pub async fn with_credits(self, credits: i32) -> Self {
        let (id, entry) = (shared::db::new_id(), shared::db::new_id());
        sqlx::query(
            r#"with person as (
                 insert into "User" ("id", "credits", "waPhoneE164", "updatedAt") values ($1, $2, $3, now()) returning "id")
               insert into "CreditLedger" ("id", "userId", "delta", "reason") select $4, "id", $2, 'purchase' from person"#,
        )
        .bind(id)
        .bind(credits)
        .bind(&self.number)
        .bind(entry)
        .execute(&self.pool)
        .await
        .expect("the account of a person in a test");
        self
    }

    /// The phone, for what only Meta's people can do.
    ///
    /// # Panics
    /// When it is Twilio's.
    #[must_use]
    pub fn meta(&self) -> &MetaPerson {
        match &self.phone {
            Phone::Meta(phone) => phone,
            Phone::Twilio(_) => panic!("not a person of Meta"),
        }
    }

    /// The phone, for what only Twilio's people can do.
    ///
    /// # Panics
    /// When it is Meta's.
    #[must_use]
    pub fn twilio(&self) -> &TwilioPerson {
        match &self.phone {
            Phone::Twilio(phone) => phone,
            Phone::Meta(_) => panic!("not a person of Twilio"),
        }
    }

    /// Writes a text: a signed webhook over HTTP.
    pub async fn says(&self, text: &str) -> Said {
        let delivery = match &self.phone {
            Phone::Meta(person) => person.text(text).await,
            Phone::Twilio(person) => person.text(text).await,
        };
        Said { id: self.key(&delivery.message_id), delivery }
    }

    /// Reacts to a message that came; `None` takes the reaction back. `None`, and nothing happens, where the provider
    /// delivers no reactions or the message is not there.
    pub async fn reacts(&self, message: &str, emoji: Option<&str>) -> Option<Said> {
        let Phone::Meta(person) = &self.phone else { return None };
        self.screen().into_iter().find(|heard| heard.id == message)?;
        let delivery = person.reacts(message, emoji).await;
        Some(Said { id: self.key(&delivery.message_id), delivery })
    }

    /// Records a voice note of these words.
    pub async fn speaks(&self, words: &str) -> Said {
        self.sends_sound(&note(words, 7), "audio/ogg; codecs=opus").await
    }

    /// Sends a file of sound.
    pub async fn sends_sound(&self, bytes: &[u8], mime_type: &str) -> Said {
        let delivery = match &self.phone {
            Phone::Meta(person) => person.voice(bytes, mime_type).await,
            Phone::Twilio(person) => person.voice(bytes, mime_type).await,
        };
        Said { id: self.key(&delivery.message_id), delivery }
    }

    /// Chooses from what was offered last, from 1: by a tap where choices can be tapped, by their number elsewhere.
    pub async fn picks(&self, number: usize) -> Said {
        let Phone::Meta(_) = &self.phone else { return self.says(&number.to_string()).await };
        let offered = self.screen().into_iter().rev().find_map(|heard| Some((heard.id, heard.offers?)));
        let (message, offered) = offered.expect("something to choose from");
        self.taps(&message, &offered.choices[number - 1].id).await.expect("a choice of that message")
    }

    /// Chooses what was offered last under an id that begins like this: by a tap where it can be tapped, by its number
    /// elsewhere.
    pub async fn chooses(&self, id: &str) -> Said {
        let Phone::Meta(_) = &self.phone else {
            let choices: Vec<String> = sqlx::query_scalar(
                r#"select unnest(choices) from wa.menu m join "User" u on u."id" = m.user_id where u."waPhoneE164" = $1"#,
            )
            .bind(&self.number)
            .fetch_all(&self.pool)
            .await
            .expect("the menu of a person in a test");
            let place = choices.iter().position(|choice| choice.starts_with(id));
            return self.says(&(place.expect("a choice of that kind") + 1).to_string()).await;
        };
        let offered = self.screen().into_iter().rev().find_map(|heard| Some((heard.id, heard.offers?)));
        let (message, offered) = offered.expect("something to choose from");
        let choice = offered.choices.iter().find(|choice| choice.id.starts_with(id));
        self.taps(&message, &choice.expect("a choice of that kind").id)
            .await
            .expect("a choice of that message")
    }

    /// Taps a choice, by its id, under a message that came. `None`, and nothing happens, where it does not stand there.
    pub async fn taps(&self, message: &str, choice: &str) -> Option<Said> {
        let Phone::Meta(person) = &self.phone else { return None };
        let heard = self.screen().into_iter().find(|heard| heard.id == message)?;
        let choice = heard.offers?.choices.into_iter().find(|offered| offered.id == choice)?;
        let delivery = person.taps(message, &choice.id, &choice.title).await;
        Some(Said { id: self.key(&delivery.message_id), delivery })
    }

    /// The key in our books of a message with this provider's id.
    #[must_use]
    pub fn key(&self, id: &str) -> MessageId {
        match &self.phone {
            Phone::Meta(_) => MessageId::new(Provider::Meta, &self.stage.meta.options().phone_number_id, id),
            Phone::Twilio(_) => {
                MessageId::new(Provider::Twilio, &self.stage.twilio.options().account_sid, id)
            }
        }
    }

    /// The provider delivers a message again: the same bytes, so many times, one by one or all at once.
    pub async fn redeliver(&self, said: &Said, times: usize, at_once: bool) -> Vec<Delivery> {
        match &self.phone {
            Phone::Meta(_) => self.stage.meta.redeliver(&said.delivery.message_id, times, at_once).await,
            Phone::Twilio(_) => self.stage.twilio.redeliver(&said.delivery.message_id, times, at_once).await,
        }
    }

    /// The next message that this person has not heard yet.
    pub async fn hears(&self) -> String {
        let place = self.heard.fetch_add(1, Ordering::SeqCst);
        let texts: Result<Vec<String>, _> = match &self.phone {
            Phone::Meta(person) => person
                .hears(place + 1, PATIENCE)
                .await
                .map(|all| all.into_iter().map(|sent| sent.text).collect()),
            Phone::Twilio(person) => person
                .hears(place + 1, PATIENCE)
                .await
                .map(|all| all.into_iter().map(|sent| sent.text).collect()),
        };
        texts.unwrap_or_else(|silence| panic!("no answer: {silence}")).swap_remove(place)
    }

    /// The next message, which must be a code: its six digits.
    pub async fn hears_code(&self) -> String {
        let text = self.hears().await;
        let digits = text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6);
        digits.unwrap_or_else(|| panic!("no code: {text}")).to_owned()
    }

    /// Everything that ever came to the phone, as it stands there.
    #[must_use]
    pub fn screen(&self) -> Vec<Heard> {
        match &self.phone {
            Phone::Meta(person) => person
                .heard()
                .into_iter()
                .map(|sent| Heard {
                    text: sent.body().to_owned(),
                    offers: sent.offers(),
                    document: sent.document,
                    id: sent.wamid,
                    at: sent.at,
                    fate: sent.status,
                })
                .collect(),
            Phone::Twilio(person) => person
                .heard()
                .into_iter()
                .map(|sent| Heard {
                    id: sent.sid,
                    text: sent.text,
                    offers: None,
                    document: None,
                    at: sent.at,
                    fate: sent.status,
                })
                .collect(),
        }
    }

    /// Every document that ever came to the phone.
    #[must_use]
    pub fn documents(&self) -> Vec<Document> {
        self.screen().into_iter().filter_map(|heard| heard.document).collect()
    }

    /// Whether this person sees that somebody writes.
    #[must_use]
    pub fn sees_typing(&self) -> bool {
        match &self.phone {
            Phone::Meta(person) => person.sees_typing(),
            Phone::Twilio(person) => person.sees_typing(),
        }
    }

    /// Everything that this person was ever sent.
    #[must_use]
    pub fn has_heard(&self) -> Vec<String> {
        match &self.phone {
            Phone::Meta(person) => person.heard().into_iter().map(|sent| sent.text).collect(),
            Phone::Twilio(person) => person.heard().into_iter().map(|sent| sent.text).collect(),
        }
    }

    /// The number, as it was given.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The account.
    pub async fn account(&self) -> UserId {
        let id = sqlx::query_scalar(r#"select "id" from "User" where "waPhoneE164" = $1"#)
            .bind(&self.number)
            .fetch_one(&self.pool)
            .await
            .expect("the account of a person in a test");
        UserId::from_stored(id)
    }

    /// The balance.
    pub async fn credits(&self) -> i32 {
        sqlx::query_scalar(r#"select "credits" from "User" where "waPhoneE164" = $1"#)
            .bind(&self.number)
            .fetch_one(&self.pool)
            .await
            .expect("the balance of a person in a test")
    }

    /// How often this person was charged, and how often refunded.
    pub async fn charges(&self) -> (i64, i64) {
        sqlx::query_as(
            r#"select count(*) filter (where "reason" = 'whatsapp_generation'), count(*) filter (where "reason" = 'refund')
               from "CreditLedger" l join "User" u on u."id" = l."userId" where u."waPhoneE164" = $1"#,
        )
        .bind(&self.number)
        .fetch_one(&self.pool)
        .await
        .expect("the charges of a person in a test")
    }

    /// How many generations stand in this person's history.
    pub async fn generations(&self) -> i64 {
        sqlx::query_scalar(
            r#"select count(*) from "Generation" g join "User" u on u."id" = g."userId" where u."waPhoneE164" = $1"#,
        )
        .bind(&self.number)
        .fetch_one(&self.pool)
        .await
        .expect("the history of a person in a test")
    }
}
