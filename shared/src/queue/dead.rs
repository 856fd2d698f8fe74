//! Dead letters: what was given up, kept with its reason until an operator replays or discards it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{PREFIX, Queue, QueueError, key};
use crate::job::in_the_open;
use crate::message::Lane;
use crate::vault::Vault;

/// Names one dead letter: its id in the stream, such as `1700000000000-0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadId(String);

impl DeadId {
    /// The id, as operators type it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the message died, by Redis' clock.
    #[must_use]
    pub fn at(&self) -> DateTime<Utc> {
        let millis = self.0.split('-').next().and_then(|millis| millis.parse().ok());
        millis.and_then(DateTime::from_timestamp_millis).unwrap_or_default()
    }
}

impl std::str::FromStr for DeadId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number =
            |part: &str| !part.is_empty() && part.len() <= 20 && part.bytes().all(|b| b.is_ascii_digit());
        match text.split_once('-') {
            Some((millis, place)) if number(millis) && number(place) => Ok(Self(text.to_owned())),
            _ => Err("expected an id as `queue dead list` shows it, such as 1700000000000-0"),
        }
    }
}

/// A message that was given up.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its name.
    pub id: DeadId,
    /// Its conversation; `None` for signed bytes that nobody could read.
    pub lane: Option<Lane>,
    /// How often it was started.
    pub attempts: u32,
    /// Why it was given up.
    pub reason: String,
    /// The job or the bytes, in the open as far as this process can open them.
    pub job: Vec<u8>,
}

impl Queue {
    /// Up to `at_most` dead letters that died after this one (or the first ones), oldest first.
    pub async fn dead_letters(
        &self,
        after: Option<&DeadId>,
        at_most: usize,
    ) -> Result<Vec<DeadLetter>, QueueError> {
        let from = after.map_or("-".to_owned(), |id| format!("({}", id.as_str()));
        self.range(&from, "+", at_most).await
    }

    /// The last dead letters, the newest first.
    pub async fn last_dead_letters(&self, at_most: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let mut connection = self.connection.clone();
        let mut command = redis::cmd("XREVRANGE");
        command.arg(key("dead")).arg("+").arg("-").arg("COUNT").arg(at_most);
        let entries: Vec<(String, HashMap<String, Vec<u8>>)> = command.query_async(&mut connection).await?;
        Ok(entries.into_iter().map(|(id, fields)| DeadLetter::read(id, fields, self.vault())).collect())
    }

    /// This dead letter, if it is still there.
    pub async fn dead_letter(&self, id: &DeadId) -> Result<Option<DeadLetter>, QueueError> {
        Ok(self.range(id.as_str(), id.as_str(), 1).await?.pop())
    }

    async fn range(&self, from: &str, to: &str, at_most: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let mut connection = self.connection.clone();
        let mut command = redis::cmd("XRANGE");
        command.arg(key("dead")).arg(from).arg(to).arg("COUNT").arg(at_most);
        let entries: Vec<(String, HashMap<String, Vec<u8>>)> = command.query_async(&mut connection).await?;
        Ok(entries.into_iter().map(|(id, fields)| DeadLetter::read(id, fields, self.vault())).collect())
    }

    /// Puts a dead letter back at the end of its lane, with the id that it had, so that what was done before is
    /// found done. `false`: it is no longer there.
    pub async fn replay(&self, id: &DeadId) -> Result<bool, QueueError> {
        let mut connection = self.connection.clone();
        let mut call = self.scripts.replay.prepare_invoke();
        for name in ["dead", "ready", "stats", "wake"] {
            call.key(key(name));
        }
        Ok(call.arg(PREFIX).arg(id.as_str()).invoke_async(&mut connection).await?)
    }

    /// Forgets a dead letter. `false`: it was no longer there.
    pub async fn discard(&self, id: &DeadId) -> Result<bool, QueueError> {
        let mut connection = self.connection.clone();
        Ok(redis::cmd("XDEL").arg(key("dead")).arg(id.as_str()).query_async(&mut connection).await?)
    }

    /// When the oldest dead letter died. `None`: there is none.
    pub async fn oldest_dead(&self) -> Result<Option<DateTime<Utc>>, QueueError> {
        Ok(self.dead_letters(None, 1).await?.pop().map(|letter| letter.id.at()))
    }

    /// Forgets dead letters that died before this moment, the oldest first and so many at most. Says how many.
    pub async fn forget_dead(&self, before: DateTime<Utc>, at_most: usize) -> Result<usize, QueueError> {
        let last = before.timestamp_millis() - 1;
        if last < 0 {
            return Ok(0);
        }
        let old = self.range("-", &last.to_string(), at_most).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let mut connection = self.connection.clone();
        let mut command = redis::cmd("XDEL");
        command.arg(key("dead"));
        for letter in &old {
            command.arg(letter.id.as_str());
        }
        Ok(command.query_async(&mut connection).await?)
    }
}

impl DeadLetter {
    fn read(id: String, mut fields: HashMap<String, Vec<u8>>, vault: Option<&Vault>) -> Self {
        let text = |bytes: Option<Vec<u8>>| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        Self {
            id: DeadId(id),
            lane: Some(text(fields.remove("lane"))).filter(|lane| !lane.is_empty()).map(Lane::from_stored),
            attempts: text(fields.remove("attempts")).parse().unwrap_or_default(),
            reason: text(fields.remove("reason")),
            job: in_the_open(fields.remove("job").unwrap_or_default(), vault),
        }
    }
}
