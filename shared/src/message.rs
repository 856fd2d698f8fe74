//! The words of a conversation: who wrote, to which of our numbers, what, and where an answer goes.
//!
//! Whatever a provider sends becomes these types at the door (ingest) and is never looked at in its raw form
//! again. Texts are cleaned of NUL, which Postgres cannot store; nothing else in them is changed.

mod address;
mod id;
mod lane;
mod opaque;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::person::Change;
use crate::vault::Vault;

pub use address::{Address, Sender};
pub use id::{MessageId, clean, short};
pub use lane::Lane;
pub use opaque::{ProviderId, conceal, opaque};

use id::part;

/// Who carries the conversation. A third provider is a third variant; the compiler lists what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Meta's WhatsApp Cloud API.
    Meta,
    /// Twilio's Programmable Messaging for WhatsApp.
    Twilio,
}

impl Provider {
    /// Both, for loops over everything that must hold for each.
    pub const ALL: [Self; 2] = [Self::Meta, Self::Twilio];

    /// The word used in labels, keys and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Twilio => "twilio",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "meta" => Ok(Self::Meta),
            "twilio" => Ok(Self::Twilio),
            other => Err(format!("unknown provider {other:?}, expected meta or twilio")),
        }
    }
}

/// What was written, as far as the product tells kinds apart.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A text, or the caption of a media message.
    Text(String),
    /// A tap on something that we had offered: its id, and the words that were on it. Never a brief.
    Tap {
        /// What comes back.
        id: String,
        /// What was read.
        title: String,
    },
    /// What they make of a message of ours.
    Reaction {
        /// The provider's id of that message.
        to: String,
        /// Absent when it was taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emoji: Option<String>,
    },
    /// Something that was said aloud: a voice note, or a file of sound. A worker from before this kind makes a dead
    /// letter of it ("no job that this version knows"), which can be replayed once all workers know it.
    Voice(Box<Voice>),
    /// A kind that the product cannot read yet and should say so: the provider's word for it.
    Unreadable(String),
    /// Other words in place of those of an earlier message (Meta: `edit`).
    Edit {
        /// The message whose words they replace.
        of: MessageId,
        /// All of the new words.
        text: String,
    },
    /// An earlier message was deleted for everybody (Meta: `revoke`).
    Revoke {
        /// Which one.
        of: MessageId,
    },
    /// Something that wants no answer (a system message): recorded under this kind.
    Silent(String),
    /// The provider announces that the identity of this person has changed. A worker from before this kind makes a dead
    /// letter of it, which can be replayed once all workers know it.
    Identity(Box<Change>),
}

impl Content {
    /// What its person wrote, or read on what they tapped.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Tap { title: text, .. } | Self::Edit { text, .. } => Some(text),
            Self::Voice(voice) => voice.words.as_deref(),
            Self::Reaction { .. }
            | Self::Revoke { .. }
            | Self::Identity(_)
            | Self::Unreadable(_)
            | Self::Silent(_) => None,
        }
    }

    /// The kind, for receipts and labels. Never the text.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Text(_) => "text",
            Self::Tap { .. } => "tap",
            Self::Edit { .. } => "edit",
            Self::Revoke { .. } => "revoke",
            Self::Voice(_) => "voice",
            Self::Reaction { .. } => "reaction",
            Self::Unreadable(kind) | Self::Silent(kind) => kind,
            Self::Identity(_) => "system",
        }
    }
}

/// Where the sound of a voice note is, and what is known of it before it is fetched.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voice {
    /// Meta: the id of the media, good for seven days; the address behind it is good for five minutes, so it does not
    /// travel (Meta: Media). Twilio: the address of the media, which stays.
    pub media: String,
    /// Its media type, as the provider wrote it: `audio/ogg; codecs=opus`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its digest, as the provider wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What was said, once somebody has listened. It lives in the worker's hands only: the books keep it as a step, and
    /// a job never carries it.
    #[serde(skip)]
    pub words: Option<String>,
}

impl Voice {
    /// The same sound, listened to.
    #[must_use]
    pub fn heard(&self, words: String) -> Self {
        Self { words: Some(words), ..self.clone() }
    }
}

/// An address of Twilio names an account and a message, and words are words: neither is shown.
impl fmt::Debug for Voice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.words.is_some() { "Voice(heard)" } else { "Voice" })
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Content({})", self.kind())
    }
}

/// One message of a person to one of our numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Queued")]
pub struct Inbound {
    /// Its key.
    pub id: MessageId,
    /// The provider's own id, where the key has a digest of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderId>,
    /// Who carried it.
    pub provider: Provider,
    /// Which of our numbers it came to, in the provider's own terms (Meta: phone number id, Twilio: channel
    /// address): the answer leaves from there.
    pub business: String,
    /// Who wrote.
    pub sender: Sender,
    /// When, says the provider (resolution: one second).
    pub sent_at: DateTime<Utc>,
    /// What.
    pub content: Content,
    /// The lane that it waits in, once it has been given one: that of its job.
    #[serde(skip)]
    pub lane: Option<Lane>,
}

/// A message as it is read from the queue: an older version wrote the provider's own id into the key, and nowhere else.
#[derive(Deserialize)]
struct Queued {
    id: String,
    #[serde(default)]
    provider_id: Option<ProviderId>,
    provider: Provider,
    business: String,
    sender: Sender,
    sent_at: DateTime<Utc>,
    content: Content,
}

impl From<Queued> for Inbound {
    fn from(queued: Queued) -> Self {
        let Queued { id, provider_id, provider, business, sender, sent_at, content } = queued;
        let provider_id = provider_id.or_else(|| ProviderId::of(part(&id)));
        let lane = None;
        Self { id: id.into(), provider_id, provider, business, sender, sent_at, content, lane }
    }
}

impl Inbound {
    /// What calls that name the message, such as a read receipt, send back: its id as the provider wrote it (or its digest when it
    /// was absurdly long).
    #[must_use]
    pub fn provider_id(&self) -> &str {
        self.provider_id.as_ref().map_or_else(|| self.id.provider_part(), ProviderId::as_str)
    }

    /// The conversation that this message belongs to: messages of one lane are handled one at a time, in order. Of one that no
    /// door has given a lane yet, who wrote stands in it.
    #[must_use]
    pub fn lane(&self) -> Lane {
        self.lane.clone().unwrap_or_else(|| self.lane_of(&short(self.who())))
    }

    /// The same message in a lane that says who wrote by a digest: what waits, and its receipt, can be read by whoever reads Redis
    /// or the books.
    #[must_use]
    pub fn hidden(self, vault: &Vault) -> Self {
        let lane = self.lane_of(&vault.who(self.who()));
        Self { lane: Some(lane), ..self }
    }

    /// The business-scoped id is there whether or not the number is shared, so it keeps a lane together.
    fn who(&self) -> &str {
        self.sender.bsuid.as_deref().unwrap_or_else(|| self.sender.address.as_str())
    }

    fn lane_of(&self, who: &str) -> Lane {
        Lane::of(self.provider, &self.business, who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_personal_is_in_the_debug_output() {
        let voice = Voice {
            media: "https://api.twilio.com/secret".into(),
            mime_type: None,
            sha256: None,
            words: Some("secret".into()),
        };
        assert_eq!(
            format!("{voice:?} {:?}", Content::Voice(voice.clone().into())),
            "Voice(heard) Content(voice)"
        );
        let inbound = Inbound {
            id: MessageId::new(Provider::Meta, "1098", "wamid.secret"),
            provider_id: ProviderId::of("wamid.secret"),
            provider: Provider::Meta,
            business: "1098".into(),
            sender: Sender {
                address: Address::Phone("+33639980123".parse().unwrap()),
                phone: Some("+33639980123".parse().unwrap()),
                bsuid: Some("FR.secret".into()),
            },
            sent_at: DateTime::UNIX_EPOCH,
            content: Content::Text("mon brief secret".into()),
            lane: None,
        };
        let shown = format!("{inbound:?} {:?}", inbound.lane());
        assert!(!shown.contains("secret") && !shown.contains("639980123"), "{shown}");
    }
}
