//! The words that are commands, in French and in English, and those that are said for company.
//!
//! A message is a command only as a whole: "un post sur le stop-motion" and "aide à domicile" are briefs.

use unicode_segmentation::UnicodeSegmentation;

use super::{Command, Known, SmallTalk};

/// Every command and its words, plain. The first French and the first English one are those that we name ourselves.
pub(super) const WORDS: &[(Known, &[&str])] = &[
    (Known::Help, &["aide", "help", "aidez moi", "menu", "?"]),
    (Known::Balance, &["solde", "balance", "mon solde", "mes credits", "credits"]),
    (Known::Buy, &["acheter", "buy", "recharger", "recharge", "acheter des credits"]),
    (Known::History, &["historique", "history", "mon historique", "mes posts"]),
    (
        Known::Again,
        &["encore", "again", "autre version", "une autre version", "another version", "another one"],
    ),
    (Known::Translate, &["traduire", "translate", "traduis", "traduction"]),
    (Known::Shorten, &["plus court", "shorter", "raccourcir", "raccourcis", "plus courts", "en plus court"]),
    (Known::Speak, &["langue", "lang", "language"]),
    (Known::Login, &["connexion", "login", "se connecter", "connection"]),
    // The words that WhatsApp's users expect to work, whichever service they write to (Meta: messaging policy;
    // Twilio: Advanced Opt-Out).
    (
        Known::Stop,
        &[
            "stop",
            "arret",
            "stopall",
            "stop all",
            "stop tout",
            "arreter",
            "arretez",
            "arrete",
            "desabonner",
            "desabonnement",
            "desinscrire",
            "desinscription",
            "unsubscribe",
            "end",
            "quit",
            "cancel",
            "revoke",
            "optout",
            "opt out",
        ],
    ),
    (Known::Start, &["start", "reprendre", "unstop"]),
    (
        Known::Export,
        &[
            "exporter mes donnees",
            "export my data",
            "mes donnees",
            "my data",
            "exportez mes donnees",
            "telecharger mes donnees",
            "recevoir mes donnees",
            "download my data",
        ],
    ),
    (
        Known::Erase,
        &[
            "supprimer mes donnees",
            "delete my data",
            "supprimez mes donnees",
            "supprime mes donnees",
            "effacer mes donnees",
            "effacez mes donnees",
            "efface mes donnees",
            "erase my data",
            "delete my account",
            "supprimer mon compte",
        ],
    ),
    (Known::Generate, &["gen"]),
];

const THANKS: &[&str] = &[
    "merci",
    "merci beaucoup",
    "merci bien",
    "un grand merci",
    "super merci",
    "parfait merci",
    "ok merci",
    "thanks",
    "thank you",
    "thank you very much",
    "thx",
    "many thanks",
    "thanks a lot",
];
const GREETINGS: &[&str] =
    &["bonjour", "bonsoir", "salut", "coucou", "hello", "hi", "hey", "good morning", "good evening"];
const YES: &[&str] = &["oui", "yes", "ouais", "d accord", "daccord", "vas y", "allez y", "ok", "okay"];
const NO: &[&str] = &["non", "no", "nope", "non merci", "no thanks"];
/// It is not me: said to a question about a sign-in, or too late, or to nothing.
const NOT_ME: &[&str] = &[
    "ce n est pas moi",
    "c est pas moi",
    "ce n etait pas moi",
    "c etait pas moi",
    "pas moi",
    "non ce n est pas moi",
    "non c est pas moi",
    "not me",
    "it s not me",
    "it is not me",
    "that s not me",
    "that is not me",
    "it wasn t me",
    "it was not me",
    "that was not me",
    "no it s not me",
];
const NODS: &[&str] = &[
    "k",
    "super",
    "parfait",
    "genial",
    "top",
    "cool",
    "nickel",
    "bravo",
    "tres bien",
    "great",
    "perfect",
    "nice",
    "awesome",
    "ca marche",
    "c est bon",
    "got it",
    "bien recu",
    "test",
];

/// A text as its words are compared: lower case, no accents of French, one space between words, without a leading slash
/// and without punctuation at its end. A lone question mark stays.
pub(super) fn plain(text: &str) -> String {
    let text = text.trim();
    if text == "?" || text == "??" || text == "/?" {
        return "?".to_owned();
    }
    let text = text.strip_prefix('/').unwrap_or(text);
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || ".,:;!?…".contains(c));
    let folded: String = text
        .to_lowercase()
        .chars()
        .map(|letter| match letter {
            'à' | 'â' | 'ä' => 'a',
            'é' | 'è' | 'ê' | 'ë' => 'e',
            'î' | 'ï' => 'i',
            'ô' | 'ö' => 'o',
            'ù' | 'û' | 'ü' => 'u',
            'ç' => 'c',
            '-' | '’' | '\'' | ',' => ' ',
            other => other,
        })
        .collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The command that these plain words are.
pub(super) fn command(said: &str) -> Option<Known> {
    WORDS.iter().find(|(_, words)| words.contains(&said)).map(|(known, _)| *known)
}

/// `post 2`: which of the three is wanted alone.
pub(super) fn post_number(said: &str) -> Option<usize> {
    let number = said.strip_prefix("post ")?.parse().ok()?;
    (1..=3).contains(&number).then_some(number)
}

/// What is said for company. Signs without a word (👍, "!!", "…") are a nod.
pub(super) fn small_talk(said: &str) -> Option<Command> {
    let talk = |talk| Some(Command::SmallTalk(talk));
    // A thumb behind a word changes nothing.
    let words: String = said.unicode_words().collect::<Vec<_>>().join(" ");
    match words.as_str() {
        // Before any other word: an apostrophe may have been left out.
        _ if NOT_ME.contains(&said) => Some(Command::NotMe),
        _ if !said.chars().any(char::is_alphanumeric) => talk(SmallTalk::Nod),
        word if THANKS.contains(&word) => talk(SmallTalk::Thanks),
        word if GREETINGS.contains(&word) => talk(SmallTalk::Greeting),
        word if YES.contains(&word) => Some(Command::Yes),
        word if NO.contains(&word) => talk(SmallTalk::No),
        word if NODS.contains(&word) => talk(SmallTalk::Nod),
        _ => None,
    }
}
