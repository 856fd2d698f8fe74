//! Every sentence that a person can read, typed: a sentence that is missing in one language does not compile.
//!
//! One file per language holds one `match`. The page of all of them side by side is a reviewed snapshot.

mod denial;
mod en;
mod fr;
mod menu;
pub mod portal;
mod signin;
#[cfg(test)]
mod tests;

use unicode_segmentation::UnicodeSegmentation;

use crate::generation::{Past, Revision};
use crate::language::Language;
use crate::ledger::Credits;
use crate::pack::Offer;
use crate::price::Price;

pub use denial::Denial;
pub use signin::SignIn;

/// Something we say, with what it needs to be said.
#[derive(Debug, Clone, Copy)]
pub enum Text<'a> {
    /// What this service does and which words it knows.
    Help,
    /// How many credits are left.
    Balance(Credits),
    /// A brief arrived and there is no credit for it: nothing was charged. The brief is kept where packs are offered.
    OutOfCredits {
        /// Packs to buy; none where nothing is sold in the chat.
        offers: &'a [Offer],
    },
    /// The three posts, and the credits left after the debit.
    Posts {
        /// Their id in the history.
        generation: &'a str,
        /// Ready to publish.
        posts: [&'a str; 3],
        /// After the debit.
        left: Credits,
        /// Whether to say that it is time to buy some.
        low: bool,
        /// Into which language they can be translated.
        translation: Language,
    },
    /// The posts of an earlier generation, revised free of charge.
    Revised {
        /// Their id in the history.
        generation: &'a str,
        /// What was done.
        revision: Revision,
        /// Ready to publish.
        posts: [&'a str; 3],
        /// Into which language they can be translated.
        translation: Language,
    },
    /// What can be bought.
    Shop {
        /// Packs to buy.
        offers: &'a [Offer],
    },
    /// Nothing is sold in the chat.
    NoShop,
    /// Where to pay for a pack.
    Checkout {
        /// What is bought.
        credits: Credits,
        /// What it costs.
        price: &'a Price,
        /// Stripe's page.
        url: &'a str,
    },
    /// The page could not be opened: nothing was paid.
    ShopClosed,
    /// A payment has come.
    Paid {
        /// What was bought.
        bought: Credits,
        /// What of it went to settle an older debt: credits that were spent before their money went back.
        settled: Credits,
        /// The balance now.
        left: Credits,
        /// The brief that waited for it.
        kept: Option<&'a str>,
    },
    /// The money of a payment will not come.
    PaymentFailed,
    /// A number, and nothing that it could choose.
    NothingOffered,
    /// The brief that was kept is not there any more.
    NothingKept,
    /// The model has been used enough for today: by this person, or by everybody. Nothing was charged.
    Capped {
        /// Whether it is everybody's limit.
        everybody: bool,
    },
    /// So many briefs in a short time: this one was not begun, and nothing was charged.
    TooFast {
        /// In how many minutes another one may be.
        minutes: i64,
    },
    /// You are welcome.
    Thanks,
    /// Ready for the next idea: to what has no words, or needs no answer but one.
    Listening,
    /// Something that is almost a command: nothing was charged.
    Almost {
        /// The word that was probably meant, in both languages.
        word: Known,
    },
    /// Which language?
    AskLanguage,
    /// This language from now on: said in it.
    LanguageSet,
    /// The last generations, to be chosen from.
    History {
        /// The newest first.
        past: &'a [Past],
    },
    /// Nothing was ever written for this person, or not any more.
    NoHistory,
    /// One post, and nothing else: to be copied.
    OnePost(&'a str),
    /// The posts of an earlier generation once more.
    Resent {
        /// Their id in the history.
        generation: &'a str,
        /// As they were written.
        posts: [&'a str; 3],
        /// Into which language they can be translated.
        translation: Language,
    },
    /// Nothing will be sent any more.
    Stopped,
    /// Messages are sent again.
    Started,
    /// A brief of somebody who wanted no more messages: nothing was charged.
    StillStopped,
    /// How to get into the account on the web.
    Login {
        /// The web app's address, where it is known.
        url: Option<&'a str>,
    },
    /// A one-time code, where no template carries it.
    Code {
        /// Its digits.
        code: &'a str,
    },
    /// A code is on its way: where to type it.
    LoginCode {
        /// The web app's address, where it is known.
        url: Option<&'a str>,
    },
    /// Another code, so soon: not before some minutes.
    LoginLater {
        /// In how many.
        minutes: i64,
    },
    /// Their number is not known here: a code has to be asked for on the web.
    LoginNoNumber {
        /// The web app's address, where it is known.
        url: Option<&'a str>,
    },
    /// About a sign-in on the web.
    SignIn(SignIn<'a>),
    /// Where all that is kept of them is to be had.
    Export {
        /// The web app's address, where it is known.
        url: Option<&'a str>,
    },
    /// Beside the document that has all that is kept of them.
    Exported,
    /// Another such document, so soon: not before some minutes.
    ExportLater {
        /// In how many.
        minutes: i64,
    },
    /// What would be deleted, and whether to.
    AskErase,
    /// It is being done.
    Erasing {
        /// The number of its receipt.
        receipt: &'a str,
    },
    /// How to choose where there are no buttons.
    PickByNumber,
    /// A message that cannot be read: a hint for its kind. Nothing was charged.
    Unread(Unread),
    /// Words were changed after their posts had been begun. The new words are kept.
    EditedTooLate,
    /// Many people want something at once: it takes longer than usual.
    Busy,
    /// What was understood of a voice note: said before its answer.
    Heard {
        /// As they were transcribed.
        words: &'a str,
    },
    /// A voice note that was not understood, and why. Nothing was charged.
    Unheard(Unheard),
    /// The word `gen` without a brief behind it.
    BriefMissing,
    /// The model declined the brief: nothing is charged.
    Refused(Credits),
    /// It was no brief: what this is for, and that nothing is charged.
    OffTopic(Credits),
    /// We failed for good: the credit, if one was taken, is back.
    Failed,
}

impl Text<'_> {
    /// The sentence, in the blocks that belong together: where it must be split to fit, it is split between them.
    #[must_use]
    pub fn blocks(self, language: Language) -> Vec<String> {
        match language {
            Language::Fr => fr::say(self),
            Language::En => en::say(self),
        }
    }

    /// Whether the sentence itself says what can be chosen, and how: nothing needs to be numbered under it.
    #[must_use]
    pub fn says_its_choices(self) -> bool {
        matches!(self, Self::SignIn(_))
    }

    /// The whole sentence.
    #[must_use]
    pub fn in_language(self, language: Language) -> String {
        self.blocks(language).join("\n\n")
    }
}

/// Three posts with their numbers, in the blocks that belong together.
fn numbered(intro: &str, [one, two, three]: [&str; 3]) -> Vec<String> {
    vec![intro.to_owned(), format!("*1.* {one}"), format!("*2.* {two}"), format!("*3.* {three}")]
}

/// The beginning of a brief, by which its writer knows it again.
fn beginning(brief: &str) -> String {
    cut(brief, 120)
}

/// How much of a voice note is said back: enough to see whether it was understood, on a few lines of a phone.
const HEARD: usize = 200;

/// What was said, on one line, and cut after a word where it is long.
fn said(words: &str) -> String {
    let one_line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, _)) = one_line.grapheme_indices(true).nth(HEARD) else { return one_line };
    let kept = &one_line[..end];
    // The next one begins a word: nothing is cut. Somebody who speaks in one endless word is cut inside it.
    let whole = one_line[end..].starts_with(' ');
    let kept = if whole { kept } else { kept.rsplit_once(' ').map_or(kept, |(before, _)| before) };
    format!("{}…", kept.trim_end_matches([' ', ',', ';', ':', '.']))
}

/// A text on one line, in at most so many UTF-16 units; never inside an emoji.
fn cut(text: &str, at_most: usize) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let units = |text: &str| text.encode_utf16().count();
    if units(&one_line) <= at_most {
        return one_line;
    }
    let mut kept = String::new();
    for grapheme in one_line.graphemes(true) {
        if units(&kept) + units(grapheme) >= at_most {
            break;
        }
        kept.push_str(grapheme);
    }
    format!("{}…", kept.trim_end())
}

/// What cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// A voice note, or a sound.
    Voice,
    /// A picture without words: asked about.
    Picture,
    /// A video.
    Video,
    /// A document.
    Document,
    /// A sticker.
    Sticker,
    /// A place.
    Place,
    /// Somebody's card.
    Contact,
    /// Anything else.
    Other,
}

impl Unread {
    /// What a provider's word for a kind means (Meta: `type`; Twilio: the first part of a media type).
    #[must_use]
    pub fn of(kind: &str) -> Self {
        match kind {
            "audio" | "voice" => Self::Voice,
            "image" => Self::Picture,
            "video" => Self::Video,
            "document" | "application" | "text" => Self::Document,
            "sticker" => Self::Sticker,
            "location" => Self::Place,
            "contacts" => Self::Contact,
            _ => Self::Other,
        }
    }
}

/// Why a voice note was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    /// Its provider has it no more, or never had.
    Gone,
    /// More bytes than a voice note can have.
    TooLarge,
    /// Longer than a brief could be.
    TooLong,
    /// No sound that can be transcribed.
    Format,
    /// There were no words in it.
    Nothing,
}

/// A command that a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// In French.
    pub fr: &'static str,
    /// In English.
    pub en: &'static str,
}
