//! What is said in WhatsApp to who signs in on the web from the phone, and what they send for it.

use crate::language::Language;

/// A sentence about a sign-in on the web.
#[derive(Debug, Clone, Copy)]
pub enum SignIn<'a> {
    /// Which number stands on the screen?
    Ask {
        /// The sign-in.
        id: &'a str,
        /// One of them does.
        numbers: [u8; 3],
        /// The name of the browser.
        browser: Option<&'a str>,
        /// The name of its system.
        system: Option<&'a str>,
        /// The beginning of its address.
        network: Option<&'a str>,
    },
    /// It was the right one.
    Done,
    /// It was not.
    Wrong,
    /// "That is not me": nobody gets in.
    Denied,
    /// "That was not me": the session is closed.
    Closed,
    /// "That is not me", and nothing waits.
    NothingAsked,
    /// The link is not known, or not any more.
    Over,
    /// This person was asked too often.
    TooOften,
}

impl SignIn<'_> {
    pub(super) fn fr(self) -> String {
        let sentence = match self {
            Self::Ask { numbers: [one, two, three], browser, system, network, .. } => {
                let device = match device(browser, system) {
                    Some(device) => format!(" : {device}"),
                    None => " que je ne reconnais pas".to_owned(),
                };
                let network = network.map(|network| format!(" (réseau {network})")).unwrap_or_default();
                return format!(
                    "🔐 Quelqu’un demande à entrer dans votre compte Postly depuis un navigateur{device}{network}.\n\n\
                     Si c’est vous, quel numéro voyez-vous sur cet écran : *{one}*, *{two}* ou *{three}* ?\n\n\
                     Si vous ne voyez aucun numéro, ou si quelqu’un vous a fait envoyer ce message, \
                     répondez *ce n’est pas moi* : personne n’entrera."
                );
            }
            Self::Done => {
                "✅ C’est fait : votre compte s’ouvre dans ce navigateur. \
                 Ce n’était pas vous ? Écrivez tout de suite *ce n’est pas moi*."
            }
            Self::Wrong => {
                "✋ Ce n’est pas le numéro affiché : j’ai annulé la connexion, et personne n’est entré dans votre compte. \
                 Si c’était bien vous, recommencez depuis le site."
            }
            Self::Denied => {
                "✋ C’est annulé : personne n’est entré dans votre compte. \
                 Si quelqu’un vous a envoyé ce lien, ne lui répondez pas."
            }
            Self::Closed => {
                "✋ J’ai fermé la session qui venait d’être ouverte. \
                 Si quelqu’un vous a envoyé ce lien, ne lui répondez pas."
            }
            Self::NothingAsked => {
                "Aucune connexion n’attend de réponse de votre part. \
                 Sur le site, vous pouvez voir où votre compte est ouvert, et le fermer."
            }
            Self::Over => {
                "⏳ Ce lien de connexion n’est plus valable : il ne sert qu’une fois, pendant deux minutes. \
                 Demandez-en un autre sur le site. Rien n’a été débité."
            }
            Self::TooOften => {
                "✋ On vous a demandé trop de connexions en peu de temps. \
                 Si ce n’est pas vous, ne répondez à personne ; sinon, réessayez dans dix minutes."
            }
        };
        sentence.to_owned()
    }

    pub(super) fn en(self) -> String {
        let sentence = match self {
            Self::Ask { numbers: [one, two, three], browser, system, network, .. } => {
                let device = match device(browser, system) {
                    Some(device) => format!(": {device}"),
                    None => " that I do not know".to_owned(),
                };
                let network = network.map(|network| format!(" (network {network})")).unwrap_or_default();
                return format!(
                    "🔐 Somebody is asking to enter your Postly account from a browser{device}{network}.\n\n\
                     If it is you, which number do you see on that screen: *{one}*, *{two}* or *{three}*?\n\n\
                     If you see no number, or if somebody made you send this message, \
                     reply *not me*: nobody will get in."
                );
            }
            Self::Done => {
                "✅ Done: your account is opening in that browser. \
                 It was not you? Write *not me* right away."
            }
            Self::Wrong => {
                "✋ That is not the number on the screen: I have cancelled the sign-in, and nobody has entered your account. \
                 If it was you, start again from the site."
            }
            Self::Denied => {
                "✋ Cancelled: nobody has entered your account. \
                 If somebody sent you that link, do not answer them."
            }
            Self::Closed => {
                "✋ I have closed the session that had just been opened. \
                 If somebody sent you that link, do not answer them."
            }
            Self::NothingAsked => {
                "No sign-in is waiting for an answer from you. \
                 On the site you can see where your account is open, and close it."
            }
            Self::Over => {
                "⏳ This sign-in link is no longer valid: it works once, for two minutes. \
                 Ask for another one on the site. Nothing was charged."
            }
            Self::TooOften => {
                "✋ Too many sign-ins were asked of you in a short time. \
                 If it is not you, answer nobody; otherwise try again in ten minutes."
            }
        };
        sentence.to_owned()
    }

    /// The words that a link writes for who follows it. `token`: as it stands in a message.
    #[must_use]
    pub fn prefilled(token: &str, language: Language) -> String {
        match language {
            Language::Fr => format!("Connexion Postly : {token}"),
            Language::En => format!("Postly sign-in: {token}"),
        }
    }
}

fn device(browser: Option<&str>, system: Option<&str>) -> Option<String> {
    match (browser, system) {
        (Some(browser), Some(system)) => Some(format!("{browser}, {system}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::texts::Text;

    #[test]
    fn everything_that_is_said_about_a_sign_in() {
        let ask = |browser, system, network| SignIn::Ask {
            id: "c1",
            numbers: [12, 47, 83],
            browser,
            system,
            network,
        };
        let all = [
            ask(Some("Firefox"), Some("Windows"), Some("82.65.…")),
            ask(None, Some("iPhone"), None),
            ask(None, None, None),
            SignIn::Done,
            SignIn::Wrong,
            SignIn::Denied,
            SignIn::Closed,
            SignIn::NothingAsked,
            SignIn::Over,
            SignIn::TooOften,
        ];
        let mut page = String::new();
        for said in all {
            for language in Language::ALL {
                let text = Text::SignIn(said);
                writeln!(page, "-- {}\n{}", language.code(), text.in_language(language)).unwrap();
                for choice in text.menu(language).into_iter().flat_map(|menu| menu.choices) {
                    writeln!(page, "[{}] {}", choice.title, choice.id).unwrap();
                }
            }
        }
        for language in Language::ALL {
            writeln!(page, "-- {}\n{}", language.code(), SignIn::prefilled("postly-0123", language)).unwrap();
        }
        insta::assert_snapshot!(page);
    }
}
