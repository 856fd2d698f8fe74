//! Ids of messages, as they may stand anywhere. Those of Meta are base64 of a few bytes, of which some are the number of the person and
//! at least nine are random: their digest tells one from another, and nobody's number. It needs no key: whoever tries numbers would
//! have to try those nine bytes with each.
//!
//! The ids themselves stand in two places only: in a job, sealed, and in calls to their provider.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::id::{LONGEST_PART, clean};

/// How ids begin that contain a number (Meta: Webhooks, `messages`). No key, table or lane of ours has such a word in it:
/// `migrations/30_message_ids.sql` holds the tables to it.
const TELLING: &str = "wamid.";

/// A provider's id of a message, of theirs or of ours, as it is written down and looked up: its digest where it contains a number,
/// or is absurdly long. What was made opaque before stays as it is.
#[must_use]
pub fn opaque(id: &str) -> String {
    let id = clean(id);
    if id.len() <= LONGEST_PART && !id.contains(TELLING) { id } else { digested(&id) }
}

/// A text with digests in place of the ids in it that contain a number: a key that an older version wrote, a provider's notice,
/// what an operator has typed. Each is the digest that [`opaque`] makes.
#[must_use]
pub fn conceal(text: &str) -> Cow<'_, str> {
    if !text.contains(TELLING) {
        return Cow::Borrowed(text);
    }
    let (mut concealed, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(TELLING) {
        let (before, id) = rest.split_at(at);
        let (id, after) = id.split_at(end(id.as_bytes()));
        concealed.push_str(before);
        concealed.push_str(&digested(&id.replace('\\', "")));
        rest = after;
    }
    concealed.push_str(rest);
    Cow::Owned(concealed)
}

/// Where the id ends with which this begins: after the last character of base64. JSON may have a slash escaped.
fn end(text: &[u8]) -> usize {
    let mut end = TELLING.len();
    loop {
        end += match text.get(end..).unwrap_or_default() {
            [b'\\', b'/', ..] => 2,
            [b'+' | b'/' | b'=' | b'-' | b'_', ..] => 1,
            [byte, ..] if byte.is_ascii_alphanumeric() => 1,
            _ => return end,
        };
    }
}

pub(super) fn digested(part: &str) -> String {
    format!("sha256-{}", hex::encode(Sha256::digest(part.as_bytes())))
}

/// The provider's own id of a message whose key has a digest in its place: for calls that must name it, and for nothing else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderId(String);

impl ProviderId {
    /// This id. `None`: the key has it as it is, or it is absurdly long, and the provider does not get it back.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        let id = clean(id);
        (id.len() <= LONGEST_PART && opaque(&id) != id).then_some(Self(id))
    }

    /// As the provider wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ProviderId")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "wamid.HBgLMzM2Mzk5ODAxMjMVAgASGBQzQTg0NTE5RTE5/+URDMzBBRDUwQgA=";

    #[test]
    fn an_id_with_a_number_in_it_becomes_its_digest_and_others_stay() {
        let made = opaque(ID);
        assert!(made.starts_with("sha256-") && made.len() == 71, "{made}");
        assert_eq!((opaque(&made), opaque(&format!("{ID}\0"))), (made.clone(), made.clone()));
        assert_ne!(opaque("wamid.A"), opaque("wamid.B"));
        for harmless in ["SM0123456789abcdef", "", "unnamed-17", "wamid"] {
            assert_eq!(opaque(harmless), harmless);
        }
        assert_eq!(opaque(&"x".repeat(201)).len(), 71);
    }

    #[test]
    fn a_key_of_an_older_version_becomes_the_key_of_today() {
        let made = opaque(ID);
        for shape in ["meta:1098:#", "generation:meta:1098:#", "meta:status:#:sent", "status:#", "#"] {
            assert_eq!(conceal(&shape.replace('#', ID)), shape.replace('#', &made));
        }
        assert_eq!(conceal("twilio:AC1:SM1"), "twilio:AC1:SM1");
    }

    #[test]
    fn an_id_is_found_wherever_it_stands() {
        let made = opaque(ID);
        let escaped = ID.replace('/', "\\/");
        let text = format!(r#"{{"id":"{escaped}","of":"{ID}"}} « {ID} » wamid.A wamid.AB"#);
        let [a, ab] = ["wamid.A", "wamid.AB"].map(opaque);
        assert_eq!(conceal(&text), format!(r#"{{"id":"{made}","of":"{made}"}} « {made} » {a} {ab}"#));
        // A backslash that escapes something else is not a part of it.
        assert_eq!(conceal(r#"\"wamid.A\""#), format!(r#"\"{a}\""#));
        assert!(!conceal("wamid.wamid.wamid.").contains(TELLING));
    }

    #[test]
    fn what_a_call_must_name_is_kept_where_the_key_does_not_say_it() {
        assert_eq!(ProviderId::of(ID).unwrap().as_str(), ID);
        assert_eq!(format!("{:?}", ProviderId::of(ID)), "Some(ProviderId)");
        assert_eq!(
            (ProviderId::of("SM1"), ProviderId::of(&format!("wamid.{}", "x".repeat(300)))),
            (None, None)
        );
    }
}
