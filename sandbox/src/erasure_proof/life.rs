//! What one person says, and what is known of them when they want to be forgotten.

use std::time::Duration;

use anyhow::{Result, ensure};
use shared::clock::Clock;
use shared::message::Provider;
use shared::person::UserId;
use tokio::time::{Instant, interval};
use worker::operator::Desk;
use worker::operator::erasure::{self, Known};

use crate::gameday::Ground;
use crate::person::Person;

/// The longest that an answer may take, while workers are killed and everybody writes at once.
const SLOWEST_ANSWER: Duration = Duration::from_mins(2);

/// A person, their word, and what becomes of them.
pub(super) struct Life {
    person: Person,
    number: usize,
    /// A word that nobody else uses, and that stands in all that they say before they want to be forgotten.
    word: String,
    /// What was known of them then.
    known: Option<Known>,
    account: Option<UserId>,
}

impl Life {
    /// Somebody new, who can pay for some posts: every other one at Twilio, every other pair wants to be forgotten.
    pub(super) async fn begins(ground: &Ground, number: usize) -> Self {
        let provider = Provider::ALL[number % Provider::ALL.len()];
        let person = ground.person(provider).await;
        Self { person, number, word: format!("quetzalbrioche{number:05}"), known: None, account: None }
    }

    fn wants_to_be_forgotten(&self) -> bool {
        (self.number / 2).is_multiple_of(2)
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.known.is_some()
    }

    /// What was known of somebody who is forgotten.
    pub(super) fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    /// Somebody who is not: their account and their word.
    pub(super) fn stays(&self) -> Option<(&UserId, &str)> {
        self.account.as_ref().filter(|_| self.known.is_none()).map(|account| (account, self.word.as_str()))
    }

    /// Says this and that, in an order of their own, without always waiting for an answer.
    pub(super) async fn lives(mut self, desk: &Desk) -> Result<Self> {
        let Self { person, number, word, .. } = &self;
        person.says(&format!("Crée un post promo pour {word}")).await;
        if number.is_multiple_of(3) {
            self.hears_until("✨").await?;
            if let Some(posts) = person.screen().pop() {
                person.reacts(&posts.id, Some("👍")).await;
            }
        }
        if number % 4 < 2 {
            person.speaks(&format!("Un post sur {word} aux amandes")).await;
        }
        for further in
            ["solde", "historique", "langue : english", "plus court", "acheter"].iter().skip(number % 5)
        {
            person.says(further).await;
        }
        person.says(&format!("Crée un post pour dire que {word} est ouvert")).await;
        self.account = Some(self.person.account().await);
        if self.wants_to_be_forgotten() {
            self.is_to_be_forgotten(desk).await?;
        } else {
            self.person.says("aide").await;
        }
        Ok(self)
    }

    async fn is_to_be_forgotten(&mut self, desk: &Desk) -> Result<()> {
        self.person.says("supprimer mes données").await;
        self.hears_until("🗑️").await?;
        // What came until now is what is known.
        let account = self.person.account().await;
        let mut known = erasure::known(desk, &account, Clock::system().now()).await?;
        known.add_words([self.word.clone()]);
        ensure!(known.len() > 3, "hardly anything is known");
        self.person.chooses("erase:yes").await;
        if self.number % 8 == 4 {
            // A message that arrives meanwhile: somebody else's, or theirs who are forgotten with it. It says nothing that was known.
            self.person.says("solde").await;
        }
        self.hears_until("*EF-").await?;
        self.known = Some(known);
        Ok(())
    }

    /// Waits for an answer, however many others come before it.
    async fn hears_until(&self, part: &str) -> Result<()> {
        let deadline = Instant::now() + SLOWEST_ANSWER;
        let mut turns = interval(Duration::from_millis(100));
        while !self.person.screen().iter().any(|heard| heard.text.contains(part)) {
            turns.tick().await;
            ensure!(Instant::now() < deadline, "number {} has waited in vain for {part}", self.number);
        }
        Ok(())
    }
}
