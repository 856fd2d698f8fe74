//! The form of a deed: what would be done, to what, and who wants it and why.

use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use chrono::{DateTime, Utc};
use shared::audit::Unsigned;
use shared::queue::DeadId;

use super::fragment::described;
use super::framed;
use super::html::Html;
use crate::operator::dead::Entry;

/// More than a name and a reason need, however many bytes their letters have.
const LONGEST: usize = 16 * 1024;

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Replay,
    Discard,
    Pause,
    Resume,
}

impl What {
    /// The one that an address names.
    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Replay, Self::Discard, Self::Pause, Self::Resume].into_iter().find(|what| what.word() == word)
    }

    /// Whether it is done to a dead letter.
    pub(super) fn wants_letter(self) -> bool {
        matches!(self, Self::Replay | Self::Discard)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Discard => "discard",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Replay => "Replay a dead letter",
            Self::Discard => "Discard a dead letter",
            Self::Pause => "Pause the queue",
            Self::Resume => "Resume the queue",
        }
    }

    fn button(self) -> &'static str {
        match self {
            Self::Replay => "Replay",
            Self::Discard => "Discard",
            Self::Pause => "Pause",
            Self::Resume => "Resume",
        }
    }

    fn means(self) -> &'static str {
        match self {
            Self::Replay => {
                "The message is handled again, under the id that it had: nothing is done twice, and what is written for it \
                 now is free, since it was refunded when it failed. See first that what it died of is over."
            }
            Self::Discard => {
                "The dead letter is forgotten, and nobody can replay it any more. Its person was told of the failure and \
                 refunded when it died; nothing more is sent."
            }
            Self::Pause => {
                "Workers finish what they have and take nothing more. Ingest goes on taking messages in: nothing is lost, and \
                 whoever writes waits until somebody resumes. Codes for signing in wait as well, and are of no use later."
            }
            Self::Resume => "Workers take messages again within a second, the oldest first.",
        }
    }
}

/// What somebody has filled in.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Which dead letter.
    pub(super) letter: Option<DeadId>,
    /// Who.
    pub(super) by: String,
    /// Why.
    pub(super) why: String,
}

impl Filled {
    /// Reads the pairs of an address or of a form. What is no id of a dead letter is none.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut filled = Self::default();
        for (name, value) in form_urlencoded::parse(bytes) {
            match name.as_ref() {
                "letter" => filled.letter = value.parse().ok(),
                "by" => filled.by = value.into_owned(),
                "why" => filled.why = value.into_owned(),
                _ => {}
            }
        }
        filled
    }

    /// Reads the body of a form. `None`: it is none, or too long for one.
    pub(super) async fn body(headers: &HeaderMap, body: Body) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
        let bytes = to_bytes(body, LONGEST).await.ok()?;
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded").then(|| Self::read(&bytes))
    }
}

/// The page with the form.
pub(super) fn page(
    what: What,
    entry: Option<&Entry>,
    filled: &Filled,
    wrong: Option<Unsigned>,
    now: DateTime<Utc>,
) -> String {
    framed("Postly: operator", false, |html| {
        html.raw("<h1>").raw(what.title()).raw("</h1><section class=card><p>").raw(what.means()).raw("</p>");
        if let Some(entry) = entry {
            html.raw("<p class=reason>").text(&entry.reason).raw("</p><p class=soft>");
            described(html, entry, now);
            html.raw("</p>");
        }
        html.raw("<form method=post action=\"/deed/").raw(what.word()).raw("\">");
        if let Some(letter) = &filled.letter {
            html.raw("<input type=hidden name=letter value=\"").text(letter.as_str()).raw("\">");
        }
        let (name, reason) = (wrong.filter(|wrong| wrong.is_name()), wrong.filter(|wrong| !wrong.is_name()));
        html.raw("<label for=by>Your name</label>");
        complaint(html, "by-error", name);
        html.raw("<input id=by name=by required maxlength=60 autocomplete=name value=\"")
            .text(&filled.by)
            .raw("\"");
        attributes(html, name, " aria-describedby=by-error aria-invalid=true autofocus");
        html.raw("><label for=why>Why</label>");
        complaint(html, "why-error", reason);
        html.raw("<p class=soft id=why-hint>Stays in the audit, beside your name. Nothing personal of anybody.</p>");
        html.raw("<textarea id=why name=why required maxlength=500 rows=3");
        html.raw(match reason {
            Some(_) => " aria-describedby=\"why-error why-hint\" aria-invalid=true autofocus>",
            None => " aria-describedby=why-hint>",
        });
        html.text(&filled.why).raw("</textarea><p class=row><button class=main>").raw(what.button());
        html.raw("</button> <a class=button href=/>Back</a></p></form></section>");
    })
}

fn complaint(html: &mut Html, id: &'static str, wrong: Option<Unsigned>) {
    if let Some(wrong) = wrong {
        html.raw("<p class=error id=").raw(id).raw(">").text(wrong).raw("</p>");
    }
}

fn attributes(html: &mut Html, wrong: Option<Unsigned>, attributes: &'static str) {
    if wrong.is_some() {
        html.raw(attributes);
    }
}
