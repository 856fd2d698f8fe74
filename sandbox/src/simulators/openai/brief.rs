//! What can be understood from a person's words without a model: language, platform, trade, aim, tone, subject.
//!
//! Word lists, nothing more. They are deterministic and honest about their limits: what they do not find stays
//! unknown, as a careful model would leave it.

/// The languages that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `fr`
    French,
    /// `en`
    English,
    /// `es`
    Spanish,
    /// `ar`
    Arabic,
}

impl Language {
    /// Its two letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
            Self::Spanish => "es",
            Self::Arabic => "ar",
        }
    }
}

const FRENCH: &[&str] = &[
    "avec", "au", "aux", "bonjour", "chez", "dans", "de", "des", "du", "en", "est", "et", "fais", "génère",
    "je", "la", "le", "les", "ma", "mes", "moi", "mon", "nos", "notre", "nous", "pour", "que", "qui",
    "salut", "sur", "un", "une", "vous", "écris",
];
const ENGLISH: &[&str] = &[
    "a", "about", "an", "and", "at", "create", "for", "from", "hello", "in", "is", "make", "me", "my", "new",
    "of", "our", "please", "the", "this", "to", "we", "with", "write", "you", "your",
];
const SPANISH: &[&str] =
    &["con", "del", "el", "hola", "las", "los", "mi", "mis", "para", "por", "quiero", "una", "y"];

/// The language of a text, if its words tell.
#[must_use]
pub fn language(text: &str) -> Option<Language> {
    if text.chars().any(|c| ('\u{600}'..='\u{6ff}').contains(&c)) {
        return Some(Language::Arabic);
    }
    let words = words(text);
    let score = |list: &[&str]| words.iter().filter(|word| list.contains(&word.as_str())).count();
    let scores = [
        (score(FRENCH), Language::French),
        (score(ENGLISH), Language::English),
        (score(SPANISH), Language::Spanish),
    ];
    let best = scores.iter().map(|(score, _)| *score).max().unwrap_or_default();
    let mut winners = scores.iter().filter(|(score, _)| *score == best && best > 0);
    match (winners.next(), winners.next()) {
        (Some((_, language)), None) => Some(*language),
        _ => text.chars().any(|c| "éèêàçùœ".contains(c)).then_some(Language::French),
    }
}

/// The language that instructions demand for an answer ("Write in English", `language: fr`), the last one wins.
#[must_use]
pub fn demanded_language(text: &str) -> Option<Language> {
    let text = text.to_lowercase();
    let demands = [
        ("in french", Language::French),
        ("en français", Language::French),
        ("language: fr", Language::French),
        ("langue : fr", Language::French),
        ("\"language\":\"fr\"", Language::French),
        ("in english", Language::English),
        ("en anglais", Language::English),
        ("language: en", Language::English),
        ("langue : en", Language::English),
        ("langue : anglais", Language::English),
        ("\"language\":\"en\"", Language::English),
    ];
    let last = demands.iter().filter_map(|(words, language)| text.rfind(words).map(|at| (at, *language)));
    last.max_by_key(|(at, _)| *at).map(|(_, language)| language)
}

/// Whether somebody chats, and wants no post: a question to a machine, without any word of the trade.
#[must_use]
pub fn is_chat(text: &str) -> bool {
    let text = text.to_lowercase();
    let asks = [
        "quel temps",
        "météo",
        "weather",
        "raconte-moi",
        "tell me a",
        "qui es-tu",
        "who are you",
        "capitale de",
    ];
    let trade =
        words(&text).iter().any(|word| ["post", "posts", "promo", "annonce"].contains(&word.as_str()));
    !trade && asks.iter().any(|ask| text.contains(ask))
}

/// The platform that is named.
#[must_use]
pub fn platform(text: &str) -> Option<&'static str> {
    let words = words(text);
    words.iter().enumerate().find_map(|(index, word)| match word.as_str() {
        "instagram" | "insta" => Some("Instagram"),
        "linkedin" => Some("LinkedIn"),
        "facebook" | "fb" => Some("Facebook"),
        "tiktok" => Some("TikTok"),
        "twitter" => Some("X"),
        // A lone letter is only the platform after a word that points at one.
        "x" if index > 0 && ["on", "pour", "sur", "for"].contains(&words[index - 1].as_str()) => Some("X"),
        _ => None,
    })
}

/// The trade of the person who asks.
#[must_use]
pub fn industry(text: &str) -> Option<&'static str> {
    let trades = [
        ("boulang", "boulangerie"),
        ("baker", "bakery"),
        ("café", "café"),
        ("coffee", "café"),
        ("pizz", "restauration"),
        ("restaurant", "restauration"),
        ("coiff", "coiffure"),
        ("fleur", "fleuriste"),
        ("immobili", "immobilier"),
        ("yoga", "bien-être"),
        ("sport", "sport"),
        ("logiciel", "logiciel"),
        ("software", "logiciel"),
        ("boutique", "commerce"),
        ("shop", "commerce"),
    ];
    find(text, &trades)
}

/// What the posts are for.
#[must_use]
pub fn objective(text: &str) -> Option<&'static str> {
    let aims = [
        ("ouvertur", "annoncer une ouverture"),
        ("opening", "announce an opening"),
        ("lancement", "annoncer un lancement"),
        ("launch", "announce a launch"),
        ("promo", "promouvoir une offre"),
        ("remise", "promouvoir une offre"),
        ("discount", "promote an offer"),
        ("recrut", "recruter"),
        ("hiring", "hire"),
        ("événement", "annoncer un événement"),
    ];
    find(text, &aims)
}

/// How the posts should sound.
#[must_use]
pub fn tone(text: &str) -> Option<&'static str> {
    let tones = [
        ("drôle", "drôle"),
        ("humour", "drôle"),
        ("funny", "funny"),
        ("chaleureu", "chaleureux"),
        ("friendly", "friendly"),
        ("professionnel", "professionnel"),
        ("professional", "professional"),
        ("sérieu", "sérieux"),
    ];
    find(text, &tones)
}

/// What the posts are about, in a few words of the person.
#[must_use]
pub fn subject(text: &str) -> String {
    // Instructions usually quote the person; otherwise the longest line is the one that says something.
    let quoted = text.find('«').zip(text.rfind('»')).filter(|(open, close)| open < close);
    let said = quoted.map_or(text, |(open, close)| &text[open + '«'.len_utf8()..close]);
    let line = said.lines().max_by_key(|line| line.chars().count()).unwrap_or_default();
    let tokens: Vec<&str> = line.split_whitespace().collect();
    let opens = |token: &&str| is_opening(&bare(token)) || platform(&format!("sur {token}")).is_some();
    let start = tokens.iter().position(|token| !opens(token)).unwrap_or(tokens.len());
    let mut kept: Vec<String> = Vec::new();
    for token in &tokens[start..] {
        if platform(&format!("sur {token}")).is_some() {
            // "… sur Instagram": the platform goes, and the word that led to it.
            if kept.last().is_some_and(|last| ["sur", "pour", "on", "for"].contains(&bare(last).as_str())) {
                kept.pop();
            }
            continue;
        }
        let ours = match bare(token).as_str() {
            "mon" | "ma" => "notre",
            "mes" => "nos",
            "my" => "our",
            _ => token,
        };
        if kept.iter().map(|word| word.chars().count() + 1).sum::<usize>() + ours.chars().count() > 70 {
            break;
        }
        kept.push(ours.to_owned());
    }
    let subject = kept.join(" ");
    let subject = subject.trim_matches(|c: char| c.is_whitespace() || ",.;:!?\"'-–—".contains(c));
    match (subject.is_empty(), language(text)) {
        (false, _) => subject.to_owned(),
        (true, Some(Language::English)) => "our latest news".to_owned(),
        (true, _) => "notre nouveauté".to_owned(),
    }
}

/// Lower-case words, accents kept.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn find(text: &str, table: &[(&str, &'static str)]) -> Option<&'static str> {
    let text = text.to_lowercase();
    table.iter().find(|(stem, _)| text.contains(stem)).map(|(_, name)| *name)
}

fn bare(token: &str) -> String {
    token.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

/// Words that ask for posts rather than say what they are about.
fn is_opening(word: &str) -> bool {
    let asking = [
        "",
        "3",
        "a",
        "about",
        "an",
        "bonjour",
        "create",
        "crée",
        "des",
        "d'un",
        "fais",
        "fais-moi",
        "for",
        "gen",
        "generate",
        "genere",
        "génère",
        "génère-moi",
        "gén",
        "hello",
        "hi",
        "je",
        "make",
        "me",
        "moi",
        "on",
        "please",
        "post",
        "posts",
        "pour",
        "promo",
        "promotion",
        "publication",
        "publications",
        "rédige",
        "salut",
        "some",
        "sur",
        "three",
        "trois",
        "un",
        "une",
        "veux",
        "voudrais",
        "write",
        "écris",
        "écris-moi",
    ];
    asking.contains(&word)
}
