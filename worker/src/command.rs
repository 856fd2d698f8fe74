//! What a person asks for, from the words they wrote. Pure: a text in, a command out.
//!
//! Words of commands are compared without case, accents and punctuation; a brief stays exactly as it was written.
//! Everything that can be tapped can be typed: the ids on buttons and rows are read here as well.

#[cfg(test)]
mod fuzz;
mod near;
#[cfg(test)]
mod tests;
mod words;

use shared::language::Language;
use shared::menu::Pick;
use shared::message::Content;
use shared::signin::Secret;
use shared::texts::{SignIn, Text, Unread};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// What can you do?
    Help,
    /// How many credits are left?
    Balance,
    /// Write three posts about this.
    Generate {
        /// The person's words, trimmed.
        brief: String,
    },
    /// `gen` with nothing behind it.
    BriefMissing,
    /// What can be bought; or this pack, by its name or by how many credits it holds.
    Buy {
        /// As it was typed or tapped.
        wish: Option<String>,
    },
    /// Write about the brief that was kept.
    KeptBrief,
    /// The last generations.
    History,
    /// One of the three posts alone: of this generation, or of the last one.
    Post {
        /// Its id; none: the last one's.
        generation: Option<String>,
        /// From 1 to 3.
        number: usize,
    },
    /// Three other posts about the brief of this generation, or of the last one.
    Again {
        /// Its id; none: the last one's.
        generation: Option<String>,
    },
    /// The posts of this generation, or of the last one, revised.
    Revise {
        /// Its id; none: the last one's.
        generation: Option<String>,
        /// How; a translation that names no language is into the other one.
        wish: Wish,
    },
    /// All posts of this generation once more, free.
    Resend(String),
    /// Speak this language from now on; none: ask which.
    Speak(Option<Language>),
    /// How to get into the account on the web.
    Login,
    /// What a browser has asked to be sent, for signing in there.
    SignIn(Secret),
    /// This number stands on the screen.
    SignInNumber {
        /// The sign-in.
        signin: String,
        /// The number.
        number: u8,
    },
    /// It is not me who signs in.
    NotMe,
    /// Send nothing more.
    Stop,
    /// Send again.
    Start,
    /// All that is kept of me.
    Export,
    /// What becomes of my data, and do away with it; and whether that was confirmed.
    Erase {
        /// By the button, or its words.
        confirmed: bool,
    },
    /// One of the choices that were offered last.
    Number(usize),
    /// Yes, to whatever was asked last.
    Yes,
    /// Thanks, a greeting, a thumb: friendly, and nothing to do.
    SmallTalk(SmallTalk),
    /// Almost this command.
    Almost(Known),
    /// Something that cannot be read.
    Unreadable(Unread),
    /// Asked for where the provider has answered already: to stop, or to go on.
    Silenced {
        /// To stop.
        stop: bool,
    },
    /// What they make of a message of ours: kept, and not answered.
    React {
        /// The provider's id of that message.
        to: String,
        /// `None`: taken back.
        emoji: Option<String>,
    },
    /// Nothing to answer.
    Silence,
}

/// How posts are to be revised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Into this language, or the one that they are not in.
    Translate(Option<Language>),
    /// At most half as long.
    Shorten,
}

/// What is said for company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmallTalk {
    /// Bonjour.
    Greeting,
    /// Merci.
    Thanks,
    /// Ok, 👍, and whatever has no words.
    Nod,
    /// Non.
    No,
}

/// A command that words can name, for suggestions and tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// `aide`
    Help,
    /// `solde`
    Balance,
    /// `acheter`
    Buy,
    /// `historique`
    History,
    /// `encore`
    Again,
    /// `traduire`
    Translate,
    /// `plus court`
    Shorten,
    /// `langue`
    Speak,
    /// `connexion`
    Login,
    /// `stop`
    Stop,
    /// `start`
    Start,
    /// `exporter mes données`
    Export,
    /// `supprimer mes données`
    Erase,
    /// `gen`
    Generate,
}

impl Command {
    /// Reads a message.
    #[must_use]
    pub fn parse(content: &Content) -> Self {
        match content {
            Content::Text(text) => Self::read(text.trim()),
            // What was said aloud is read as if it had been written.
            Content::Voice(voice) => match &voice.words {
                Some(words) => Self::read(words.trim()),
                None => Self::Unreadable(Unread::Voice),
            },
            // What is offered no more, and what was never ours, is only recorded.
            Content::Tap { id, .. } => Pick::of(id).map_or(Self::Silence, Self::of),
            Content::Reaction { to, emoji } => Self::React { to: to.clone(), emoji: emoji.clone() },
            Content::Unreadable(kind) => Self::Unreadable(Unread::of(kind)),
            // Twilio's Advanced Opt-Out.
            Content::Silent(kind) if kind == "opt_out_stop" => Self::Silenced { stop: true },
            Content::Silent(kind) if kind == "opt_out_start" => Self::Silenced { stop: false },
            // What they change is read before; here there is nothing to answer.
            Content::Silent(_) | Content::Edit { .. } | Content::Revoke { .. } | Content::Identity(_) => {
                Self::Silence
            }
        }
    }

    fn read(text: &str) -> Self {
        let number = text.trim_end_matches(['.', ')', ' ']);
        if !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Self::Number(number.parse().unwrap_or(usize::MAX));
        }
        if let Some(token) = Secret::found_in(text) {
            return Self::SignIn(token);
        }
        let said = words::plain(text);
        if let Some(known) = words::command(&said) {
            return Self::known(known);
        }
        if let Some(number) = words::post_number(&said) {
            return Self::Post { generation: None, number };
        }
        if let Some(talk) = words::small_talk(&said) {
            return talk;
        }
        if text.contains(':')
            && let Some(pick) = Pick::of(text)
        {
            return Self::of(pick);
        }
        Self::with_rest(text).unwrap_or_else(|| match near::suggestion(&said) {
            Some(known) => Self::Almost(known),
            None => Self::Generate { brief: text.to_owned() },
        })
    }

    /// A word that says something about the words behind it.
    fn with_rest(text: &str) -> Option<Self> {
        let (first, rest) = text.split_once(char::is_whitespace)?;
        let rest = rest.trim();
        // French sets a space before its colon.
        let tail = words::plain(rest.trim_start_matches([':', ' ']));
        match words::command(&words::plain(first))? {
            Known::Generate => Some(Self::Generate { brief: rest.to_owned() }),
            Known::Buy if is_pack(rest) => Some(Self::Buy { wish: Some(rest.to_owned()) }),
            // One word: a language that is spoken, or one that is not, which is asked about.
            Known::Speak if !tail.contains(' ') => Some(Self::Speak(Language::from_tag(&tail))),
            Known::Translate => {
                let into = tail.strip_prefix("en ").or_else(|| tail.strip_prefix("to ")).unwrap_or(&tail);
                let wish = Wish::Translate(Some(Language::from_tag(into)?));
                Some(Self::Revise { generation: None, wish })
            }
            _ => None,
        }
    }

    fn known(known: Known) -> Self {
        match known {
            Known::Help => Self::Help,
            Known::Balance => Self::Balance,
            Known::Buy => Self::Buy { wish: None },
            Known::History => Self::History,
            Known::Again => Self::Again { generation: None },
            Known::Translate => Self::Revise { generation: None, wish: Wish::Translate(None) },
            Known::Shorten => Self::Revise { generation: None, wish: Wish::Shorten },
            Known::Speak => Self::Speak(None),
            Known::Login => Self::Login,
            Known::Stop => Self::Stop,
            Known::Start => Self::Start,
            Known::Export => Self::Export,
            Known::Erase => Self::Erase { confirmed: false },
            Known::Generate => Self::BriefMissing,
        }
    }

    /// What is said when nothing came of it in the end, if an answer was due.
    #[must_use]
    pub fn apology(&self) -> Option<Text<'static>> {
        match self {
            Self::Silence | Self::Silenced { .. } | Self::React { .. } => None,
            Self::Buy { .. } => Some(Text::ShopClosed),
            Self::SignIn(_) | Self::SignInNumber { .. } | Self::NotMe => Some(Text::SignIn(SignIn::Over)),
            _ => Some(Text::Failed),
        }
    }

    /// What a choice asks for.
    #[must_use]
    pub fn of(pick: Pick) -> Self {
        match pick {
            Pick::Shop => Self::Buy { wish: None },
            Pick::Pack(name) => Self::Buy { wish: Some(name) },
            Pick::KeptBrief => Self::KeptBrief,
            Pick::Post { generation, number } => Self::Post { generation: Some(generation), number },
            Pick::Resend(generation) => Self::Resend(generation),
            Pick::Again(generation) => Self::Again { generation: Some(generation) },
            Pick::Translate { into, generation } => {
                Self::Revise { generation: Some(generation), wish: Wish::Translate(Some(into)) }
            }
            Pick::Shorten(generation) => Self::Revise { generation: Some(generation), wish: Wish::Shorten },
            Pick::Speak(language) => Self::Speak(Some(language)),
            Pick::Start => Self::Start,
            Pick::Erase => Self::Erase { confirmed: true },
            Pick::SignIn { signin, number } => Self::SignInNumber { signin, number },
        }
    }
}

/// Whether these words name a pack: a number, or a name that nobody would write in a sentence.
fn is_pack(wish: &str) -> bool {
    wish.parse::<u32>().is_ok() || (wish.contains('_') && !wish.contains(char::is_whitespace))
}
