//! One message of a person, as Meta tells it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::message::{
    Address, Content, Inbound, MessageId, Provider, ProviderId, Sender, Voice, clean, opaque, short,
};
use shared::person;
use shared::phone::E164;

use super::payload::digest;
use super::scalar::{Scalar, is_object, part};

/// Why a message is left to an operator.
pub(super) type Fault = &'static str;

/// It names nobody.
pub(super) const NOBODY: Fault = "a message from nobody";

const NOT_TEXT: Fault = "a message that is not valid JSON text";

/// What every message has, and the parts that have a meaning for us: the one that is named after its kind is read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow)]
    from: Scalar<'a>,
    #[serde(borrow)]
    from_user_id: Scalar<'a>,
    #[serde(borrow)]
    timestamp: Scalar<'a>,
    #[serde(borrow, rename = "type")]
    kind: Scalar<'a>,
    #[serde(borrow)]
    group_id: Scalar<'a>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    image: Option<&'a RawValue>,
    #[serde(borrow)]
    video: Option<&'a RawValue>,
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
    #[serde(borrow)]
    interactive: Option<&'a RawValue>,
    #[serde(borrow)]
    edit: Option<&'a RawValue>,
    #[serde(borrow)]
    revoke: Option<&'a RawValue>,
    #[serde(borrow)]
    reaction: Option<&'a RawValue>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
}

/// The words of a text.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Text<'a> {
    #[serde(borrow)]
    body: Scalar<'a>,
}

/// What goes with words of its own.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Captioned<'a> {
    #[serde(borrow)]
    caption: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Audio<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow)]
    mime_type: Scalar<'a>,
    #[serde(borrow)]
    sha256: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Interactive<'a> {
    #[serde(borrow)]
    button_reply: Option<&'a RawValue>,
    #[serde(borrow)]
    list_reply: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow)]
    title: Scalar<'a>,
}

/// What takes the place of an earlier message, or takes it away.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Earlier<'a> {
    #[serde(borrow)]
    original_message_id: Scalar<'a>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reaction<'a> {
    #[serde(borrow)]
    message_id: Scalar<'a>,
    #[serde(borrow)]
    emoji: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct System<'a> {
    #[serde(borrow, rename = "type")]
    kind: Scalar<'a>,
    #[serde(borrow)]
    previous_user_id: Scalar<'a>,
    #[serde(borrow)]
    user_id: Scalar<'a>,
    #[serde(borrow)]
    wa_id: Scalar<'a>,
}

/// Whether it tells of something, and nobody has written it.
pub(super) fn is_system(raw: &RawValue) -> bool {
    part::<Message<'_>>(Some(raw)).is_ok_and(|message| message.kind.text() == Some("system"))
}

/// One message to `business`.
pub(super) fn read(raw: &RawValue, business: Option<&str>, now: DateTime<Utc>) -> Result<Inbound, Fault> {
    let message: Message<'_> = part(Some(raw)).map_err(|_| NOT_TEXT)?;
    let business = business.ok_or("a message to an unnamed number")?.to_owned();
    let id = message.id.id().unwrap_or_else(|| format!("unnamed-{}", digest(raw.get().as_bytes())).into());
    let phone = message.from.id().and_then(|from| E164::from_provider(&from).ok());
    let bsuid = message.from_user_id.id().map(|id| short(&id));
    let change = change(&message, phone.as_ref()).map_err(|_| NOT_TEXT)?;
    // Who has another id now is named only inside `system` (Meta, since August 2026). In the conversation of the old
    // names it comes after all that was written under them.
    let bsuid = match &change {
        Some(change) => bsuid.or(change.previous_bsuid.clone()),
        None => bsuid,
    };
    let address = match (&phone, &bsuid) {
        (Some(phone), _) => Address::Phone(phone.clone()),
        (None, Some(bsuid)) => Address::Bsuid(bsuid.clone()),
        (None, None) => return Err(NOBODY),
    };
    let content = if message.group_id.text().is_some() {
        // An answer would go to the sender alone, outside the group: none is given.
        Content::Silent("group".to_owned())
    } else if let Some(change) = change {
        Content::Identity(Box::new(change))
    } else {
        content(&message, &business).map_err(|_| NOT_TEXT)?
    };
    Ok(Inbound {
        lane: None,
        id: MessageId::new(Provider::Meta, &business, &id),
        provider_id: ProviderId::of(&id),
        provider: Provider::Meta,
        business,
        sender: Sender { address, phone, bsuid },
        sent_at: message.timestamp.moment().unwrap_or(now),
        content,
    })
}

fn content(message: &Message<'_>, business: &str) -> serde_json::Result<Content> {
    let kind = message.kind.text().unwrap_or("text");
    let silent = || Content::Silent(kind.to_owned());
    let unreadable = || Content::Unreadable(kind.to_owned());
    let earlier =
        |part: &Earlier<'_>| Some(MessageId::new(Provider::Meta, business, &part.original_message_id.id()?));
    Ok(match kind {
        "text" => words(&part::<Text<'_>>(message.text)?.body)
            .map_or_else(|| Content::Silent("empty".to_owned()), Content::Text),
        "image" => caption(message.image)?.map_or_else(unreadable, Content::Text),
        "video" => caption(message.video)?.map_or_else(unreadable, Content::Text),
        "document" => caption(message.document)?.map_or_else(unreadable, Content::Text),
        "audio" => voice(&part(message.audio)?).unwrap_or_else(unreadable),
        "interactive" => tap(&part(message.interactive)?)?.unwrap_or_else(silent),
        "edit" => {
            let edit: Earlier<'_> = part(message.edit)?;
            match (earlier(&edit), new_words(&part(edit.message)?)?) {
                (Some(of), Some(text)) => Content::Edit { of, text },
                _ => silent(),
            }
        }
        "revoke" => earlier(&part(message.revoke)?).map_or_else(silent, |of| Content::Revoke { of }),
        "reaction" => reaction(&part(message.reaction)?).unwrap_or_else(silent),
        // We send no template with buttons.
        "button" | "system" | "request_welcome" => silent(),
        other => Content::Unreadable(short(other)),
    })
}

/// Cleaned, if they say anything.
fn words(scalar: &Scalar<'_>) -> Option<String> {
    scalar.said().map(clean)
}

fn caption(media: Option<&RawValue>) -> serde_json::Result<Option<String>> {
    Ok(words(&part::<Captioned<'_>>(media)?.caption))
}

/// What an edit puts in the place of a text or of a caption.
fn new_words(new: &Message<'_>) -> serde_json::Result<Option<String>> {
    let text = words(&part::<Text<'_>>(new.text)?.body);
    Ok(match (text, new.kind.text()) {
        (None, Some("image")) => caption(new.image)?,
        (None, Some("video")) => caption(new.video)?,
        (None, Some("document")) => caption(new.document)?,
        (text, _) => text,
    })
}

/// Taken back: without an emoji, or with an empty one. Both were seen.
fn reaction(reaction: &Reaction<'_>) -> Option<Content> {
    let to = opaque(&reaction.message_id.id()?);
    let emoji = reaction.emoji.said().map(short);
    Some(Content::Reaction { to, emoji })
}

/// A recorded note and a file of sound are the same to us. The address beside the id is good for five minutes only, and
/// would name the person's media in the queue: it is left out (Meta: Media).
fn voice(audio: &Audio<'_>) -> Option<Content> {
    // It becomes a part of a path.
    let media = audio.id.id()?.into_owned();
    let known = media.len() <= 64 && media.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let word = |word: &Scalar<'_>| word.id().map(|word| short(&word));
    let (mime_type, sha256) = (word(&audio.mime_type), word(&audio.sha256));
    known.then(|| Content::Voice(Voice { media, mime_type, sha256, words: None }.into()))
}

/// A change of identity that can be acted on: something before it, and something after it.
fn change(message: &Message<'_>, from: Option<&E164>) -> serde_json::Result<Option<person::Change>> {
    if message.kind.text() != Some("system") {
        return Ok(None);
    }
    let system: System<'_> = part(message.system)?;
    let moves = match system.kind.text() {
        Some("user_changed_number") => true,
        Some("user_changed_user_id") => false,
        _ => return Ok(None),
    };
    let id = |id: &Scalar<'_>| id.id().map(|id| short(&id));
    let change = person::Change {
        previous_bsuid: id(&system.previous_user_id),
        previous_phone: from.cloned(),
        bsuid: id(&system.user_id),
        phone: (system.wa_id.id())
            .and_then(|number| E164::from_provider(&number).ok())
            .or_else(|| from.filter(|_| !moves).cloned()),
    };
    let before = change.previous_bsuid.is_some() || change.previous_phone.is_some();
    let after = change.bsuid.is_some() || change.phone.is_some();
    Ok((before && after).then_some(change))
}

/// A reply button or a row of a list. Other interactive replies (flows, permissions) are nothing that we offer.
fn tap(interactive: &Interactive<'_>) -> serde_json::Result<Option<Content>> {
    let replies = [interactive.button_reply, interactive.list_reply];
    let reply = replies.into_iter().flatten().find(|reply| is_object(reply));
    let reply: Reply<'_> = part(reply)?;
    let id = reply.id.said().map(short);
    Ok(id.map(|id| Content::Tap { id, title: short(reply.title.text().unwrap_or_default()) }))
}
